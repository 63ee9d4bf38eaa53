"""News that cross: money that went back before we heard of it, and shoppers who act while their money is on its way."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from app.cart.queries import Whose
from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.lib.errors import NotAllowed
from app.lib.money import Money
from app.orders.services import Actor
from app.payments import demo_desk, services
from app.payments.models import Attempt, PaymentIssue, Refund
from app.payments.providers.base import PaymentState, RefundState
from app.payments.providers.demo import DemoProvider
from app.payments.queries import attempts_of
from app.payments.settlement import settle
from tests.factories import a_cart, a_variant, an_order, order_named, place, stock_of
from tests.payments.byhand import ways_by_hand
from tests.payments.ends import KeepingSimulator
from tests.races.meeting import assert_sound
from tests.races.paying import PAST, fact, let_hold_run_out, open_payment, press_pay, status_of

ADA = Actor("Ada")


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    assert_sound()


def paid_and_sent_back(number: str) -> str:
    """Ada paid, and somebody at the provider's desk sent it back before the shop heard of either."""
    demo_desk.choose(reference := press_pay(number), "refund")
    return reference


def issues() -> list[str]:
    session().rollback()
    return list(session().scalars(select(PaymentIssue.kind)))


def test_money_that_is_gone_again_pays_nothing(run_jobs: Any) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    reference = paid_and_sent_back(order.number)

    settle(reference, fact(reference), channel="poller")
    run_jobs()

    assert status_of(order.number) == "pending"
    assert stock_of(shirt).on_hand == 1
    assert issues() == []


def test_an_order_whose_money_is_gone_again_ends_like_any_unpaid_one() -> None:
    order = an_order()
    settle(reference := paid_and_sent_back(order.number), fact(reference), channel="poller")
    let_hold_run_out(order.number)

    checkout.expire(order.id)

    assert status_of(order.number) == "cancelled"


def test_an_order_of_which_some_money_is_gone_again_waits_for_a_person() -> None:
    order = an_order()
    reference, total = open_payment(order.number), order_named(order.number).total
    back = RefundState("succeeded", "re_1", None, Money(500, total.currency))

    settle(reference, PaymentState("paid", total, refunds=(back,), refunded=back.amount), channel="poller")

    assert status_of(order.number) == "pending"
    assert issues() == ["amount"]


def test_late_money_that_is_gone_again_is_not_sent_back_twice(run_jobs: Any) -> None:
    order = an_order()
    reference = open_payment(order.number)
    checkout.cancel(order.number, actor=ADA, reason="Changed my mind", by_shopper=True)
    total = order_named(order.number).total
    back = RefundState("succeeded", "re_1", None, total)

    settle(reference, PaymentState("paid", total, refunds=(back,), refunded=total), channel="webhook")
    run_jobs()

    assert session().scalars(select(Refund.state)).all() == ["succeeded"]
    assert issues() == []


def test_change_cancels_nothing_when_the_money_has_just_come() -> None:
    order = an_order()
    press_pay(order.number)

    with pytest.raises(NotAllowed, match="just been paid"):
        checkout.take_back(order.number, Whose(), actor=ADA)

    assert status_of(order.number) == "paid"


def test_nobody_is_led_to_a_second_provider_while_money_is_on_its_way(stripe: KeepingSimulator) -> None:
    order = an_order()
    demo_desk.choose(open_payment(order.number), "late")

    with pytest.raises(NotAllowed, match="on its way"):
        checkout.start_payment(order.number, "stripe")

    assert not stripe.requests


def test_not_even_while_an_older_page_cannot_be_closed(stripe: KeepingSimulator) -> None:
    order = an_order()
    checkout.start_payment(order.number, "stripe")
    stripe.faults.add({"fault": "500", "times": -1, "match": "/v1/checkout"})
    demo_desk.choose(open_payment(order.number), "late")

    with ways_by_hand(), pytest.raises(NotAllowed, match="on its way"):
        checkout.start_payment(order.number, "bank_transfer")

    assert [attempt.provider for attempt in attempts_of(order.id)] == ["stripe", "demo"]


def test_who_has_a_request_on_the_phone_reads_so(stripe: KeepingSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    order = an_order()
    demo_desk.choose(open_payment(order.number), "late")
    monkeypatch.setattr(DemoProvider, "needs_phone", True)

    with pytest.raises(NotAllowed, match="on your phone: answer it, or wait until it has run out"):
        checkout.start_payment(order.number, "stripe")


@pytest.mark.parametrize("are_left", [True, False], ids=["the units are there", "the units are gone"])
def test_a_page_that_cannot_be_closed_keeps_no_order_open_and_loses_no_money(
    monkeypatch: pytest.MonkeyPatch, are_left: bool
) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    reference = open_payment(order.number)
    monkeypatch.setattr(DemoProvider, "expire", lambda self, one, ref: self.look_up(one, ref))
    let_hold_run_out(order.number)

    checkout.expire(order.id)
    assert (status_of(order.number), attempts_of(order.id)[0].state) == ("cancelled", "pending")
    if not are_left:
        place(a_cart(shirt), email="bob@example.com")
    settle(reference, PaymentState("paid", order.total), channel="webhook")

    [attempt] = attempts_of(order.id)
    assert (status_of(order.number), bool(attempt.left)) == (("paid", True) if are_left else ("cancelled", False))


def test_an_old_page_of_the_same_provider_is_asked_before_a_new_one_opens() -> None:
    order = an_order()
    demo_desk.choose(open_payment(order.number), "late")
    with transaction() as current:
        current.execute(update(Attempt).values(expires_at=PAST))

    with pytest.raises(NotAllowed, match="on its way"):
        checkout.start_payment(order.number, "demo")

    assert len(attempts_of(order.id)) == 1


def test_nobody_reads_that_an_order_was_not_paid_in_time_after_it_was(run_jobs: Any, mails: Any) -> None:
    order = an_order()
    reference = open_payment(order.number)
    let_hold_run_out(order.number)
    checkout.expire(order.id)

    settle(reference, PaymentState("paid", order_named(order.number).total), channel="webhook")
    run_jobs()

    assert [str(letter["Subject"]).split(": ")[-1] for letter in mails()] == ["thank you, it is paid"]


def test_a_payment_never_bears_the_name_of_another(stripe: KeepingSimulator) -> None:
    first, second = an_order(), an_order()
    for order in (first, second):
        checkout.start_payment(order.number, "stripe")
    theirs, ours = attempts_of(first.id)[0].provider_ref, attempts_of(second.id)[0].reference
    with transaction() as current:
        current.execute(update(Attempt).where(Attempt.reference == ours).values(provider_ref=None))

    services.check(ours, channel="webhook", told=services.Told(provider_ref=theirs, provider_payment_ref="pi_1"))

    attempt = attempts_of(second.id)[0]
    assert (attempt.state, attempt.provider_ref, attempt.provider_payment_ref) == ("pending", None, None)
