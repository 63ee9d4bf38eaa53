"""What this process knows about change: which pages are out of date, and until when it may be believed.

A sequence counts the notices that were heard. Each tag, hashed to a slot, remembers the number at which it last
changed. A page carries the number at which its rendering began, so one that was rendered while an edit committed
is older than the notice and never fresh.

Pages that travel between processes carry a `Position` instead: which transactions the database had finished. A notice
names its transaction, so a page is out of date exactly when a notice about it names one that its position lacks.
"""

import threading
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

SLOTS = 1 << 14
EVERYTHING = "*"
ALL = -1  # the slot of EVERYTHING among the transactions
TRUST = 3.0  # seconds since the database last answered the listener
OLDEST = 300.0  # seconds a page lives at most
MOST_NOTICES = 20_000  # remembered to judge pages that others rendered


@dataclass(frozen=True, slots=True)
class Position:
    """A moment of the database: a snapshot's bounds, and its WAL address."""

    xmin: int
    xmax: int
    running: frozenset[int]
    lsn: str

    def has(self, transaction: int) -> bool:
        """Whether whoever reads from here on sees what that transaction did."""
        return transaction < self.xmin or (transaction < self.xmax and transaction not in self.running)

    def written(self) -> str:
        """As PostgreSQL writes a snapshot: 10:20:12,15"""
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"


def snapshot(written: str, lsn: str = "") -> Position:
    """Raises ValueError for anything but a snapshot."""
    xmin, xmax, running = written.split(":")
    return Position(int(xmin), int(xmax), frozenset(map(int, filter(None, running.split(",")))), lsn)


@dataclass(frozen=True, slots=True)
class Notice:
    """A transaction that changed what some pages show."""

    transaction: int
    slots: tuple[int, ...]


def slot_of(tag: str) -> int:
    """The same in every process."""
    return ALL if tag == EVERYTHING else zlib.crc32(tag.encode()) % SLOTS


def slots_of(tags: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({slot_of(tag) for tag in tags}))


class Versions:
    """Written by the listener, read by every request without a lock: each name is rebound, nothing changes in place
    but the numbers in `_changed`, and those before the sequence."""

    def __init__(self) -> None:
        self.sequence = 0
        self.ends = 0.0  # by the monotonic clock: the next moment at which something changes by itself
        self.position: Position | None = None  # all that it has, has been heard of
        self._clock = 0.0  # of the database, in seconds since 1970, less the monotonic one
        self._changed = [0] * SLOTS
        self._all = 0
        self._trusted_until = 0.0
        self._floor = 0
        self._noticed: dict[int, tuple[int, ...]] = {}
        self._log: deque[tuple[float, Notice]] = deque()
        self._writing = threading.Lock()

    def is_trusted(self, now: float) -> bool:
        """Whether every notice until a moment ago has been heard. `now` is of the monotonic clock."""
        return now < self._trusted_until

    def is_fresh(self, sequence: int, slots: Iterable[int]) -> bool:
        """Whether nothing that was shown at that number has changed since."""
        if sequence == self.sequence:
            return True
        changed = self._changed
        return sequence >= self._all and all(changed[slot] <= sequence for slot in slots)

    def has_seen(self, position: Position, slots: Iterable[int]) -> bool:
        """Whether a page read at that position, in any process, shows everything that was noticed about it."""
        if position.xmax <= self._floor:
            return False  # from before this process listened: nobody can say what it missed
        noticed = self._noticed
        return all(position.has(one) for slot in (ALL, *slots) for one in noticed.get(slot, ()))

    def here(self, at: float) -> float:
        """A moment of the database's clock, seconds since 1970, by our monotonic one."""
        return at - self._clock

    def there(self, at: float) -> float:
        """A moment of our monotonic clock by the database's."""
        return at + self._clock

    def begin(self, floor: int) -> None:
        """A listener is connected, after transaction `floor`: whatever was kept before is forgotten."""
        with self._writing:
            self._floor = floor
            self.position = None
            self._noticed, self._log = {}, deque()
            self._all = self.sequence + 1
            self.sequence = self._all

    def lost(self) -> None:
        self._trusted_until = 0.0

    def hear(self, notices: Iterable[Notice], position: Position | None, at: float, ends: float, now: float) -> None:
        """Take in what was noticed, then the position, if it is certain by now that all it has was noticed.

        `at` is the database's clock and `ends` the next moment by it, both asked for after `now`. While nothing is
        noticed an old position does: whoever reads later sees more than it has, and no page is thought too new.
        """
        with self._writing:
            self._clock = at - now
            self.ends = self.here(ends)
            self.position = position  # before the sequence, and none while it may lack what the sequence tells of
            heard = list(notices)
            if heard:
                self._take_in(heard, now)
            self._forget_old(now)
            if self.position:
                self._trusted_until = now + TRUST

    def _take_in(self, notices: list[Notice], now: float) -> None:
        number = self.sequence + 1
        for notice in notices:
            for slot in notice.slots:
                if slot == ALL:
                    self._all = number
                else:
                    self._changed[slot] = number
                self._noticed[slot] = (*self._noticed.get(slot, ()), notice.transaction)
            self._log.append((now, notice))
        self.sequence = number

    def _forget_old(self, now: float) -> None:
        """A notice is needed as long as there can be a page that was read before it."""
        if len(self._log) > MOST_NOTICES and self.position is not None:
            self._floor = self.position.xmax
            self._noticed, self._log = {}, deque()
        while self._log and self._log[0][0] < now - OLDEST - 2 * TRUST:
            _, notice = self._log.popleft()
            for slot in notice.slots:
                rest = tuple(one for one in self._noticed.get(slot, ()) if one != notice.transaction)
                if rest:
                    self._noticed[slot] = rest
                else:
                    self._noticed.pop(slot, None)


versions = Versions()
