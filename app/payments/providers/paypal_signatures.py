"""Whether a message is PayPal's: by its certificate here, or else by asking PayPal.

Here needs only the certificate, which is kept; so most messages are checked without a word to anybody. Asking is for
when no good certificate can be had. A server in PayPal's place has no certificate a shop could trust, so it is asked.
"""

import base64
import binascii
import json
import re
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.payments.providers.base import BadSignature, ProviderRefused, ProviderUnavailable
from app.payments.providers.signatures import header_named

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

ALGORITHM = "SHA256withRSA"
HOSTS = frozenset({"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"})
# The whole address comes with the message, so it may lead nowhere else than to a certificate at PayPal.
PATH = re.compile(r"/v1/notifications/certs/[A-Za-z0-9._-]{1,200}")
LARGEST = 64 * 1024  # bytes of a certificate with its chain
LONGEST = 3.0  # seconds to fetch one
KEPT = 16  # certificates; PayPal uses one or two at a time
AT_ONCE = 2  # threads that may wait for PayPal because of messages; anybody can send us some


class NoCertificate(Exception):
    """There is no certificate here by which to judge; PayPal may still be asked."""


@dataclass(frozen=True)
class Transmission:
    """What the headers say about a message."""

    id: str
    time: str
    signature: str
    certificate_url: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Transmission":
        """Raises BadSignature when anything is missing, or signed another way than PayPal signs."""
        if header_named(headers, "PAYPAL-AUTH-ALGO") != ALGORITHM:
            raise BadSignature(f"The message is not signed with {ALGORITHM}.")
        names = ("PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME", "PAYPAL-TRANSMISSION-SIG", "PAYPAL-CERT-URL")
        values = [header_named(headers, name) for name in names]
        if not all(0 < len(value) <= 2000 for value in values):
            raise BadSignature("The message lacks a part of its signature.")
        return cls(*values)

    def signed_text(self, webhook_id: str, body: bytes) -> bytes:
        return f"{self.id}|{self.time}|{webhook_id}|{zlib.crc32(body)}".encode()


class Certificates:
    """PayPal's certificates by their address, fetched once. `roots` are whom we trust to name PayPal."""

    def __init__(
        self,
        fetch: Callable[[str], bytes] | None = None,
        roots: "Callable[[], Sequence[Certificate]] | None" = None,
    ) -> None:
        self._fetch = fetch or _fetched
        self._roots = roots or _system_roots
        self._kept: OrderedDict[str, Sequence[Certificate]] = OrderedDict()
        self._lock = threading.Lock()

    def key_at(self, url: str, now: datetime) -> "RSAPublicKey":
        """The public key of PayPal's certificate. Raises BadSignature for an address that is not PayPal's."""
        if not _is_paypals(url):
            raise BadSignature("The certificate is not at PayPal.")
        with self._lock:
            chain = self._kept.get(url)
        if chain is not None:
            return _trusted(chain, self._roots(), now)
        with _few():
            chain = _read(self._fetch(url))
        key = _trusted(chain, self._roots(), now)
        self._keep(url, chain)
        return key

    def _keep(self, url: str, chain: "Sequence[Certificate]") -> None:
        with self._lock:
            self._kept[url] = chain
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


class Signatures:
    """Judges messages to one webhook address. `ask` puts a question to PayPal and gives back its answer's verdict.

    Without `certificates` PayPal is always asked.
    """

    def __init__(
        self,
        webhook_id: str,
        ask: Callable[[bytes], Mapping[str, Any]],
        certificates: Certificates | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._webhook_id = webhook_id
        self._ask = ask
        self._certificates = certificates
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises BadSignature, and ProviderUnavailable when nobody can tell now."""
        transmission = Transmission.of(headers)
        if self._certificates is not None:
            try:
                today = datetime.fromtimestamp(self._now(), UTC)
                key = self._certificates.key_at(transmission.certificate_url, today)
            except NoCertificate:
                pass
            else:
                _check(key, transmission.signature, transmission.signed_text(self._webhook_id, body))
                return
        with _few():
            self._ask_paypal(transmission, body)

    def _ask_paypal(self, transmission: Transmission, body: bytes) -> None:
        try:
            answer = self._ask(_question(transmission, self._webhook_id, body))
        except ProviderRefused as no:
            raise BadSignature(f"PayPal does not understand this signature ({no.code}).") from None
        if answer.get("verification_status") != "SUCCESS":
            raise BadSignature("PayPal says that this message is not its own.")


def _question(transmission: Transmission, webhook_id: str, body: bytes) -> bytes:
    """The message goes in byte for byte, because PayPal's verdict is about its bytes; read and written anew it fails.

    So it must be one whole object first: a message that ended early could go on with fields of its sender's choice.
    """
    try:
        is_object = isinstance(json.loads(body.decode("utf-8")), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise BadSignature("The message is not one JSON object.")
    fields = {
        "auth_algo": ALGORITHM,
        "cert_url": transmission.certificate_url,
        "transmission_id": transmission.id,
        "transmission_sig": transmission.signature,
        "transmission_time": transmission.time,
        "webhook_id": webhook_id,
    }
    return json.dumps(fields).encode()[:-1] + b', "webhook_event": ' + body + b"}"


def _check(key: "RSAPublicKey", signature: str, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(base64.b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        raise BadSignature("The signature does not match these bytes.") from None


def _is_paypals(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.netloc == parts.hostname and port is None and not parts.query and not parts.fragment
    return parts.scheme == "https" and plain and parts.hostname in HOSTS and bool(PATH.fullmatch(parts.path))


def _read(pem: bytes) -> "Sequence[Certificate]":
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise NoCertificate("What is there is no certificate.") from None


def _trusted(chain: "Sequence[Certificate]", roots: "Sequence[Certificate]", now: datetime) -> "RSAPublicKey":
    """The key of the first one, when the others lead from it to a root, all are in date, and it is PayPal's."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import verification
    from cryptography.x509.oid import NameOID

    leaf = chain[0]
    names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1 or not names[0].endswith(".paypal.com"):
        raise NoCertificate("The certificate is not PayPal's.")
    # It names no server we talk to, so what a server's certificate must say of itself does not matter here.
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(now.replace(tzinfo=None))
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=verification.ExtensionPolicy.permit_all(),
        )
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(chain[1:]))
    except verification.VerificationError as error:
        raise NoCertificate(f"The certificate is not to be trusted: {error}") from None
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NoCertificate("The certificate holds no RSA key.")
    return key


@lru_cache(maxsize=1)
def _system_roots() -> "Sequence[Certificate]":
    import warnings

    import certifi
    from cryptography import x509

    with open(certifi.where(), "rb") as file, warnings.catch_warnings():
        # Some old roots have serial numbers that are not allowed today.
        warnings.simplefilter("ignore")
        return x509.load_pem_x509_certificates(file.read())


def _fetched(url: str) -> bytes:
    """Raises NoCertificate for anything but an answer of a bearable size within LONGEST."""
    import requests

    from app.payments.providers import deadline

    parts: list[bytes] = []
    try:
        limits = (2.0, LONGEST)
        with (
            deadline.session() as session,
            session.get(url, timeout=limits, allow_redirects=False, stream=True) as response,
        ):
            if response.status_code != 200:
                raise NoCertificate(f"PayPal answered {response.status_code} where its certificate should be.")
            for piece in response.iter_content(8192):
                parts.append(piece)
                if sum(map(len, parts)) > LARGEST:
                    raise NoCertificate("The certificate is too large.")
    except requests.exceptions.RequestException as error:
        raise NoCertificate(f"The certificate cannot be fetched ({type(error).__name__}).") from None
    return b"".join(parts)


_places = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def _few() -> Iterator[None]:
    if not _places.acquire(timeout=2.0):
        raise ProviderUnavailable("Enough messages are being checked just now.", outcome_unknown=False)
    try:
        yield
    finally:
        _places.release()
