"""Whoever is declined too often has to pause; whoever was declined once hears of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.lib.errors import TooMany
from app.lib.outbox import Outbox
from app.orders.models import Order
from app.payments import declines, failures
from app.payments.models import Attempt, Payment
from app.payments.payers import NOBODY, Payer
from app.payments.providers.base import PaymentState
from app.payments.settlement import settle
from tests.admin.desk import at_desk, words
from tests.factories import an_order, order_named
from tests.payments.byhand import choose, last

ADA = Payer(session="ada's browser", network="192.0.2.1")


def declined(order: Order, payer: Payer = NOBODY, *, times: int, **changes: Any) -> None:
    """So many payments of the order were refused just now."""
    with transaction() as current:
        payment_id = current.scalar(select(Payment.id).where(Payment.order_id == order.id))
        for number in range(times):
            values: dict[str, Any] = {
                "payment_id": payment_id,
                "reference": f"att-{order.number.lower()}{number:021d}",
                "provider": "demo",
                "state": "failed",
                "error_code": "card_declined",
                "amount_minor": order.total_minor,
                "currency": order.currency,
                "session_digest": payer.session_digest,
                "network_digest": payer.network_digest,
            }
            current.add(Attempt(**{**values, **changes}))


@pytest.mark.parametrize(
    ("times", "whose", "payer", "email"),
    [
        (6, NOBODY, NOBODY, "Ada@example.com"),
        (6, Payer(session=ADA.session), Payer(session=ADA.session), "bob@example.com"),
        (16, Payer(network=ADA.network), Payer(network=ADA.network), "bob@example.com"),
    ],
    ids=["an address", "a browser", "a network"],
)
def test_too_many_declines_are_refused_wherever_pay_is_pressed(
    times: int, whose: Payer, payer: Payer, email: str
) -> None:
    declined(an_order(email="ada@example.com"), whose, times=times - 1)
    order = an_order(email=email)
    checkout.start_payment(order.number, "demo", payer)
    declined(an_order(email="ada@example.com"), whose, times=1)

    with pytest.raises(TooMany) as refusal:
        checkout.start_payment(order.number, "demo", payer)

    assert 3590 < refusal.value.wait <= 3601
    assert "wait 60 minutes" in refusal.value.sentence
    assert refusal.value.headers()["Retry-After"] == str(refusal.value.wait)


@pytest.mark.parametrize(
    "changes",
    [
        {"error_code": "no_answer"},
        {"error_code": "duplicate_reference"},
        {"state": "expired"},
        {"created_at": datetime.now(UTC) - timedelta(minutes=61)},
    ],
    ids=["a provider that was away", "a start whose answer was lost", "a page that was left", "long ago"],
)
def test_what_is_nobodys_decline_is_not_counted(changes: dict[str, Any]) -> None:
    order = an_order()
    declined(order, ADA, times=20, **changes)

    assert checkout.start_payment(order.number, "demo", ADA)


def test_a_page_answers_429_says_when_and_staff_see_who(browser: Any) -> None:
    order = an_order()
    declined(order, ADA, times=6)

    answer = browser.post(f"/orders/{order.number}/payments", data={"key": order.key, "provider": "demo"})
    page = words(at_desk(browser).page("/admin/payments"))

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 3000
    assert "Too many payments were declined" in words(answer.text)
    assert "ada@example.com 6 of 5" in page


def test_who_tries_is_kept_as_a_keyed_digest() -> None:
    order = an_order()
    checkout.start_payment(order.number, "demo", ADA)

    attempt = last(order.number)

    assert (len(attempt.session_digest), len(attempt.network_digest)) == (32, 32)
    assert "192.0.2.1" not in attempt.network_digest
    assert NOBODY.session_digest == NOBODY.network_digest == ""


def told() -> list[int]:
    """The orders whose shoppers were told that they can still pay."""
    session().rollback()
    rows = session().scalars(select(Outbox.payload).where(Outbox.topic == "orders.mail_payment_failed"))
    return [row["order_id"] for row in rows]


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_a_payment_that_failed_is_told_a_minute_later(state: Any) -> None:
    order = an_order()
    settle(choose(order.number, "demo").reference, PaymentState(state, error_code="declined"), channel="webhook")
    [row] = session().scalars(select(Outbox).where(Outbox.topic == "payments.tell_failed"))
    assert row.due_at - row.created_at == timedelta(minutes=1)

    failures.tell(order.id)
    failures.tell(order.id)

    assert told() == [order.id]


def test_whoever_tries_again_at_once_or_paid_or_gave_up_gets_no_letter() -> None:
    again, paid, gone = an_order(), an_order(), an_order()
    for order in (again, paid, gone):
        settle(choose(order.number, "demo").reference, PaymentState("failed"), channel="webhook")
    choose(again.number, "demo")
    settle(choose(paid.number, "demo").reference, PaymentState("paid", paid.total), channel="webhook")
    with transaction() as current:
        current.execute(update(Order).where(Order.id == gone.id).values(status="cancelled"))

    for order in (again, paid, gone):
        failures.tell(order.id)

    assert told() == []


def test_an_hour_later_a_shopper_may_be_told_again() -> None:
    order = an_order()
    settle(choose(order.number, "demo").reference, PaymentState("failed"), channel="webhook")
    failures.tell(order.id)
    with transaction() as current:
        earlier = {"created_at": datetime.now(UTC) - timedelta(minutes=61), "key": "an hour ago"}
        current.execute(update(Outbox).where(Outbox.topic == "orders.mail_payment_failed").values(earlier))

    failures.tell(order.id)

    assert told() == [order.id, order.id]
    assert order_named(order.number).status == "pending"


def test_the_limits_of_the_desk_and_of_the_shop_are_the_same() -> None:
    order = an_order()
    declined(order, ADA, times=3)

    found = {(row.kind, row.count, row.most) for row in declines.counters()}

    assert found == {
        ("email", 3, declines.MOST_OF_ONE),
        ("session", 3, declines.MOST_OF_ONE),
        ("network", 3, declines.MOST_OF_A_NETWORK),
    }
