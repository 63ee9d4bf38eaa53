"""Random names nobody can guess, and how they are kept."""

import base64
import hashlib
import secrets


def random_token() -> str:
    """256 random bits for an address or a cookie."""
    return secrets.token_urlsafe(32)


def random_key() -> str:
    """130 random bits in 26 letters and digits that survive any provider's rules: [a-z2-7]."""
    return base64.b32encode(secrets.token_bytes(17)).decode().lower()[:26]


def digest(token: str) -> bytes:
    """What is stored in a token's place: a leaked table opens nothing. Tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()
