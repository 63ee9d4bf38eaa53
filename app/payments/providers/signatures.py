"""Signatures of the form `t=<unix seconds>,v1=<hex>`, as Stripe writes them and several others after it."""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256

from app.payments.providers.base import BadSignature

TOLERANCE = 300  # seconds, into the past and into the future


def sign(body: bytes, secret: str, at: int) -> str:
    """The header for these bytes at this time."""
    return f"t={at},v1={_digest(body, secret, str(at))}"


def verify(header: str, body: bytes, secrets: Sequence[str], *, now: float) -> None:
    """Raise BadSignature unless one of `secrets` signed exactly these bytes within TOLERANCE of `now`.

    The secrets are several while one replaces another. Any `v1` may match; other schemes are ignored.
    """
    stamp, signatures = _parts(header)
    expected = [_digest(body, secret, stamp).encode() for secret in secrets if secret.strip()]
    known = [hmac.compare_digest(mac, one.encode("utf-8", "replace")) for mac in expected for one in signatures]
    if not any(known):
        raise BadSignature("No signature in the header matches these bytes.")
    if abs(now - int(stamp)) > TOLERANCE:
        raise BadSignature(f"Signed at {stamp}, more than {TOLERANCE} seconds away from now.")


def _parts(header: str) -> tuple[str, list[str]]:
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for key, _, value in pairs if key == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 12):
        raise BadSignature("The signature header has no timestamp.")
    return stamps[0], [value for key, _, value in pairs if key == "v1"]


def _digest(body: bytes, secret: str, stamp: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()


def header_named(headers: Mapping[str, str], name: str) -> str:
    """The header in whatever case it was kept; empty when missing."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")
