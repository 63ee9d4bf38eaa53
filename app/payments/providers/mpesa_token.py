"""The token with which everything is asked at Daraja: fetched with the keys, and kept until it ends."""

import threading
from collections.abc import Callable

from app.payments.providers.base import NotConfigured, ProviderUnavailable
from app.payments.providers.http import Answer, Caller

PATH = "/oauth/v1/generate"
SPARE = 60  # seconds before its end in which a token is no longer used


class Token:
    """One for the process; whoever finds it ended fetches the next, the others wait for that."""

    def __init__(self, caller: Caller, keys: tuple[str, str], now: Callable[[], float]) -> None:
        self._caller = caller
        self._keys = keys
        self._now = now
        self._lock = threading.Lock()
        self._value = ""
        self._ends_at = 0.0

    def current(self) -> str:
        """Raises ProviderUnavailable, never with an unknown outcome, and NotConfigured for keys that are not taken."""
        with self._lock:
            if not self._value or self._now() > self._ends_at - SPARE:
                self._fetch()
            return self._value

    def forget(self, value: str) -> None:
        """This one was refused. Somebody else may have fetched another meanwhile, which stays."""
        with self._lock:
            if self._value == value:
                self._value = ""

    def _fetch(self) -> None:
        try:
            answer = self._caller.ask("GET", PATH, params={"grant_type": "client_credentials"}, auth=self._keys)
        except ProviderUnavailable as silence:
            raise ProviderUnavailable(str(silence), outcome_unknown=False) from None
        if 400 <= answer.status < 500:
            raise NotConfigured("M-Pesa does not accept MPESA_CONSUMER_KEY with MPESA_CONSUMER_SECRET.")
        value, lives = answer.body.get("access_token"), _seconds(answer)
        if not answer.is_fine or not isinstance(value, str) or not value or lives is None:
            raise ProviderUnavailable(f"M-Pesa answered {answer.status} without a token.", outcome_unknown=False)
        self._value, self._ends_at = value, self._now() + lives


def _seconds(answer: Answer) -> int | None:
    said = str(answer.body.get("expires_in", ""))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else None
