"""Whether a provider answers, known to every process: after five failures in a row nobody asks it for a while.

When the pause is over one call goes through, and how it ends decides for all. Nothing is written while all is
well, and what was read counts for two seconds.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.lib.db import db, session
from app.payments.models import ProviderHealth

log = logging.getLogger(__name__)

MOST_FAILURES = 5  # in a row
FIRST_PAUSE = 30  # seconds; each failed probe doubles it
LONGEST_PAUSE = 300
PROBE_TAKES = 60  # seconds until another may try, should the one who asked have died; no job asks longer
FRESH = 2.0  # seconds


@dataclass(frozen=True)
class Health:
    """How a provider fares. `asked_again_at` is a reading of the monotonic clock, None while it is open."""

    failures: int = 0
    asked_again_at: float | None = None

    @property
    def is_closed(self) -> bool:
        return self.asked_again_at is not None and self.asked_again_at > time.monotonic()


WELL = Health()


class _Memory:
    """What this process read last. Whoever changes the table has everybody here read it again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[float, Mapping[str, Health]] | None = None
        self._edition = 0

    def recall(self) -> Mapping[str, Health]:
        with self._lock:
            known, edition = self._known, self._edition
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        found = _read()
        with self._lock:
            if edition == self._edition:
                self._known = time.monotonic(), found
        return found

    def forget(self) -> None:
        with self._lock:
            self._known = None
            self._edition += 1


_memory = _Memory()
forget = _memory.forget


def of(name: str) -> Health:
    return _memory.recall().get(name, WELL)


def is_closed(name: str) -> bool:
    """Whether nobody asks this provider now, so that it is not offered either."""
    return of(name).is_closed


def admit(name: str) -> bool | None:
    """Whether a call may go out: None when it may not, True when it is the one that finds out for all."""
    known = of(name)
    if known.failures < MOST_FAILURES:
        return False
    if known.is_closed:
        return None
    if _write(PROBE, name, seconds=PROBE_TAKES):
        return True
    # Somebody was quicker, or the provider is back.
    return False if of(name).failures < MOST_FAILURES else None


def failed(name: str, sentence: str, *, was_probe: bool) -> None:
    """The provider gave no answer. Calls that end after it was closed say nothing new; only a probe does."""
    closes = _write(
        FAILED,
        name,
        sentence=sentence[:500],
        was_probe=was_probe,
        most=MOST_FAILURES,
        first=FIRST_PAUSE,
        longest=LONGEST_PAUSE,
    )
    if closes:
        log.warning("%s gives no answer; nobody asks it for a while: %s", name, sentence)


def answered(name: str) -> None:
    """The provider gave an answer, be it a no: it is open again."""
    if of(name).failures and _write(ANSWERED, name):
        log.warning("%s answers again", name)


def ask_soon(name: str) -> None:
    """Let the next call go out as a probe: a person wants to know."""
    _write(SOON, name)


@dataclass(frozen=True)
class Fares:
    """How a provider fares, for staff. `closed_until` is None unless nobody asks it now."""

    name: str
    title: str
    failures: int = 0
    closed_until: datetime | None = None
    last_error: str = ""
    failed_at: datetime | None = None


def of_all(providers: Iterable[tuple[str, str]]) -> list[Fares]:
    """How each of these, given by name and title, fares now."""
    known = {row.provider: row for row in session().scalars(select(ProviderHealth))}
    return [
        Fares(name, title, row.failures, _if_ahead(row.closed_until), row.last_error, row.failed_at)
        if (row := known.get(name))
        else Fares(name, title)
        for name, title in providers
    ]


def _if_ahead(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and moment > datetime.now(UTC) else None


READ = text("SELECT provider, failures, extract(epoch FROM closed_until - now()) AS closed_for FROM provider_health")

FAILED = text("""
    INSERT INTO provider_health AS h (provider, failures, last_error, failed_at)
    VALUES (:name, 1, :sentence, now())
    ON CONFLICT (provider) DO UPDATE SET
        failures = h.failures + 1, last_error = excluded.last_error, failed_at = excluded.failed_at,
        closed_until = CASE WHEN h.failures + 1 >= :most THEN now() + make_interval(
            secs => least(:first * 2 ^ least(h.failures + 1 - :most, 20), :longest)) END
    WHERE h.failures < :most OR :was_probe
    RETURNING closed_until IS NOT NULL
""")
PROBE = text("""
    UPDATE provider_health SET closed_until = now() + make_interval(secs => :seconds)
    WHERE provider = :name AND closed_until <= now()
    RETURNING true
""")
ANSWERED = text("""
    UPDATE provider_health SET failures = 0, closed_until = NULL
    WHERE provider = :name AND failures > 0
    RETURNING closed_until IS NULL
""")
SOON = text("UPDATE provider_health SET closed_until = now() WHERE provider = :name AND closed_until > now()")


def _read() -> Mapping[str, Health]:
    with _reader() as reader:
        rows = reader.execute(READ).all()
    return {row.provider: _health(row) for row in rows}


def _health(row: Any) -> Health:
    closed_for = row.closed_for
    return Health(row.failures, None if closed_for is None else time.monotonic() + float(closed_for))


def _reader() -> AbstractContextManager[Session | Connection]:
    """The connection at hand, or one for this question alone: none may be held while a provider is asked."""
    current = session()
    return nullcontext(current) if current.in_transaction() else db.engine.connect()


def _write(statement: Any, name: str, **values: Any) -> bool:
    """One statement in a transaction of its own; True when it says so. What the provider said counts without it."""
    try:
        with db.engine.begin() as connection:
            result = connection.execute(statement, {"name": name, **values})
            said = bool(result.returns_rows and result.scalar())
    except (DBAPIError, PoolTimeout) as error:
        log.warning("How %s fares could not be written down: %s", name, type(error).__name__)
        return False
    finally:
        forget()
    return said
