"""Hears what changes in the database, in a thread of each web process, and answers those who wait for that."""

import logging
import select
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import psycopg2
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.lib.pagecache.versions import Notice, Position, Versions, slots_of, snapshot

log = logging.getLogger(__name__)

CHANNEL = "pages"  # what changed: "<transaction> <tag> <tag> …", or a question: "? <name>"
HEARD = "pages_heard"  # the answer of each process: "<name>"
NAME = "sokoni-pages"
EACH = 1.0  # seconds between two looks at a quiet database
JUST_AFTER = 0.002  # seconds: a moment that has come is looked at once more when it is over
PATIENCE = 0.5  # seconds an edit waits at most until every process knows

_moments: dict[str, str] = {"midnight": "date_trunc('day', now(), 'UTC') + interval '1 day'"}


def changes_at(name: str, expression: str) -> None:
    """SQL for the next moment after now() at which pages change by the clock, or null: a sale that begins, a date.

    It is asked each second by every process, so it must be one step into an index.
    """
    _moments[name] = expression


class Listener:
    """Keeps `versions` true until stopped. A lost connection is made again; until then nothing kept is believed."""

    def __init__(self, engine: Engine, versions: Versions):
        self._engine = create_engine(engine.url, poolclass=NullPool, connect_args=_arguments(engine))
        self._versions = versions
        self._stop = threading.Event()
        self._bell, self._button = socket.socketpair()
        self.thread = threading.Thread(target=self._run, name="pages", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._button.close()  # which wakes whoever waits at the bell
        self.thread.join(5)
        self._bell.close()
        self._versions.lost()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (DBAPIError, psycopg2.Error, OSError, ValueError) as error:
                self._versions.lost()
                log.warning("Pages are not kept while the database is out of reach: %s", type(error).__name__)
            except Exception:
                self._versions.lost()
                log.exception("Listening for changes stumbled and goes on")
            self._stop.wait(EACH / 2)

    def _listen(self) -> None:
        question = text(POSITION.format(moments=", ".join(_moments.values())))
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            raw: Any = connection.connection.dbapi_connection
            own = f"{CHANNEL}_{raw.info.backend_pid}"
            connection.execute(text(f"LISTEN {own}"))
            connection.execute(text(f"LISTEN {CHANNEL}"))
            connection.execute(text(f"SET application_name = '{NAME}'"))
            self._versions.begin(int(connection.scalar(text("SELECT pg_current_xact_id()::text"))))
            ear = Ear(connection, raw, question, own, self._bell)
            pause = 0.0
            while not self._stop.is_set():
                pause = self._round(ear, ear.wait(pause))

    def _round(self, ear: "Ear", payloads: list[str]) -> float:
        """Take in what was heard, then answer; gives back how long nothing can change by itself, in seconds."""
        now = time.monotonic()
        at, ends, payloads = ear.ask(payloads)
        self._versions.hear(_notices(payloads), ear.position, at, ends, now)
        for payload in payloads:
            if payload.startswith("? "):
                ear.answer(payload[2:])
        return min(EACH, max(0.0, self._versions.ends - time.monotonic()) + JUST_AFTER)


class Ear:
    """The connection that listens, and the last position of which every notice has come.

    A snapshot may have a transaction whose notice is still on its way. So a notice of our own is sent after it: they
    come in the order of commits, so with ours all those have come that the snapshot has.
    """

    def __init__(self, connection: Any, raw: Any, question: Any, own: str, bell: socket.socket):
        self._connection, self._raw, self._question, self._own, self._bell = connection, raw, question, own, bell
        self._asked: tuple[str, Position] | None = None
        self._number = 0
        self.position: Position | None = None

    def wait(self, seconds: float) -> list[str]:
        """What was heard within that time, or until the bell rings; nothing but ours is sent on these channels."""
        if not self._raw.notifies:
            select.select([self._raw, self._bell], [], [], seconds)
            self._raw.poll()
        return self._drained()

    def ask(self, payloads: list[str]) -> tuple[float, float, list[str]]:
        """The database's clock, the next moment by it, and all that was heard until now.

        What is heard of while asking may be younger than the answer: then the next moment is now, and no position is
        certain, until the next question.
        """
        token = ""
        if self.position is None or _tell_of_changes(payloads):
            self._number += 1
            token = f"= {self._number}"
            self.position = None
        row = self._connection.execute(self._question, {"own": self._own, "token": token}).one()
        if token:
            self._asked = (token, snapshot(row.snapshot, row.lsn))
        late = self._drained()
        payloads = payloads + late
        if self._asked and self._asked[0] in payloads:
            self.position, self._asked = self._asked[1], None
        if _tell_of_changes(late):
            self.position = None
            return float(row.at), float(row.at), payloads
        return float(row.at), float(row.next), payloads

    def answer(self, name: str) -> None:
        self._connection.execute(text("SELECT pg_notify(:channel, :name)"), {"channel": HEARD, "name": name})

    def _drained(self) -> list[str]:
        payloads = [notice.payload for notice in self._raw.notifies if notice.payload]
        self._raw.notifies.clear()
        return payloads


POSITION = """
    SELECT pg_current_snapshot()::text AS snapshot, extract(epoch FROM now()) AS at,
        pg_current_wal_insert_lsn()::text AS lsn, extract(epoch FROM least({moments})) AS next,
        CASE WHEN :token <> '' THEN pg_notify(:own, :token) END
"""


def _arguments(engine: Engine) -> dict[str, Any]:
    """Those of every connection, and a network that says nothing for two seconds counts as gone."""
    _, given = engine.dialect.create_connect_args(engine.url)
    return {"connect_timeout": 4, "options": "-c timezone=UTC -c statement_timeout=2s", "tcp_user_timeout": 2000} | {
        name: value for name, value in given.items() if name in ("sslmode", "sslrootcert")
    }


def _tell_of_changes(payloads: Iterable[str]) -> bool:
    return any(payload[0].isdigit() for payload in payloads)


def _notices(payloads: Iterable[str]) -> list[Notice]:
    found = []
    for payload in payloads:
        number, _, tags = payload.partition(" ")
        if number.isdigit():
            found.append(Notice(int(number), slots_of(tags.split())))
    return found


ASK = text("""
    SELECT pg_notify(:channel, '? ' || :name),
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :listeners)
""")


def wait_until_known(engine: Engine, name: str) -> bool:
    """Wait until every process has heard of what is committed by now, half a second at most; False when one has not.

    Notices come in the order of their commits, so whoever answers this question has heard all before it.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw: Any = connection.connection.dbapi_connection
        connection.execute(text(f"LISTEN {HEARD}"))
        try:
            _, missing = connection.execute(ASK, {"channel": CHANNEL, "name": name, "listeners": NAME}).one()
            deadline = time.monotonic() + PATIENCE
            while missing > 0:
                if not raw.notifies:
                    select.select([raw], [], [], max(0.0, deadline - time.monotonic()))
                    raw.poll()
                missing -= sum(notice.payload == name for notice in raw.notifies)
                raw.notifies.clear()
                if time.monotonic() > deadline:
                    return bool(missing <= 0)
        finally:
            connection.execute(text(f"UNLISTEN {HEARD}"))
            raw.notifies.clear()
    return True


__all__ = ["Listener", "Position", "changes_at", "wait_until_known"]
