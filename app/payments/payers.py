"""Who presses Pay: what a provider wants to know of them, and digests that let tries be counted without names."""

import hashlib
import hmac
from dataclasses import dataclass

from app.lib import runtime


@dataclass(frozen=True)
class Payer:
    """Plain facts from the request. `session` names the shopper's browser or account, `network` where they are.

    `phone` is the number to be charged, as it was typed, for providers that need one. Empty means unknown.
    """

    phone: str = ""
    session: str = ""
    network: str = ""

    @property
    def session_digest(self) -> str:
        return _digest("session", self.session)

    @property
    def network_digest(self) -> str:
        return _digest("network", self.network)


NOBODY = Payer()


def _digest(kind: str, value: str) -> str:
    """Keyed, because there are few enough addresses to try them all."""
    if not value:
        return ""
    key = runtime.settings().secret_key.encode()
    return hmac.new(key, f"payer:{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
