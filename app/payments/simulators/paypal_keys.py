"""Our PayPal's own key and certificate, which sign its messages; made anew by each process."""

import base64
import json
import re
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

ALGORITHM = "SHA256withRSA"
CERTIFICATE = "/v1/notifications/certs/CERT-simulated"
NAME = "messageverificationcerts.simulated.paypal.com"


@dataclass(frozen=True)
class Keys:
    """A private key, and the certificate of its public half in PEM."""

    private: rsa.RSAPrivateKey
    pem: bytes


@lru_cache(maxsize=1)
def keys() -> Keys:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=3650))
        .sign(private, SHA256())
    )
    return Keys(private, certificate.public_bytes(serialization.Encoding.PEM))


def signed(body: bytes, webhook_id: str, base_url: str, at: float) -> dict[str, str]:
    """The headers that go with these bytes to this webhook."""
    transmission_id = str(uuid.uuid4())
    time = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = keys().private.sign(_text(transmission_id, time, webhook_id, body), padding.PKCS1v15(), SHA256())
    return {
        "PAYPAL-TRANSMISSION-ID": transmission_id,
        "PAYPAL-TRANSMISSION-TIME": time,
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
        "PAYPAL-CERT-URL": base_url + CERTIFICATE,
        "PAYPAL-AUTH-ALGO": ALGORITHM,
    }


def is_ours(question: bytes, asked: Mapping[str, Any], webhook_id: str) -> bool:
    """Whether what is asked about was signed here, for this webhook, over exactly the bytes it was asked with."""
    if (asked["auth_algo"], asked["webhook_id"]) != (ALGORITHM, webhook_id):
        return False
    signed_text = _text(asked["transmission_id"], asked["transmission_time"], webhook_id, _event(question))
    try:
        signature = base64.b64decode(asked["transmission_sig"], validate=True)
        keys().private.public_key().verify(signature, signed_text, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return str(asked["cert_url"]).endswith(CERTIFICATE)


def _text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def _event(question: bytes) -> bytes:
    """The event as it stands in the question, byte for byte."""
    written = question.decode()
    begins = re.search(r'"webhook_event"\s*:\s*', written)
    if begins is None:
        return b""
    _, ends = json.JSONDecoder().raw_decode(written, begins.end())
    return written[begins.end() : ends].encode()
