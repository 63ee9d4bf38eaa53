"""A provider that is away is left alone, by every process; one call finds out when it is back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import transaction
from app.lib.money import Money
from app.payments import health, registry, services
from app.payments.providers.base import ProviderUnavailable
from app.payments.queries import attempts_of
from app.payments.services import PaymentNotStarted
from app.payments.watched import Room
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends import KeepingSimulator
from tests.races.meeting import assert_sound, count
from tests.races.paying import let_hold_run_out, press_pay

NOTHING = "att-nothing0000000000000000000"
TOTAL = Money(1999, "USD")


def ask() -> Any:
    return registry.provider_named("stripe").look_up(NOTHING, "cs_test_nothing")


def ask_in_vain(times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ProviderUnavailable):
            ask()


def calls(stripe: KeepingSimulator) -> int:
    return len(stripe.requests)


def the_pause_is_over() -> None:
    with transaction() as current:
        current.execute(text("UPDATE provider_health SET closed_until = now()"))
    health.forget()


def pause() -> int:
    """For how many seconds nobody asks from now on."""
    return count("SELECT round(extract(epoch FROM closed_until - now()))::int FROM provider_health")


@pytest.fixture
def away(stripe: KeepingSimulator) -> Iterator[KeepingSimulator]:
    """Stripe answers nothing but 500; `faults.clear()` brings it back."""
    stripe.faults.add({"fault": "500", "times": -1})
    yield stripe
    stripe.faults.clear()


def test_one_payment_whose_answer_makes_no_sense_closes_the_provider_for_nobody(stripe: KeepingSimulator) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    (attempt,) = attempts_of(order.id)
    stripe.account.all("cs")[0]["status"] = "something new"

    for _ in range(health.MOST_FAILURES + 1):
        with pytest.raises(ProviderUnavailable, match="cannot be read"):
            services.check(attempt.reference, channel="poller")

    assert "stripe" in [one.name for one in registry.offered(TOTAL, "US")]


def test_after_five_failures_in_a_row_nobody_asks_and_it_is_not_offered(away: KeepingSimulator) -> None:
    ask_in_vain(4)
    assert [one.name for one in registry.offered(TOTAL, "US")] == ["stripe", "demo"]
    ask_in_vain()
    asked = calls(away)

    with pytest.raises(ProviderUnavailable) as refused:
        ask()

    assert calls(away) == asked == 5
    assert refused.value.outcome_unknown is False
    assert [one.name for one in registry.offered(TOTAL, "US")] == ["demo"]
    assert [one.title for one in registry.away(TOTAL, "US")] == ["Card"]
    assert 28 <= pause() <= 30


def test_an_answer_in_between_starts_the_count_again(away: KeepingSimulator) -> None:
    ask_in_vain(4)
    away.faults.clear()
    assert ask().error_code == "not_found"
    away.faults.add({"fault": "500", "times": -1})

    ask_in_vain(4)

    assert not health.is_closed("stripe")


def test_a_no_is_an_answer(stripe: KeepingSimulator) -> None:
    stripe.faults.add({"fault": "401", "times": -1})

    for _ in range(6):
        with pytest.raises(Exception, match="STRIPE_SECRET_KEY"):
            ask()

    assert calls(stripe) == 6


def test_when_the_pause_is_over_one_asks_and_a_failure_doubles_it(away: KeepingSimulator) -> None:
    ask_in_vain(5)
    pauses = []
    for _ in range(5):
        the_pause_is_over()
        ask_in_vain(3)
        pauses.append(pause())

    assert calls(away) == 5 + 5
    assert [round(seconds, -1) for seconds in pauses] == [60, 120, 240, 300, 300]


def test_the_first_answer_opens_it_for_everybody(away: KeepingSimulator) -> None:
    ask_in_vain(5)
    away.faults.clear()
    the_pause_is_over()

    assert ask().error_code == "not_found"

    assert [one.name for one in registry.offered(TOTAL, "US")] == ["stripe", "demo"]
    assert ask().error_code == "not_found"


def test_of_many_who_would_ask_after_the_pause_one_does(away: KeepingSimulator, at_once: Any) -> None:
    ask_in_vain(5)
    away.faults.clear()
    away.faults.add({"fault": "slow", "seconds": 0.3})
    the_pause_is_over()
    asked = calls(away)

    outcomes = at_once(*[ask] * 6)

    assert calls(away) == asked + 1
    assert sum(isinstance(one, ProviderUnavailable) for one in outcomes) == 5


def test_guard_off_without_the_claim_all_of_them_ask(
    away: KeepingSimulator, at_once: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_in_vain(5)
    away.faults.clear()
    away.faults.add({"fault": "slow", "seconds": 0.3, "times": -1})
    the_pause_is_over()
    monkeypatch.setattr(health, "PROBE", text("SELECT true WHERE :name <> '' AND :seconds > 0"))
    monkeypatch.setattr(Room, "_wait", lambda *_: None)
    asked = calls(away)

    at_once(*[ask] * 6)

    assert calls(away) == asked + 6


def test_another_process_learns_of_it(away: KeepingSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_in_vain(5)
    asked = calls(away)
    monkeypatch.setattr(health, "_memory", health._Memory())

    ask_in_vain()

    assert calls(away) == asked


def test_while_all_is_well_nothing_is_written_and_one_look_serves_two_seconds(
    stripe: KeepingSimulator, queries: Any
) -> None:
    with queries(at_most=1):
        for _ in range(4):
            ask()
    assert count("SELECT count(*) FROM provider_health") == 0


def test_nobody_is_asked_inside_a_transaction(stripe: KeepingSimulator) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction():
        ask()
    assert calls(stripe) == 0


def test_a_provider_that_hangs_keeps_half_of_the_threads_at_most(stripe: KeepingSimulator, at_once: Any) -> None:
    stripe.faults.add({"fault": "hang", "times": -1, "seconds": 1.3})

    outcomes = at_once(*[ask] * 4)

    assert calls(stripe) == 2
    assert sorted("slow" in str(one) for one in outcomes) == [False, False, True, True]


def test_whoever_is_well_makes_room_for_all(stripe: KeepingSimulator, at_once: Any) -> None:
    outcomes = at_once(*[ask] * 8)

    assert {one.error_code for one in outcomes} == {"not_found"}


def test_a_page_offers_the_others_at_once_while_a_provider_is_away(
    away: KeepingSimulator, browser: FlaskClient
) -> None:
    order = an_order(a_variant())
    ask_in_vain(5)
    asked = calls(away)

    answer = browser.post(f"/orders/{order.number}/payments", data={"key": order.key, "provider": "stripe"})

    assert answer.status_code < 500
    assert calls(away) == asked
    assert "stripe" not in [one.name for one in registry.offered(order.total, "US")]


def test_keys_that_are_refused_are_the_business_of_staff_and_close_it_as_well(
    stripe: KeepingSimulator, browser: FlaskClient
) -> None:
    stripe.faults.add({"fault": "401", "times": -1})
    shirt = a_variant(on_hand=5)
    placed = [an_order(shirt) for _ in range(5)]

    for order in placed:
        press(order.number)

    page = browser.get(f"/orders/{order.number}?key={order.key}").text
    assert "The payment could not be started, and nothing was taken." in page
    assert "STRIPE_SECRET_KEY" not in page
    assert "Card does not answer at the moment." in page
    assert "stripe" not in [one.name for one in registry.offered(order.total, "US")]
    stripe.faults.clear()


# What could not be started is started when the provider is back


def press(number: str) -> None:
    with pytest.raises(PaymentNotStarted):
        checkout.start_payment(number, "stripe")


def some_time_later(run_jobs: Callable[[], int]) -> None:
    """Everything that was to be done within a minute is done."""
    with transaction() as current:
        current.execute(text("UPDATE outbox SET due_at = now() WHERE done_at IS NULL AND due_at < now() + '1 minute'"))
    run_jobs()


def made(stripe: KeepingSimulator, number: str) -> int:
    """How many payment pages of an order there are."""
    return sum(one["metadata"].get("order_id") == number for one in stripe.account.all("cs"))


def waiting() -> int:
    return count("SELECT count(*) FROM outbox WHERE topic = 'payments.start_again' AND done_at IS NULL")


@pytest.mark.parametrize("fault", ["429", "truncated"])
def test_it_is_started_once_when_the_provider_is_back(
    stripe: KeepingSimulator, run_jobs: Any, browser: FlaskClient, fault: str
) -> None:
    order = an_order(a_variant(price=5000))
    stripe.faults.add({"fault": fault, "times": -1, "match": "/v1/checkout"})
    press(order.number)
    press(order.number)
    some_time_later(run_jobs)
    address = f"/orders/{order.number}?key={order.key}"
    assert "We go on trying" in browser.get(address).text
    stripe.faults.clear()

    for _ in range(3):
        some_time_later(run_jobs)

    (attempt,) = attempts_of(order_named(order.number).id)
    assert attempt.state == "pending"
    assert attempt.next_url and attempt.next_url.startswith(stripe.base_url)
    assert f'href="{attempt.next_url}">Go on to pay' in browser.get(address).text
    assert made(stripe, order.number) == 1
    assert checkout.start_payment(order.number, "stripe") == attempt.next_url
    assert waiting() == 0
    assert_sound()


def test_what_could_not_be_started_in_time_is_begun_anew_by_the_next_click(stripe: KeepingSimulator) -> None:
    """A page has to be open for half an hour; what the first click asked for would end sooner by now."""
    order = an_order(a_variant(price=5000))
    stripe.faults.add({"fault": "429", "times": -1, "match": "/v1/checkout"})
    press(order.number)
    stripe.faults.clear()
    with transaction() as current:
        current.execute(text("UPDATE payment_attempts SET expires_at = expires_at - interval '25 minutes'"))

    address = checkout.start_payment(order.number, "stripe")

    assert address.startswith(stripe.base_url)
    assert made(stripe, order.number) == 1


def test_not_when_the_order_was_paid_another_way_meanwhile(away: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order(a_variant(price=5000))
    press(order.number)
    services.check(press_pay(order.number), channel="return")
    away.faults.clear()

    some_time_later(run_jobs)

    assert made(away, order.number) == 0
    assert waiting() == 0


def test_not_when_the_shopper_chose_another_page(away: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order(a_variant(price=5000))
    press(order.number)
    checkout.start_payment(order.number, "demo")
    away.faults.clear()

    some_time_later(run_jobs)

    assert made(away, order.number) == 0
    assert [attempt.state for attempt in attempts_of(order.id)] != ["created", "pending"]


def test_not_when_the_order_was_cancelled(away: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order(a_variant(price=5000))
    press(order.number)
    let_hold_run_out(order.number)
    with transaction() as current:
        current.execute(text("UPDATE orders SET status = 'cancelled', cancel_reason = 'staff'"))
        current.execute(
            text(
                "INSERT INTO order_events (order_id, kind, was, now, channel) "
                "SELECT id, 'moved', 'pending', 'cancelled', 'staff' FROM orders"
            )
        )
    away.faults.clear()

    some_time_later(run_jobs)

    assert made(away, order.number) == 0
