"""Refunds that failed, and what became of their money meanwhile: nobody is sent it a second time unseen."""

from collections.abc import Iterator
from typing import Any

import pytest

from app import invariants
from app.checkout import services as checkout
from app.lib.db import db
from app.lib.errors import NotAllowed
from app.lib.money import Money
from app.orders.models import Order
from app.payments import refunds, services, staff_queries, staff_refunds, staff_services
from app.payments.credit_plan import LineWish, Wishes
from app.payments.credits import refund as give_back
from app.payments.models import Refund
from app.payments.providers.base import DisputeState, PaymentState, RefundState
from app.payments.settlement import accept, settle
from tests.admin.desk import a_paid_order, hear, open_attempt, pay
from tests.factories import a_variant, an_order
from tests.payments.byhand import GRACE, attempts, last, open_issues, standing
from tests.payments.ends import KeepingSimulator


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    db.session.rollback()
    assert [(f.name, f.broken) for f in invariants.check() if f.broken] == []


def two_shirts() -> Order:
    return a_paid_order((a_variant(price=2000, on_hand=5), 2))


def refunds_of(order: Order) -> list[Refund]:
    return [refund for attempt in attempts(order.number) for refund in attempt.refunds]


def rows(order: Order) -> list[tuple[str, int]]:
    return [(refund.state, refund.amount_minor) for refund in refunds_of(order)]


def end(refund: Refund, state: Any) -> None:
    """The provider tells what became of it."""
    refunds.record(refund.id, RefundState(state, f"re-{refund.id}", refund.reference, refund.amount, "Closed account."))


def asked_back(order: Order, state: Any, amount: Money) -> None:
    reference = last(order.number).reference
    told = DisputeState(state, "dp_1", amount, "fraud")
    settle(reference, PaymentState("paid", order.total, disputes=(told,)), channel="webhook")


def a_shirt_back(order: Order, key: str = "key") -> Refund:
    """One unit given back, whose refund failed."""
    wishes = Wishes((LineWish(order.lines[0].id, 1),))
    give_back(order.number, wishes, key=key, seen=None, reason="Too small", actor=GRACE)
    (refund,) = refunds_of(order)
    end(refund, "failed")
    return refund


def an_order_paid_too_much(extra: int) -> Order:
    order = an_order((a_variant(price=2000, on_hand=5), 2))
    reference = open_attempt(order.number)
    hear(reference, order.money(order.total_minor + extra))
    accept(reference, GRACE)
    return order


def test_an_excess_that_was_sent_anew_is_not_tried_again_as_well() -> None:
    order = an_order_paid_too_much(500)
    staff_services.refund_excess(order.number, "$5.00", "", GRACE)
    (failed,) = refunds_of(order)
    end(failed, "failed")
    assert open_issues() == ["refund_failed"]

    staff_services.refund_excess(order.number, "$5.00", "", GRACE)
    with pytest.raises(NotAllowed, match="another way"):
        staff_refunds.try_again(failed.reference, GRACE)

    assert rows(order) == [("failed", 500), ("pending", 500)]
    assert open_issues() == []
    assert standing(order.number) == ("paid", "paid", 0)


def test_a_part_that_could_not_go_back_pays_the_order_when_the_rest_comes() -> None:
    order = an_order((a_variant(price=2000, on_hand=5), 2))
    reference = open_attempt(order.number)
    hear(reference, order.money(1000))
    accept(reference, GRACE)
    staff_services.refund_attempt(reference, "$10.00", "", GRACE)
    (failed,) = refunds_of(order)
    end(failed, "failed")
    pay(order.number)
    assert standing(order.number) == ("paid", "paid", 0)

    with pytest.raises(NotAllowed, match="another way"):
        staff_refunds.try_again(failed.reference, GRACE)

    assert standing(order.number) == ("paid", "paid", 0)


def test_a_failed_refund_that_went_through_after_all_is_not_sent_once_more() -> None:
    order = two_shirts()
    failed = a_shirt_back(order)
    staff_refunds.try_again(failed.reference, GRACE)

    end(failed, "succeeded")

    assert rows(order) == [("succeeded", 2170), ("failed", 2170)]
    assert open_issues() == []


@pytest.mark.parametrize("first_to_arrive", [0, 1])
def test_somebody_hears_that_a_refund_went_back_twice(first_to_arrive: int) -> None:
    order = two_shirts()
    failed = a_shirt_back(order)
    both = [failed, staff_refunds.try_again(failed.reference, GRACE)]

    end(both[first_to_arrive], "succeeded")
    end(both[1 - first_to_arrive], "succeeded")

    assert rows(order) == [("succeeded", 2170), ("succeeded", 2170)]
    assert open_issues() == ["refund_twice"]
    assert standing(order.number) == ("paid", "partially_refunded", 2170)


def test_a_bank_that_counts_in_another_currency_takes_all_of_the_payment() -> None:
    order = two_shirts()

    asked_back(order, "lost", Money(8000, "JPY"))

    assert rows(order) == [("succeeded", order.total_minor)]


def test_what_a_won_dispute_left_of_a_cancelled_order_waits_until_it_is_refunded() -> None:
    order = two_shirts()
    asked_back(order, "open", order.total)
    checkout.cancel(order.number, actor=GRACE, reason="Fire", by_shopper=False)
    asked_back(order, "won", order.total)
    assert open_issues() == ["late"]

    staff_services.refund_attempt(last(order.number).reference, str(order.total), "", GRACE)

    assert rows(order) == [("pending", order.total_minor)]
    assert open_issues() == []


def test_what_waits_costs_the_same_however_many_refunds_failed(queries: Any) -> None:
    failed = [a_shirt_back(two_shirts(), f"key {number}").reference for number in range(3)]
    db.session.rollback()
    db.session.expunge_all()

    with queries(at_most=4):
        to_send = [refund.reference for item in staff_queries.waiting() for refund in item.refunds]

    assert to_send == failed


@pytest.mark.parametrize("is_heard_first", [True, False])
def test_what_the_desk_left_of_a_refund_that_waits_goes_back_all_the_same(
    stripe: KeepingSimulator, run_jobs: Any, is_heard_first: bool
) -> None:
    order = an_order((a_variant(price=2000, on_hand=5), 2))
    checkout.start_payment(order.number, "stripe")
    attempt = last(order.number)
    stripe.do("pay", attempt.provider_ref or "")
    services.check(attempt.reference, channel="poller")
    checkout.cancel(order.number, actor=GRACE, reason="Fire", by_shopper=False)
    payment = last(order.number).provider_payment_ref
    stripe.account.new_refund({"payment_intent": payment, "amount": 1500})

    if is_heard_first:
        services.check(attempt.reference, channel="poller")
    run_jobs()

    assert rows(order) == [("failed", 4991), ("succeeded", 1500), ("succeeded", 3491)]
    assert standing(order.number) == ("cancelled", "refunded", 0)
    assert open_issues() == []


def test_what_the_desk_left_of_a_refund_waits_while_a_bank_asks_for_it() -> None:
    order = two_shirts()
    checkout.cancel(order.number, actor=GRACE, reason="Fire", by_shopper=False)
    asked_back(order, "open", order.total)

    told = RefundState("succeeded", "re_desk", None, order.money(1500))
    settle(last(order.number).reference, PaymentState("paid", order.total, refunds=(told,)), channel="webhook")

    assert rows(order) == [("failed", 4991), ("succeeded", 1500), ("failed", 3491)]
    assert open_issues() == ["dispute", "refund_failed"]
    asked_back(order, "won", order.total)
    staff_refunds.try_again(refunds_of(order)[-1].reference, GRACE)
    assert rows(order)[3:] == [("pending", 3491)]


def test_a_second_person_who_sent_the_same_money_by_hand_hears_of_the_first() -> None:
    order = two_shirts()
    failed = a_shirt_back(order)
    staff_refunds.sent_by_hand(failed.reference, "Transfer 1", "", GRACE)

    with pytest.raises(NotAllowed, match="noted as sent already, with the reference Transfer 1"):
        staff_refunds.sent_by_hand(failed.reference, "Transfer 2", "", GRACE)

    assert rows(order) == [("failed", 2170), ("succeeded", 2170)]


def test_what_failed_twice_is_sent_by_hand_from_either_page() -> None:
    order = two_shirts()
    failed = a_shirt_back(order)
    end(staff_refunds.try_again(failed.reference, GRACE), "failed")

    staff_refunds.sent_by_hand(failed.reference, "Transfer 1", "", GRACE)
    staff_refunds.sent_by_hand(refunds_of(order)[1].reference, "Transfer 1", "", GRACE)

    assert rows(order) == [("failed", 2170), ("failed", 2170), ("succeeded", 2170)]
    assert open_issues() == []
