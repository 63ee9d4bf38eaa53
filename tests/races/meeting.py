"""Making people meet: crowds that start together, and gates that hold one of them between looking and taking."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import text

from app import invariants
from app.lib.db import db, session

Deed = Callable[[], Any]
THREADS = 12  # more would only wait for one of the pool's eight connections


def crowd(at_once: Callable[..., list[Any]], deeds: Iterable[Deed], *, threads: int = THREADS) -> list[Any]:
    """Do many things, a few at any moment; gives back what each returned, or the error it raised."""
    waiting: queue.SimpleQueue[Deed] = queue.SimpleQueue()
    for deed in deeds:
        waiting.put(deed)
    outcomes: list[Any] = []

    def helper() -> None:
        while True:
            try:
                deed = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                outcomes.append(deed())
            except Exception as error:
                outcomes.append(error)
            finally:
                db.session.remove()

    helpers = at_once(*[helper] * threads)
    assert not any(helpers), helpers
    return outcomes


def kinds(outcomes: Iterable[Any]) -> Counter[str]:
    """How many of each kind: the name of an error, or "done"."""
    return Counter(type(one).__name__ if isinstance(one, Exception) else "done" for one in outcomes)


class Gate:
    """Stops whoever comes first at a named function, until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        self._first = threading.Lock()

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, and then the gate: what was read is known, and nothing has been written yet."""

        def gated(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self._stop()
            return result

        return gated

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The gate, and then the function."""

        def gated(*args: Any, **kwargs: Any) -> Any:
            self._stop()
            return function(*args, **kwargs)

        return gated

    def _stop(self) -> None:
        if self._first.acquire(blocking=False):
            self.reached.set()
            assert self._opened.wait(20), "Nobody opened the gate."

    def open(self) -> None:
        self._opened.set()


def overtake(at_once: Callable[..., list[Any]], gate: Gate, first: Deed, second: Deed) -> list[Any]:
    """`first` stops at the gate; `second` runs until it ends or waits for a lock; then `first` goes on."""
    over = threading.Event()

    def later() -> Any:
        assert gate.reached.wait(20), "The gate was never reached."
        try:
            return second()
        finally:
            over.set()

    def keeper() -> None:
        assert gate.reached.wait(20), "The gate was never reached."
        until(lambda: over.is_set() or somebody_waits())
        gate.open()

    outcomes = at_once(first, later, keeper)
    assert outcomes.pop() is None
    return outcomes


def somebody_waits() -> bool:
    """Whether a connection to this database waits for a lock that another one holds."""
    waiting = text("""
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """)
    with db.engine.connect() as connection:
        return bool(connection.scalar(waiting))


def until(ask: Callable[[], Any], *, seconds: float = 20) -> Any:
    """The first true answer. Fails when none has come by the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"Nothing true within {seconds} s."
        time.sleep(0.01)
    return answer


def assert_sound() -> None:
    """Every invariant of the shop holds."""
    session().rollback()
    broken = [(finding.name, finding.broken) for finding in invariants.check() if finding.broken]
    session().rollback()
    assert not broken, broken


def count(sql: str, **values: Any) -> int:
    """The number a `SELECT count(*)` gives now."""
    session().rollback()
    found = session().scalar(text(sql), values)
    session().rollback()
    return int(found or 0)
