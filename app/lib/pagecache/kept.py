"""One value that many requests need, kept as long as nothing it is made of has changed."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from app.lib.db import db, reading_from
from app.lib.pagecache.versions import slots_of, versions

V = TypeVar("V")


class Kept(Generic[V]):
    """A value that every page needs, read again when a tag of it has changed; without a listener after `seconds`."""

    def __init__(self, read: Callable[[], V], *tags: str, seconds: float = 2.0):
        self._read, self._slots, self._seconds = read, slots_of(tags), seconds
        self._kept: tuple[V, int | None, float] | None = None

    def get(self) -> V:
        now = time.monotonic()
        sequence = versions.sequence if versions.is_trusted(now) else None
        kept = self._kept
        if kept is None or not self._is_good(kept[1], sequence, kept[2], now):
            with reading_from(db.engine):  # a late replica would be believed until the next change
                kept = self._kept = (self._read(), sequence, now + self._seconds)
        return kept[0]

    @property
    def is_exact(self) -> bool:
        """Whether what `get` gives back is never older than the last commit that was noticed."""
        return versions.is_trusted(time.monotonic())

    def forget(self) -> None:
        self._kept = None

    def _is_good(self, read_at: int | None, sequence: int | None, until: float, now: float) -> bool:
        if sequence is None:
            return now < until
        return read_at is not None and versions.is_fresh(read_at, self._slots)
