"""Access tokens that are fetched with a shop's keys and live for some hours: one for the process, renewed in time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

SPARE = 60  # seconds before its end in which a token is no longer used


@dataclass(frozen=True)
class Fetched:
    """A token, and how many seconds it lives."""

    value: str
    lives: int


class Token:
    """Whoever finds it ended fetches the next one; the others wait for that instead of fetching too.

    `fetch` raises ProviderUnavailable, never with an unknown outcome, and NotConfigured for keys that are not taken.
    """

    def __init__(self, fetch: Callable[[], Fetched], now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._value = ""
        self._ends_at = 0.0

    def current(self) -> str:
        with self._lock:
            if not self._value or self._now() > self._ends_at - SPARE:
                fetched = self._fetch()
                self._value, self._ends_at = fetched.value, self._now() + fetched.lives
            return self._value

    def forget(self, value: str) -> None:
        """This one was refused. Somebody else may have fetched another meanwhile, which stays."""
        with self._lock:
            if self._value == value:
                self._value = ""
