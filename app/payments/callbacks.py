"""Addresses that only a provider and we know, one for each attempt: the proof of a message that is not signed."""

import hmac
from hashlib import sha256

from app.lib import runtime

UNSIGNED = frozenset({"mpesa"})  # providers whose messages are believed for the address they came to


def url_of(provider: str, reference: str) -> str:
    """Where this provider tells about this attempt. It is a secret: never shown, and masked in logs."""
    return f"{runtime.settings().shop_url}/payments/{provider}/webhook/{reference}/{_token(reference)}"


def is_right(provider: str, reference: str, token: str) -> bool:
    """Whether that is the address of this attempt; compared in constant time."""
    return hmac.compare_digest(_token(reference).encode(), token.encode()) and provider in UNSIGNED


def _token(reference: str) -> str:
    """128 bits that follow from the shop's key, so that nothing has to be kept and no look-up tells what exists."""
    key = runtime.settings().secret_key.encode()
    return hmac.new(key, f"callback:{reference}".encode(), sha256).hexdigest()[:32]
