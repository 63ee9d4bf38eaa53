"""What money does to an order, whoever brings the news."""

import dataclasses
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import polling, queries, services, webhooks
from app.payments.models import Attempt, PaymentIssue, Refund, WebhookEvent
from app.payments.providers.base import BadSignature, DisputeState, PaymentState, RefundState
from app.payments.services import PaymentNotStarted, settle
from tests.factories import a_cart, a_variant, an_order, order_named, place, stock_of
from tests.payments.ends import KeepingSimulator, signed
from tests.payments.giving_back import refund_order

GRACE = Actor("Grace")


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    db.session.rollback()
    assert [(f.name, f.broken) for f in invariants.check() if f.broken] == []


def started(order: Order, provider: str = "stripe") -> Attempt:
    """The order's payment, opened at the provider."""
    checkout.start_payment(order.number, provider)
    return attempt_of(order)


def attempt_of(order: Order) -> Attempt:
    session().rollback()
    attempt = queries.attempts_of(order.id)[-1]
    session().expire_all()
    return attempt


def paid(attempt: Attempt, **changes: Any) -> PaymentState:
    return dataclasses.replace(PaymentState("paid", attempt.amount, provider_payment_ref="pi_1"), **changes)


def state_of(order: Order) -> tuple[str, str]:
    fresh = order_named(order.number)
    return fresh.status, queries.summary(fresh).state


def issues() -> list[str]:
    return [issue.kind for issue in session().scalars(select(PaymentIssue).order_by(PaymentIssue.id))]


def test_the_session_asks_for_exactly_the_order(stripe: KeepingSimulator) -> None:
    order = an_order((a_variant(price=1999), 2))

    attempt = started(order)

    [request] = [entry for entry in stripe.requests if entry["path"] == "/v1/checkout/sessions"]
    asked = json.dumps(request["params"])
    assert attempt.reference in asked
    assert attempt.state == "pending" and attempt.next_url
    lines = request["params"]["line_items"]
    rows = lines.values() if isinstance(lines, dict) else lines
    total = sum(int(row["quantity"]) * int(row["price_data"]["unit_amount"]) for row in rows)
    assert total == order.total_minor
    assert int(request["params"]["expires_at"]) < order_named(order.number).hold_expires_at.timestamp()


def test_a_second_start_opens_nothing_new(stripe: KeepingSimulator) -> None:
    order = an_order()

    first = checkout.start_payment(order.number, "stripe")
    second = checkout.start_payment(order.number, "stripe")

    assert first == second
    assert len([e for e in stripe.requests if e["method"] == "POST"]) == 1


def test_the_webhook_makes_the_order_paid_once(stripe: KeepingSimulator, run_jobs: Any, mails: Any) -> None:
    shirt = a_variant(on_hand=3)
    order = an_order(shirt)
    attempt = started(order)
    stripe.do("pay", attempt.provider_ref or "")
    headers, body = signed(stripe.told[-1])

    for _ in range(5):
        webhooks.receive("stripe", headers, body)
    run_jobs()

    assert state_of(order) == ("paid", "paid")
    assert stock_of(shirt).on_hand == 2
    assert len(mails()) == 1
    assert session().scalars(select(WebhookEvent.state)).all() == ["processed"]


def test_a_return_without_any_webhook_makes_it_paid(stripe: KeepingSimulator, browser: Any) -> None:
    order = an_order()
    attempt = started(order)
    stripe.do("pay", attempt.provider_ref or "")

    answer = browser.get(f"/payments/stripe/return?reference={attempt.reference}&session_id=forged")

    assert answer.status_code == 303
    assert state_of(order) == ("paid", "paid")


def test_a_forged_return_pays_nothing(stripe: KeepingSimulator, browser: Any) -> None:
    order = an_order()
    attempt = started(order)

    browser.get(f"/payments/stripe/return?reference={attempt.reference}&session_id=cs_paid_by_somebody&paid=1")

    assert state_of(order) == ("pending", "pending")


def test_the_way_back_from_the_provider_opens_the_order_for_a_day(browser: Any, new_browser: Any) -> None:
    attempt = started(an_order(), "demo")
    address = f"/payments/demo/return?reference={attempt.reference}"
    fresh = browser.get(address, follow_redirects=True)
    with transaction() as current:
        current.get_one(Attempt, attempt.id).created_at = datetime.now(UTC) - timedelta(hours=25)

    old = new_browser().get(address, follow_redirects=True)

    assert (fresh.status_code, old.status_code) == (200, 404)
    assert "Use the link from your mail" in old.text


def test_the_poller_finds_what_the_webhook_did_not_tell(stripe: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order()
    attempt = started(order)
    stripe.do("pay", attempt.provider_ref or "")
    with transaction() as current:
        current.get_one(Attempt, attempt.id).check_at = datetime.now(UTC)

    polling.poll()
    run_jobs()

    assert state_of(order) == ("paid", "paid")
    assert polling.poll() == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret": "whsec_wrong"}, 400),
        ({"at": 0.0}, 400),
        ({"at": 4e9}, 400),
    ],
)
def test_a_message_that_is_not_signed_now_by_stripe_is_refused(
    stripe: KeepingSimulator, browser: Any, change: dict[str, Any], status: int
) -> None:
    order = an_order()
    attempt = started(order)
    stripe.do("pay", attempt.provider_ref or "")
    headers, body = signed(stripe.told[-1], **change)

    answer = browser.post("/payments/stripe/webhook", data=body, headers=headers, content_type="application/json")

    assert answer.status_code == status
    assert session().scalars(select(WebhookEvent)).all() == []


def test_one_altered_byte_or_no_signature_is_refused(stripe: KeepingSimulator, browser: Any) -> None:
    attempt = started(an_order())
    stripe.do("pay", attempt.provider_ref or "")
    headers, body = signed(stripe.told[-1])

    altered = browser.post("/payments/stripe/webhook", data=body[:-1] + b" ", headers=headers)
    unsigned = browser.post("/payments/stripe/webhook", data=body)
    junk = browser.post("/payments/stripe/webhook", data=b"\xff\xfe\x00", headers=headers)
    good = browser.post("/payments/stripe/webhook", data=body, headers={**headers, "Sec-Fetch-Site": "cross-site"})

    assert [answer.status_code for answer in (altered, unsigned, junk, good)] == [400, 400, 400, 200]
    with pytest.raises(BadSignature):
        webhooks.receive("stripe", {}, body)


@pytest.mark.parametrize(("money", "kind"), [(Money(1, "USD"), "amount"), (Money(2169, "EUR"), "currency")])
def test_money_that_is_not_what_was_asked_waits_for_a_person(money: Money, kind: str) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    attempt = started(order, "demo")

    settle(attempt.reference, paid(attempt, amount=money), channel="webhook")
    settle(attempt.reference, paid(attempt, amount=money), channel="return")

    assert state_of(order)[0] == "pending"
    assert state_of(order)[1] == "review"
    assert issues() == [kind]
    assert stock_of(shirt).reserved == 1


def test_a_signed_message_about_another_amount_pays_nothing(stripe: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order()
    attempt = started(order)
    stripe.do("pay", attempt.provider_ref or "")
    event = json.loads(json.dumps(stripe.told[-1]))
    event["data"]["object"]["amount_total"] += 1

    webhooks.receive("stripe", *signed(event))
    run_jobs()

    assert state_of(order) == ("pending", "review")
    assert issues() == ["amount"]


def test_late_money_takes_the_units_again_when_they_are_there(run_jobs: Any, mails: Any) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    attempt = started(order, "demo")
    _expire(order)
    checkout.expire(order.id)
    assert state_of(order)[0] == "cancelled"

    settle(attempt.reference, paid(attempt), channel="webhook")
    run_jobs()

    assert state_of(order) == ("paid", "paid")
    assert stock_of(shirt).on_hand == 0
    assert [letter["Subject"].split(": ")[-1] for letter in mails()][-1] == "thank you, it is paid"


def test_late_money_goes_back_by_itself_when_the_units_are_gone(run_jobs: Any, mails: Any) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    attempt = started(order, "demo")
    _expire(order)
    second = order_named(place(a_cart(shirt), email="bob@example.com")[0])
    other = started(second, "demo")
    _pay_at_demo(other)
    settle(other.reference, paid(other, provider_payment_ref="demo-2"), channel="webhook")

    _pay_at_demo(attempt)
    settle(attempt.reference, paid(attempt), channel="webhook")
    run_jobs()

    assert state_of(second) == ("paid", "paid")
    assert state_of(order) == ("cancelled", "refunded")
    assert stock_of(shirt).on_hand == 0
    assert any("sold out" in letter["Subject"] for letter in mails())


def test_money_for_an_order_the_shopper_cancelled_goes_back(run_jobs: Any) -> None:
    order = an_order()
    attempt = started(order, "demo")
    _pay_at_demo(attempt)
    with transaction():
        from app.orders import services as orders
        from app.orders.states import move

        found = orders.locked(order.number)
        move(found, "cancelled")
        found.cancel_reason = "shopper"
        from app.inventory import services as inventory

        inventory.release(found.id)

    settle(attempt.reference, paid(attempt), channel="webhook")
    run_jobs()

    assert state_of(order) == ("cancelled", "refunded")


def test_a_second_payment_for_a_paid_order_waits_for_a_person(stripe: KeepingSimulator) -> None:
    order = an_order()
    first = started(order, "stripe")
    with transaction() as current:
        payment_id = current.get_one(Attempt, first.id).payment_id
        current.add(
            Attempt(
                payment_id=payment_id,
                reference="att-secondsecondsecondsecond22",
                provider="demo",
                state="pending",
                amount_minor=order.total_minor,
                currency=order.currency,
            )
        )
    settle(first.reference, paid(first), channel="webhook")

    settle("att-secondsecondsecondsecond22", paid(first, provider_payment_ref="demo-9"), channel="webhook")

    assert state_of(order) == ("paid", "paid")
    assert issues() == ["second"]


@pytest.mark.parametrize("late_state", ["failed", "expired", "cancelled", "pending"])
def test_bad_news_after_the_money_changes_nothing(late_state: Any) -> None:
    order = an_order()
    attempt = started(order, "demo")
    settle(attempt.reference, paid(attempt), channel="webhook")

    settle(attempt.reference, PaymentState(late_state, attempt.amount), channel="webhook")

    assert state_of(order) == ("paid", "paid")


def test_a_hanging_provider_is_answered_within_five_seconds_with_another_choice(
    stripe: KeepingSimulator, browser: Any
) -> None:
    order = an_order()
    stripe.faults.add("hang")

    began = time.monotonic()
    with pytest.raises(PaymentNotStarted) as refusal:
        checkout.start_payment(order.number, "stripe")

    assert time.monotonic() - began < 5
    assert "Your order is safe" in refusal.value.sentence
    assert attempt_of(order).state == "unknown"
    stripe.faults.clear()
    assert checkout.start_payment(order.number, "demo").startswith("/payments/demo/")


def test_a_full_refund_is_sent_once(run_jobs: Any) -> None:
    order = an_order()
    attempt = started(order, "demo")
    _pay_at_demo(attempt)
    settle(attempt.reference, paid(attempt), channel="webhook")

    refund_order(order.number, order.total, "Broken", GRACE)
    with pytest.raises(Invalid):
        refund_order(order.number, Money(1, "USD"), "Broken", GRACE)
    run_jobs()

    assert state_of(order) == ("paid", "refunded")
    [refund] = session().scalars(select(Refund)).all()
    assert refund.state == "succeeded"


def test_a_refund_made_at_the_provider_appears_by_itself() -> None:
    order = an_order()
    attempt = started(order, "demo")
    settle(attempt.reference, paid(attempt), channel="webhook")
    half = Money(order.total_minor // 2, "USD")
    there = RefundState("succeeded", "re_1", None, half)

    for _ in range(2):
        settle(attempt.reference, paid(attempt, refunds=(there,), refunded=half), channel="webhook")

    assert state_of(order) == ("paid", "partially_refunded")
    assert len(session().scalars(select(Refund)).all()) == 1


def test_nothing_can_be_paid_twice_or_after_the_end() -> None:
    order = an_order()
    attempt = started(order, "demo")
    settle(attempt.reference, paid(attempt), channel="webhook")

    with pytest.raises(NotAllowed):
        checkout.start_payment(order.number, "demo")


def _expire(order: Order) -> None:
    """The hold's time is over; no job has run."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE orders SET hold_expires_at = now() - interval '1 minute' WHERE id = %s", (order.id,)
        )
        connection.exec_driver_sql(
            "UPDATE reservations SET expires_at = now() - interval '1 minute' WHERE order_id = %s", (order.id,)
        )


def _pay_at_demo(attempt: Attempt) -> None:
    from app.payments import demo_desk

    demo_desk.choose(attempt.reference, "pay")


def test_the_settings_of_this_suite_offer_both_providers() -> None:
    assert runtime.settings().demo_payments
    assert timedelta(0) < services.hold_margin()


def test_a_payment_of_nothing_pays_nothing(stripe: KeepingSimulator) -> None:
    order = an_order((a_variant(price=1999), 2))
    attempt = started(order)

    settle(attempt.reference, PaymentState("paid", Money(0, "USD"), provider_payment_ref="pi_1"), channel="webhook")

    assert attempt_of(order).captured_minor == 0
    assert order_named(order.number).status == "pending"


def test_a_dispute_that_ends_without_money_concerns_nobody(stripe: KeepingSimulator) -> None:
    order = an_order((a_variant(price=1999), 2))
    attempt = started(order)
    without_money = DisputeState("lost", "dp_1", Money(0, "USD"))

    settle(attempt.reference, dataclasses.replace(paid(attempt), disputes=(without_money,)), channel="webhook")

    assert order_named(order.number).status == "paid"
    assert issues() == []
