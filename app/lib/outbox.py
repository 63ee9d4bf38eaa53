"""What must happen later: rows written with the decision, relayed to the queue, done at least once.

Redis is only a bell. A row is undone until the runner stamps `done_at`; a lease that runs out is sent again.
"""

import json
import logging
import random
import secrets
import select
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, Index, bindparam, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.lib import prepared
from app.lib.db import CreatedAt, Model, defer, session

log = logging.getLogger(__name__)

CHANNEL = "outbox"
BACK_OFF = (10, 60, 300, 1800, 7200, 21600)  # seconds before try 2, 3, …; after the last the row is dead
MOST_STARTS = 12  # a job that began so often and never ended has killed each worker that took it
OUTSTANDING = 1000  # leased rows at most: a long backlog stays in the table instead of being queued twice


class Outbox(Model):
    """One thing to do. `key` makes it unique; `lease` names who has it until `leased_until`."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "due_at", postgresql_where=text("done_at IS NULL AND dead_at IS NULL")),
    )

    topic: Mapped[str]
    payload: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


def send(topic: str, *, key: str | None = None, due_in: int = 0, **ids: Any) -> None:
    """Do `topic` after this transaction committed, and only then. `due_in` is in seconds.

    A second send with the same key is ignored. Arguments are ids, never objects.
    Raises RuntimeError outside `transaction()`.
    """
    defer(_write, {"topic": topic, "key": key, "due_in": due_in, "payload": ids})


WAITS = text("""
    SELECT EXISTS (
        SELECT FROM outbox WHERE topic = :topic AND payload = :ids AND done_at IS NULL AND dead_at IS NULL)
""").bindparams(bindparam("ids", type_=JSONB))


def waits(topic: str, **ids: Any) -> bool:
    """Whether this was sent for before and is not done yet, nor given up."""
    return bool(session().scalar(WAITS, {"topic": topic, "ids": ids}))


# One statement for all rows of a transaction, and one NOTIFY that wakes the relay when it commits.
WRITE = """
    WITH added AS (
        INSERT INTO outbox (topic, key, payload, due_at)
        SELECT topic, key, payload, now() + make_interval(secs => due_in)
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (topic text, key text, payload jsonb, due_in int)
        ON CONFLICT (key) DO NOTHING
        RETURNING 1
    )
    SELECT pg_notify(:channel, '') FROM (SELECT count(*) FROM added) AS counted
"""


def _write(_current: Session, rows: list[dict[str, Any]]) -> None:
    prepared.run(WRITE, {"rows": json.dumps(rows), "channel": CHANNEL})


SETTLE = text("UPDATE outbox SET done_at = now() WHERE key = :key AND dead_at IS NOT NULL AND done_at IS NULL")


def settle(key: str) -> None:
    """What the dead row with this key was to do has been done another way. Inside `transaction()`."""
    session().execute(SETTLE, {"key": key})


# Materialized: a plan that asked the inner query once for each row would take more than its limit.
LEASE = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox
        WHERE done_at IS NULL AND dead_at IS NULL AND due_at <= now()
          AND (leased_until IS NULL OR leased_until <= now())
        ORDER BY due_at
        LIMIT greatest(0, least(:most, :outstanding - (
            SELECT count(*) FROM outbox WHERE done_at IS NULL AND dead_at IS NULL AND leased_until > now())))
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET lease = :lease || '-' || outbox.id, leased_until = now() + make_interval(secs => :seconds)
    FROM due WHERE outbox.id = due.id
    RETURNING outbox.id, outbox.lease
""")
RETURN = text("UPDATE outbox SET lease = NULL, leased_until = NULL WHERE id = :id AND lease = :lease")


def lease_due(engine: Engine, seconds: int, most: int = 200) -> list[tuple[int, str]]:
    """Take the rows that are due: (id, lease) each. Two relays never take the same row."""
    with engine.begin() as connection:
        rows = connection.execute(
            LEASE,
            {"lease": secrets.token_hex(8), "seconds": seconds, "most": most, "outstanding": OUTSTANDING},
        ).all()
    return sorted((row.id, row.lease) for row in rows)


class Relay:
    """Carries due rows to the queue: woken by NOTIFY, looking each second in any case."""

    def __init__(self, engine: Engine, enqueue: Callable[[int, str], None], lease: int):
        """`enqueue(outbox_id, lease)` puts one job in the queue; `lease` is in seconds."""
        self.engine = engine
        self.enqueue = enqueue
        self.lease = lease

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop` is set; a lost database or queue is waited for."""
        while not stop.is_set():
            try:
                self._listen(stop)
            except (DBAPIError, OSError) as error:
                log.warning("The relay lost the database and tries again: %s", type(error).__name__)
                stop.wait(1)
            except Exception:
                log.exception("The relay stumbled and goes on")
                stop.wait(1)

    def _listen(self, stop: threading.Event) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"LISTEN {CHANNEL}"))
            raw: Any = connection.connection.dbapi_connection
            while not stop.is_set():
                while self.relay() == 200:
                    continue
                select.select([raw], [], [], 1)
                raw.poll()
                raw.notifies.clear()

    def relay(self) -> int:
        """Carry what is due now; returns how many rows. What the queue refuses is due again at once."""
        taken = lease_due(self.engine, self.lease)
        for outbox_id, lease in taken:
            try:
                self.enqueue(outbox_id, lease)
            except Exception as error:
                log.warning("The queue is away; job %s waits: %s", outbox_id, type(error).__name__)
                self._give_back([(i, name) for i, name in taken if i >= outbox_id])
                return 0
        return len(taken)

    def _give_back(self, rows: list[tuple[int, str]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(RETURN, [{"id": outbox_id, "lease": lease} for outbox_id, lease in rows])


CLAIM = text("""
    UPDATE outbox SET lease = :mine, leased_until = now() + make_interval(secs => :seconds),
                      attempts = attempts + 1
    WHERE id = :id AND lease = :lease AND done_at IS NULL AND dead_at IS NULL
    RETURNING topic, payload, attempts
""")
RENEW = text("""
    UPDATE outbox SET leased_until = now() + make_interval(secs => :seconds)
    WHERE id = :id AND lease = :mine AND done_at IS NULL
""")
DONE = text("UPDATE outbox SET done_at = now(), last_error = NULL WHERE id = :id AND lease = :mine")
LATER = text("""
    UPDATE outbox SET lease = NULL, leased_until = NULL, last_error = :error,
                      due_at = now() + make_interval(secs => :wait)
    WHERE id = :id AND lease = :mine
""")
DEAD = text("""
    UPDATE outbox SET lease = NULL, leased_until = NULL, last_error = :error, dead_at = now()
    WHERE id = :id AND lease = :mine
""")


class Claim:
    """One row in hand: renewed by a thread while the job runs, then stamped done, later or dead.

    A job queued twice finds that its lease has another name by now, and does nothing.
    """

    def __init__(self, engine: Engine, outbox_id: int, lease: str, seconds: int):
        self.engine = engine
        self.id = outbox_id
        self.mine = "run-" + secrets.token_hex(8)
        self.seconds = seconds
        self._over = threading.Event()
        with engine.begin() as connection:
            self.row = connection.execute(
                CLAIM, {"id": outbox_id, "lease": lease, "mine": self.mine, "seconds": seconds}
            ).one_or_none()

    def run(self, work: Callable[..., None], *args: Any) -> None:
        """Do the work, at most once at a time, and write down how it ended."""
        assert self.row is not None
        if self.row.attempts > MOST_STARTS:
            self._stamp(DEAD, error=f"Began {MOST_STARTS} times and never ended.")
            return
        renewer = threading.Thread(target=self._renew, daemon=True)
        renewer.start()
        try:
            work(*args)
        except Exception as error:
            log.exception("Job %s failed", self.id)
            self._failed(f"{type(error).__name__}: {error}"[:500])
        else:
            self._stamp(DONE)
        finally:
            self._over.set()

    def _renew(self) -> None:
        while not self._over.wait(self.seconds / 3):
            try:
                self._stamp(RENEW, seconds=self.seconds)
            except DBAPIError:
                log.warning("The lease of job %s could not be renewed", self.id)

    def _failed(self, error: str) -> None:
        assert self.row is not None
        tries = self.row.attempts
        if tries > len(BACK_OFF):
            self._stamp(DEAD, error=error)
            return
        wait = BACK_OFF[tries - 1] * random.uniform(0.8, 1.2)  # noqa: S311
        self._stamp(LATER, error=error, wait=wait)

    def _stamp(self, statement: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement, {"id": self.id, "mine": self.mine, **values})


def forget_done(engine: Engine) -> None:
    """Drop rows done more than a week ago, a thousand at a time so that no lock is held for long."""
    statement = text("""
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE done_at < now() - interval '7 days' LIMIT 1000)
    """)
    while True:
        with engine.begin() as connection:
            if not connection.execute(statement).rowcount:
                return
