"""Money that goes back without us: at the desk of a provider, or taken by a bank; and how ours gives way to it."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app.checkout import services as checkout
from app.invoices.models import Document
from app.lib.db import session
from app.lib.errors import NotAllowed
from app.orders.models import Order
from app.payments import demo_desk, refunds, staff_refunds, staff_services, webhooks
from app.payments.models import Attempt
from app.payments.providers.base import DisputeState, RefundState
from tests.admin.desk import hear
from tests.factories import a_variant, an_order, order_named, stock_of
from tests.payments.ends import KeepingSimulator, signed
from tests.payments.giving_back import (
    GRACE,
    attempt_of,
    back,
    elsewhere,
    given,
    issues,
    money,
    rows,
    with_invoice,
)
from tests.races.meeting import assert_sound


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    assert_sound()


# The provider's own desk


def test_a_refund_made_at_the_provider_gives_back_a_part_of_the_order() -> None:
    order = with_invoice()

    for _ in range(3):
        hear(attempt_of(order).reference, order.total, refunds=(elsewhere(order, 1500),), refunded=order.money(1500))

    assert rows(order) == [("refund", "succeeded", 1500)]
    assert given() == [1500]
    assert [
        note.amount_minor for note in session().scalars(select(Document).where(Document.kind == "credit_note"))
    ] == [1500]


def test_a_sum_that_is_heard_before_the_refund_has_a_name_is_written_once() -> None:
    order = with_invoice()
    reference = attempt_of(order).reference

    hear(reference, order.total, refunded=order.money(1500))
    hear(reference, order.total, refunds=(elsewhere(order, 1500),), refunded=order.money(1500))

    assert rows(order) == [("refund", "succeeded", 1500)]
    assert attempt_of(order).refunds[0].provider_ref == "re_desk"


@pytest.mark.parametrize("first", ["the news", "our own job"])
def test_what_went_back_at_the_desk_meanwhile_is_no_failure_of_ours(run_jobs: Any, first: str) -> None:
    order = with_invoice()
    reference = attempt_of(order).reference
    back(order, 1)  # promised, and not sent yet
    demo_desk.choose(reference, "refund")
    if first == "the news":
        hear_the_demo(reference)
    run_jobs()
    hear_the_demo(reference)

    assert issues() == []
    assert sum(given()) == order.total_minor
    assert money(order).state == "refunded"
    sent = [row for row in attempt_of(order).refunds if row.state == "succeeded"]
    assert sum(row.amount_minor for row in sent) == order.total_minor
    assert all(row.credit_id for row in sent)


def test_a_failure_that_the_desk_made_good_meanwhile_needs_nobody() -> None:
    order = with_invoice()
    credit = back(order, 1)
    amount = credit.amount_minor
    refunds.record(credit.refunds[0].id, RefundState("failed", "re_1", None, order.money(amount), error="No"))
    assert issues() == ["refund_failed"]

    hear(attempt_of(order).reference, order.total, refunds=(elsewhere(order, amount),))

    assert issues() == []
    assert given() == [amount]


def hear_the_demo(reference: str) -> None:
    from app.payments.services import check

    check(reference, channel="poller")


def test_the_refund_button_of_stripe_s_desk_is_seen_here(stripe: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order()
    attempt = open_at_stripe(order)
    stripe.do("pay", attempt.provider_ref or "")
    deliver(stripe, run_jobs)
    stripe.do("refund", attempt.provider_ref or "")
    deliver(stripe, run_jobs)

    assert money(order).state == "refunded"
    assert rows(order) == [("refund", "succeeded", order.total_minor)]
    assert given() == [order.total_minor]


def test_a_refund_by_staff_is_pending_at_stripe_and_then_fails(stripe: KeepingSimulator, run_jobs: Any) -> None:
    order = an_order()
    attempt = open_at_stripe(order)
    stripe.do("pay", attempt.provider_ref or "")
    deliver(stripe, run_jobs)
    stripe.account.refunds_are = "pending"
    credit = back(order, 1)
    run_jobs()
    assert rows(order) == [("refund", "pending", credit.amount_minor)]

    stripe.account.refunds_are = "succeeded"
    stripe.account.finish_refund(attempt_of(order).refunds[0].provider_ref or "", "failed")
    deliver(stripe, run_jobs)

    assert rows(order) == [("refund", "failed", credit.amount_minor)]
    assert issues() == ["refund_failed"]
    staff_refunds.try_again(attempt_of(order).refunds[0].reference, GRACE)
    run_jobs()
    assert [state for _, state, _ in rows(order)] == ["failed", "succeeded"]
    assert (issues(), len(given())) == ([], 1)


def test_stripe_says_no_because_it_was_refunded_there_and_nobody_is_called(
    stripe: KeepingSimulator, run_jobs: Any
) -> None:
    order = an_order()
    attempt = open_at_stripe(order)
    stripe.do("pay", attempt.provider_ref or "")
    deliver(stripe, run_jobs)
    stripe.do("refund", attempt.provider_ref or "")
    stripe.told.clear()

    back(order, 1)
    run_jobs()

    assert issues() == []
    assert money(order).state == "refunded"
    assert sum(given()) == order.total_minor


def open_at_stripe(order: Order) -> Attempt:
    checkout.start_payment(order.number, "stripe")
    return attempt_of(order)


def deliver(stripe: KeepingSimulator, run_jobs: Callable[[], int]) -> None:
    """Everything Stripe has told since, the last thing first."""
    while stripe.told:
        webhooks.receive("stripe", *signed(stripe.told.pop()))
    run_jobs()


# Banks


def test_while_a_bank_asks_nothing_is_sent_and_what_was_promised_waits(run_jobs: Any) -> None:
    order = with_invoice()
    reference = attempt_of(order).reference
    credit = back(order, 1)
    hear(reference, order.total, disputes=(DisputeState("open", "dp_1", order.total),))

    run_jobs()
    with pytest.raises(NotAllowed, match="disputes this payment"):
        back(order, 1, key="other")
    with pytest.raises(NotAllowed, match="disputes this payment"):
        staff_refunds.try_again(attempt_of(order).refunds[0].reference, GRACE)
    assert [state for _, state, _ in rows(order)] == ["failed"]

    hear(reference, order.total, disputes=(DisputeState("won", "dp_1", order.total),))
    staff_refunds.try_again(attempt_of(order).refunds[0].reference, GRACE)
    run_jobs()

    assert [state for _, state, _ in rows(order)] == ["failed", "succeeded"]
    assert money(order).refunded.minor == credit.amount_minor
    assert issues() == []


def test_cancelling_while_a_bank_asks_waits_with_the_money_alone() -> None:
    shirt = a_variant(on_hand=3)
    order = with_invoice(shirt)
    reference = attempt_of(order).reference
    hear(reference, order.total, disputes=(DisputeState("open", "dp_1", order.total),))

    checkout.cancel(order.number, actor=GRACE, reason="Asked", by_shopper=False)
    assert (rows(order), stock_of(shirt).on_hand) == ([], 3)
    hear(reference, order.total, disputes=(DisputeState("won", "dp_1", order.total),))

    assert issues() == ["late"]
    staff_services.refund_rest(order.number, str(order.total), "Dispute won", GRACE)
    assert rows(order) == [("refund", "pending", order.total_minor)]


# What a provider may tell about one payment: part of it refunded at its desk, and a dispute that is lost in the end.
NEWS = ("desk refund", "opened", "lost", "desk refund")


@pytest.mark.parametrize("sequence", sorted(set(itertools.permutations(NEWS))))
def test_news_of_refunds_and_disputes_ends_the_same_in_any_order(sequence: tuple[str, ...]) -> None:
    shirt = a_variant(price=2000, on_hand=5)
    order = with_invoice(shirt)
    reference = attempt_of(order).reference
    told: dict[str, Any] = {
        "desk refund": {"refunds": (elsewhere(order, 1000),), "refunded": order.money(1000)},
        "opened": {"disputes": (DisputeState("open", "dp_1", order.total),)},
        "lost": {"disputes": (DisputeState("lost", "dp_1", order.total),)},
    }

    for news in sequence:
        hear(reference, order.total, **told[news])

    assert sorted(rows(order)) == [("dispute", "succeeded", order.total_minor - 1000), ("refund", "succeeded", 1000)]
    assert given() == [1000]
    assert (order_named(order.number).status, stock_of(shirt).on_hand) == ("paid", 4)
    assert money(order).state == "refunded"
    assert issues() == ["dispute"]


def test_what_a_bank_took_grows_when_a_refund_on_its_way_fails() -> None:
    order = with_invoice()
    (row,) = back(order, 1).refunds
    amount = row.amount
    hear(attempt_of(order).reference, order.total, disputes=(DisputeState("lost", "dp_1", order.total),))
    assert ("dispute", "succeeded", order.total_minor - amount.minor) in rows(order)

    refunds.record(row.id, RefundState("failed", "re_1", None, amount, error="disputed"))

    assert rows(order) == [("refund", "failed", amount.minor), ("dispute", "succeeded", order.total_minor)]
    assert issues() == ["dispute"], "there is no money left to try again with"
