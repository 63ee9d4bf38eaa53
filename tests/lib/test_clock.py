"""Periodic work is started once in each period, however many clocks tick, and caught up once after a pause."""

import threading

import pytest
from sqlalchemy import text

from app.lib import clock, jobs
from app.lib.clock import Clock, Task
from app.lib.db import db, session, transaction
from tests.races.meeting import count, until

SENT = "SELECT count(*) FROM outbox WHERE topic = :topic"


@pytest.fixture
def tasks(monkeypatch):
    """Two tasks of our own instead of the shop's: one each half minute, one each hour."""
    tasks = {"test.often": Task("test.often", 30), "test.hourly": Task("test.hourly", 3600)}
    monkeypatch.setattr(clock, "_tasks", tasks)
    return tasks


def slot_was(ago, topic):
    """The last slot of a task began so many seconds earlier than it did, and so did what it sent."""
    values = {"ago": ago, "topic": topic}
    with transaction() as current:
        current.execute(
            text("UPDATE clock_slots SET slot = slot - make_interval(secs => :ago) WHERE task = :topic"), values
        )
        current.execute(text("UPDATE outbox SET key = key || ' earlier' WHERE topic = :topic"), values)


def test_every_task_starts_at_once_when_the_shop_is_new(tasks):
    assert Clock(db.engine).tick() == 2

    assert count(SENT, topic="test.often") == count(SENT, topic="test.hourly") == 1


def test_within_its_period_a_task_is_not_started_again(tasks):
    Clock(db.engine).tick()

    assert Clock(db.engine).tick() == 0


def test_two_clocks_that_tick_together_start_a_slot_once(tasks, at_once):
    started = at_once(*[Clock(db.engine).tick] * 6)

    assert sum(started) == 2
    assert count(SENT, topic="test.often") == 1


def test_two_clocks_that_both_saw_the_task_due_start_it_once(tasks, at_once):
    Clock(db.engine).tick()
    slot_was(30, "test.often")

    started = at_once(*[Clock(db.engine).tick] * 6)

    assert sum(started) == 1
    assert count(SENT, topic="test.often") == 2


def test_guard_off_without_the_slot_two_clocks_start_it_twice(tasks, monkeypatch):
    monkeypatch.setattr(
        clock,
        "TICK",
        text("""
            WITH written AS (INSERT INTO outbox (topic, payload) VALUES (:topic, '{}') RETURNING 1)
            SELECT count(*), CAST(:seconds AS int) FROM written
        """),
    )

    Clock(db.engine).tick()
    Clock(db.engine).tick()

    assert count(SENT, topic="test.hourly") == 2


def test_an_hour_that_nobody_was_awake_for_is_caught_up_once(tasks):
    Clock(db.engine).tick()
    slot_was(3 * 3600, "test.hourly")
    slot_was(3 * 3600, "test.often")

    assert [Clock(db.engine).tick(), Clock(db.engine).tick()] == [2, 0]

    assert count(SENT, topic="test.hourly") == count(SENT, topic="test.often") == 2


def test_a_slot_that_was_taken_has_its_work_written_down_or_neither(tasks, monkeypatch):
    broken = clock.TICK.text.replace("'{}'::jsonb", "NULL")
    monkeypatch.setattr(clock, "TICK", text(broken))

    with pytest.raises(Exception, match="null value"):
        Clock(db.engine).tick()

    assert count("SELECT count(*) FROM clock_slots") == 0


def test_slots_begin_at_whole_multiples_so_that_clocks_agree(tasks):
    Clock(db.engine).tick()

    offsets = session().execute(text("SELECT task, extract(epoch FROM slot)::bigint % 30 FROM clock_slots")).all()
    assert {offset for _, offset in offsets} == {0}


def test_a_running_clock_ticks_by_itself_until_it_is_stopped(tasks):
    stop = threading.Event()
    thread = threading.Thread(target=Clock(db.engine).run, args=(stop,))
    thread.start()

    until(lambda: count(SENT, topic="test.hourly") == 1)
    stop.set()
    thread.join(5)

    assert not thread.is_alive()


def test_the_shop_s_own_periodic_work_has_jobs_that_do_it():
    assert {task.topic for task in clock.tasks()} <= jobs.topics()
