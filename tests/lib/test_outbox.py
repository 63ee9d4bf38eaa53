"""What must happen later happens: once when all goes well, again when something dies, and never unseen."""

import select
import threading
from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import ConnectionError as NoRedis
from sqlalchemy import text

from app.lib import jobs, outbox
from app.lib.db import db, session, transaction
from app.lib.outbox import BACK_OFF, Claim, Outbox, Relay, lease_due
from app.lib.queue import Bell
from tests.races.meeting import kinds, until


@pytest.fixture
def work(monkeypatch):
    """A job called test.work that notes what it was asked; what it does can be changed."""
    done = []
    monkeypatch.setitem(jobs._jobs, "test.work", lambda **ids: done.append(ids))
    return done


def send(**more):
    with transaction():
        outbox.send("test.work", **more)
    return newest().id


def newest():
    session().rollback()
    return session().query(Outbox).order_by(Outbox.id.desc()).first()


def rows():
    session().rollback()
    return session().query(Outbox).count()


def time_passes(seconds, outbox_id):
    """For one row everything that was to come is that much nearer."""
    with transaction() as current:
        current.execute(
            text("""
                UPDATE outbox SET due_at = due_at - make_interval(secs => :seconds),
                                  leased_until = leased_until - make_interval(secs => :seconds) WHERE id = :id
            """),
            {"seconds": seconds, "id": outbox_id},
        )


class Unlucky(Exception):
    pass


def test_what_is_sent_in_a_transaction_that_fails_was_never_sent():
    with pytest.raises(Unlucky), transaction():
        outbox.send("test.work")
        raise Unlucky

    assert rows() == 0


def test_it_is_there_when_the_transaction_commits_and_not_before():
    with transaction():
        outbox.send("test.work", order_id=7)
        with db.engine.connect() as another:
            assert another.scalar(text("SELECT count(*) FROM outbox")) == 0

    assert newest().payload == {"order_id": 7}


def test_nothing_is_sent_outside_a_transaction():
    with pytest.raises(RuntimeError, match="Only inside transaction"):
        outbox.send("test.work")


def test_an_inner_block_leaves_its_message_to_the_outer_one():
    with pytest.raises(Unlucky), transaction():
        with transaction():
            outbox.send("test.work")
        raise Unlucky

    assert rows() == 0


def test_the_same_key_is_sent_once(at_once):
    outcomes = at_once(*[lambda: send(key="letter:1")] * 4)

    assert kinds(outcomes) == {"done": 4}
    assert rows() == 1


def test_the_same_key_twice_in_one_transaction_is_one_row():
    with transaction():
        outbox.send("test.work", key="letter:1")
        outbox.send("test.work", key="letter:1")

    assert rows() == 1


def test_a_commit_wakes_whoever_listens():
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listening:
        listening.execute(text("LISTEN outbox"))
        raw = listening.connection.dbapi_connection

        send()

        assert select.select([raw], [], [], 5)[0]


def test_what_is_not_due_yet_waits():
    send(due_in=60)

    assert lease_due(db.engine, 30) == []


def test_a_job_is_done_and_stamped(run_jobs, work):
    send(order_id=7)

    assert run_jobs() == 1

    assert work == [{"order_id": 7}]
    assert newest().done_at is not None
    assert run_jobs() == 0


def test_a_crash_before_the_job_was_begun_sends_it_again(work):
    row = send()
    ((_, lost),) = lease_due(db.engine, 30)
    assert lease_due(db.engine, 30) == []

    time_passes(31, row)
    ((_, lease),) = lease_due(db.engine, 30)
    jobs.run(row, lease)
    jobs.run(row, lost)

    assert len(work) == 1
    assert newest().done_at is not None


def test_a_crash_between_the_work_and_the_stamp_does_it_again(work):
    row = send()
    ((_, lease),) = lease_due(db.engine, 30)
    crashed = Claim(db.engine, row, lease, 30)
    jobs.do(crashed.row.topic, crashed.row.payload)

    time_passes(31, row)
    ((_, lease),) = lease_due(db.engine, 30)
    jobs.run(row, lease)

    assert len(work) == 2
    assert newest().attempts == 2


def test_a_job_queued_twice_runs_once(at_once, work):
    row = send()
    ((_, lease),) = lease_due(db.engine, 30)

    outcomes = at_once(*[lambda: jobs.run(row, lease)] * 4)

    assert kinds(outcomes) == {"done": 4}
    assert len(work) == 1


def test_two_relays_never_take_the_same_row(at_once):
    for _ in range(40):
        send()

    taken = at_once(*[lambda: [row for row, _ in lease_due(db.engine, 30, most=15)]] * 4)

    each = [row for rows in taken for row in rows]
    assert len(each) == len(set(each)) == 40


def test_rows_that_another_relay_is_taking_are_passed_over():
    row = send()
    with db.engine.begin() as other:
        other.execute(text("SELECT 1 FROM outbox WHERE id = :id FOR UPDATE"), {"id": row})

        assert lease_due(db.engine, 30) == []


def test_guard_off_without_skip_locked_a_relay_waits_for_the_other(monkeypatch):
    row = send()
    monkeypatch.setattr(outbox, "LEASE", text(outbox.LEASE.text.replace("SKIP LOCKED", "NOWAIT")))
    with db.engine.begin() as other:
        other.execute(text("SELECT 1 FROM outbox WHERE id = :id FOR UPDATE"), {"id": row})

        with pytest.raises(Exception, match="could not obtain lock"):
            lease_due(db.engine, 30)


def test_a_long_job_keeps_its_lease():
    row, finish = send(), threading.Event()
    ((_, lease),) = lease_due(db.engine, 30)
    claim = Claim(db.engine, row, lease, 1)
    over_without_renewal = datetime.now(UTC) + timedelta(seconds=1)
    worker = threading.Thread(target=claim.run, args=(lambda: finish.wait(20),))
    worker.start()

    try:
        until(lambda: datetime.now(UTC) > over_without_renewal)
        assert newest().leased_until > over_without_renewal
        assert lease_due(db.engine, 30) == []
    finally:
        finish.set()
        worker.join(10)

    assert newest().done_at is not None


def test_a_job_that_lost_its_lease_cannot_stamp_the_next_one_s_work(work):
    row = send()
    ((_, lease),) = lease_due(db.engine, 30)
    slow = Claim(db.engine, row, lease, 30)
    time_passes(31, row)
    lease_due(db.engine, 30)

    slow.run(lambda: None)

    assert newest().done_at is None


def test_a_job_that_fails_is_tried_again_later_and_later(monkeypatch):
    row = send()
    monkeypatch.setitem(jobs._jobs, "test.work", _fail)

    for wait in BACK_OFF:
        _run_next(row)
        left = (newest().due_at - datetime.now(UTC)).total_seconds()
        assert 0.75 * wait < left < 1.25 * wait
        assert newest().last_error == "Unlucky: no luck"
        time_passes(2 * wait, row)


def test_a_job_that_always_fails_is_given_up_and_seen(monkeypatch):
    row = send()
    monkeypatch.setitem(jobs._jobs, "test.work", _fail)

    for _ in range(len(BACK_OFF) + 1):
        _run_next(row)
        time_passes(10**6, row)

    assert (newest().dead_at is not None, newest().attempts) == (True, len(BACK_OFF) + 1)
    assert lease_due(db.engine, 30) == []


def test_a_topic_nobody_knows_waits_for_a_newer_worker(run_jobs):
    with transaction():
        outbox.send("from.the_future")

    run_jobs()

    assert newest().done_at is None and newest().last_error.startswith("LookupError")


def test_without_redis_nothing_is_taken_and_nothing_is_lost(work, run_jobs):
    relay = Relay(db.engine, Bell("redis://127.0.0.1:9/0").ring, 30)
    for _ in range(3):
        send()

    assert relay.relay() == 0

    assert session().query(Outbox).filter(Outbox.lease.is_not(None)).count() == 0
    assert run_jobs() == 3


def test_what_redis_took_before_it_died_is_not_taken_back(work):
    rung = []

    def dies_after_one(row, lease):
        if rung:
            raise NoRedis
        rung.append((row, lease))

    for _ in range(3):
        send()
    Relay(db.engine, dies_after_one, 30).relay()

    assert len(lease_due(db.engine, 30)) == 2
    jobs.run(*rung[0])
    assert len(work) == 1


def test_a_relay_carries_what_is_sent_while_it_listens(environ, work):
    rung, stop = [], threading.Event()
    relay = Relay(db.engine, lambda *pair: rung.append(pair), 30)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        for number in range(3):
            send(number=number)
        until(lambda: len(rung) == 3)
    finally:
        stop.set()
        thread.join(5)

    assert [row for row, _ in rung] == sorted(row for row, _ in rung)


def test_a_relay_outlives_the_loss_of_its_connection(work):
    rung, stop = [], threading.Event()
    relay = Relay(db.engine, lambda *pair: rung.append(pair), 30)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        send()
        until(lambda: len(rung) == 1)
        with db.engine.begin() as connection:
            connection.execute(
                text("""
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()
                """)
            )
        send()
        until(lambda: len(rung) == 2)
    finally:
        stop.set()
        thread.join(5)


def test_rows_done_long_ago_are_forgotten(run_jobs, work):
    old, fresh = send(), send()
    run_jobs()
    with transaction() as current:
        current.execute(text("UPDATE outbox SET done_at = now() - interval '8 days' WHERE id = :id"), {"id": old})

    outbox.forget_done(db.engine)

    assert [row.id for row in session().query(Outbox)] == [fresh]


def _run_next(row):
    ((_, lease),) = lease_due(db.engine, 30)
    jobs.run(row, lease)


def _fail():
    raise Unlucky("no luck")


def test_a_job_that_kills_every_worker_is_given_up_and_seen(work):
    outbox_id = send(order_id=1)
    for _ in range(outbox.MOST_STARTS):
        ((_, lease),) = lease_due(db.engine, 30)
        Claim(db.engine, outbox_id, lease, 30)  # and the worker dies
        time_passes(60, outbox_id)

    ((_, lease),) = lease_due(db.engine, 30)
    jobs.run(outbox_id, lease)

    assert work == []
    assert newest().dead_at is not None
    assert "never ended" in newest().last_error


def test_a_long_backlog_stays_in_the_table(monkeypatch):
    monkeypatch.setattr(outbox, "OUTSTANDING", 3)
    for number in range(5):
        send(order_id=number)

    assert len(lease_due(db.engine, 30)) == 3
    assert lease_due(db.engine, 30) == []
