"""Every message is lost: providers are asked, not too often, by several workers at once, and never for ever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Select, text

from app.checkout import endings
from app.checkout import services as checkout
from app.lib.clock import Clock, tasks
from app.lib.db import db, session, transaction
from app.payments import pace, polling
from app.payments.queries import attempts_of
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends import KeepingSimulator
from tests.races.meeting import Gate, assert_sound, count
from tests.races.paying import let_hold_run_out, press_pay, status_of

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def asked_at(page_lives: timedelta, until: timedelta, **more: Any) -> list[int]:
    """The ages, in seconds, at which an attempt is asked about."""
    now = BEGAN + pace.first_pause(on_the_phone=more.get("on_the_phone", False))
    ages = []
    while now < BEGAN + until:
        ages.append(int((now - BEGAN).total_seconds()))
        now += pace.pause(BEGAN, BEGAN + page_lives, now, **more)
    return ages


@pytest.mark.pure
def test_somebody_who_may_be_paying_is_looked_for_every_four_minutes_at_least() -> None:
    ages = asked_at(timedelta(minutes=50), timedelta(minutes=50))

    assert ages[:4] == [60, 180, 420, 660]
    assert max(later - sooner for sooner, later in pairwise(ages)) == 240


@pytest.mark.pure
def test_after_that_the_waits_grow_to_an_hour() -> None:
    ages = asked_at(timedelta(0), timedelta(hours=6))

    assert [later - sooner for sooner, later in pairwise(ages)][:6] == [
        120,
        300,
        600,
        1800,
        3600,
        3600,
    ]


@pytest.mark.pure
def test_a_telephone_is_asked_about_every_ten_seconds_for_two_minutes() -> None:
    ages = asked_at(timedelta(minutes=3), timedelta(minutes=10), on_the_phone=True)

    assert ages[:12] == list(range(10, 130, 10))
    assert ages[12] - ages[11] >= 60


def everything_is_due() -> None:
    with transaction() as current:
        current.execute(text("UPDATE payment_attempts SET check_at = now()"))


def test_pollers_at_once_ask_after_each_attempt_once(at_once: Any, run_jobs: Callable[[], int]) -> None:
    numbers = [an_order(a_variant()).number for _ in range(6)]
    for number in numbers:
        press_pay(number)
    everything_is_due()

    outcomes = at_once(*[polling.poll] * 4)

    assert sum(outcomes) == 6
    assert count("SELECT count(*) FROM outbox WHERE topic = 'payments.check'") == 6
    run_jobs()
    assert [status_of(number) for number in numbers] == ["paid"] * 6
    assert polling.poll() == 0
    assert_sound()


def test_guard_off_without_the_lock_they_are_asked_after_twice(at_once: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    press_pay(an_order(a_variant()).number)
    everything_is_due()
    monkeypatch.setattr(Select, "with_for_update", lambda self, **_: self)
    gate = Gate()
    monkeypatch.setattr(polling, "_on_the_phone", gate.after(polling._on_the_phone))

    def second() -> int:
        gate.reached.wait(20)
        try:
            return polling.poll()
        finally:
            gate.open()

    assert at_once(polling.poll, second) == [1, 1]


def test_operators_at_once_ask_after_a_payment_once(at_once: Any) -> None:
    press_pay(an_order(a_variant()).number)
    ((reference, _, checks),) = polling.open_now()

    outcomes = at_once(*[partial(polling.claim, reference, checks)] * 4)

    assert sorted(outcomes) == [False, False, False, True]


def test_without_an_answer_it_is_asked_about_again_within_a_minute_and_no_job_is_given_up(
    stripe: KeepingSimulator, run_jobs: Callable[[], int]
) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    stripe.do("pay", attempts_of(order.id)[0].provider_ref or "")
    everything_is_due()
    stripe.faults.add("429")

    polling.poll()
    run_jobs()

    assert count("SELECT count(*) FROM outbox WHERE topic = 'payments.check' AND done_at IS NULL") == 0
    assert count("SELECT round(extract(epoch FROM check_at - now()))::int FROM payment_attempts") in range(58, 61)
    everything_is_due()
    polling.poll()
    run_jobs()
    assert status_of(order.number) == "paid"


def test_the_first_tick_after_a_night_asleep_asks(run_jobs: Callable[[], int]) -> None:
    number = an_order(a_variant()).number
    press_pay(number)
    with transaction() as current:
        current.execute(text("UPDATE payment_attempts SET check_at = now() - interval '9 hours'"))
        for task in tasks():
            current.execute(
                text("INSERT INTO clock_slots (task, slot) VALUES (:task, now() - interval '9 hours')"),
                {"task": task.topic},
            )

    Clock(db.engine).tick()
    run_jobs()

    assert status_of(number) == "paid"


def test_a_page_nobody_can_pay_any_more_is_not_asked_about_for_ever(stripe: KeepingSimulator) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    attempt = attempts_of(order.id)[0]
    with transaction() as current:
        current.execute(
            text(
                "UPDATE payment_attempts SET created_at = now() - interval '25 h', expires_at = now() - interval '1 h'"
            )
        )

    polling.ask(attempt.reference)

    assert attempts_of(order_named(order.number).id)[0].state == "expired"


def test_money_on_its_way_is_waited_for_with_its_goods_and_not_asked_about_each_minute(
    stripe: KeepingSimulator, run_jobs: Callable[[], int]
) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    stripe.do("late", attempts_of(order.id)[0].provider_ref or "")
    let_hold_run_out(order.number)
    with transaction() as current:
        current.execute(text("UPDATE orders SET placed_at = placed_at - interval '1 hour'"))

    for _ in range(3):
        endings.expire_unpaid()
        run_jobs()

    assert status_of(order.number) == "pending"
    assert count("SELECT count(*) FROM outbox WHERE topic = 'checkout.expire_order' AND done_at IS NOT NULL") == 1
    left = order_named(order.number).hold_expires_at - datetime.now(UTC)
    assert timedelta(minutes=14) < left < timedelta(minutes=16)
    assert count("SELECT count(*) FROM reservations WHERE state = 'held' AND expires_at > now()") == 1
    session().rollback()
