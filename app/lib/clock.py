"""Periodic work: each slot of each task is started once, however many clocks tick."""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, Engine, text
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import Base

log = logging.getLogger(__name__)


class ClockSlot(Base):
    """The last slot of a task that was started; a slot begins at a whole multiple of the task's period."""

    __tablename__ = "clock_slots"

    task: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Task:
    topic: str
    seconds: int


_tasks: dict[str, Task] = {}


def every(seconds: int, topic: str) -> None:
    """Send `topic` once in each period of `seconds`. A period nobody was awake for is caught up once."""
    _tasks[topic] = Task(topic, seconds)


def tasks() -> list[Task]:
    return sorted(_tasks.values(), key=lambda task: task.topic)


DUE = text("""
    SELECT wanted.topic, wanted.seconds
    FROM unnest(CAST(:topics AS text[]), CAST(:seconds AS int[])) AS wanted (topic, seconds)
    LEFT JOIN clock_slots ON clock_slots.task = wanted.topic
    WHERE clock_slots.slot IS NULL
       OR clock_slots.slot <= now() - make_interval(secs => wanted.seconds)
""")

# The slot is taken and the work written down in one statement, so a crash between the two is impossible.
TICK = text("""
    WITH period AS (
        SELECT :topic AS task, to_timestamp(floor(extract(epoch FROM now()) / :seconds) * :seconds) AS slot
    ), taken AS (
        INSERT INTO clock_slots AS c (task, slot) SELECT task, slot FROM period
        ON CONFLICT (task) DO UPDATE SET slot = excluded.slot WHERE c.slot < excluded.slot
        RETURNING task, slot
    ), written AS (
        INSERT INTO outbox (topic, payload, key)
        SELECT task, '{}'::jsonb, 'clock:' || task || ':' || extract(epoch FROM slot)::bigint FROM taken
        ON CONFLICT (key) DO NOTHING RETURNING 1
    )
    SELECT count(*), pg_notify('outbox', '') FROM written
""")


class Clock:
    """Ticks each second until stopped."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(1):
            try:
                self.tick()
            except (DBAPIError, TimeoutError) as error:
                log.warning("The clock waits for the database: %s", type(error).__name__)

    def tick(self) -> int:
        """Start what is due; returns how many tasks were started by this tick."""
        wanted = tasks()
        names = {"topics": [t.topic for t in wanted], "seconds": [t.seconds for t in wanted]}
        with self.engine.begin() as connection:
            due = connection.execute(DUE, names).all()
            return sum(connection.execute(TICK, row._asdict()).one()[0] for row in due)
