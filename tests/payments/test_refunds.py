"""Money on its way back: given back in parts, refunded at the provider, failed, sent by hand, or taken by a bank."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.checkout import services as checkout
from app.invoices.models import Document
from app.invoices.services import issue_invoice
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import credits, demo_desk, refunds, staff_refunds, staff_services, webhooks
from app.payments.credit_plan import LineWish, Wishes
from app.payments.models import Attempt, Credit, PaymentIssue, Refund
from app.payments.providers.base import DisputeState, RefundState
from app.payments.providers.demo import DemoProvider
from app.payments.queries import summary
from tests.admin.desk import a_paid_order, attempts, hear
from tests.factories import a_variant, an_order, order_named, stock_of
from tests.payments.ends import KeepingSimulator, signed

GRACE = Actor("Grace")


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    db.session.rollback()
    assert [(f.name, f.broken) for f in invariants.check() if f.broken] == []


def with_invoice(*lines: Any) -> Order:
    """A paid order that has its invoice."""
    order = a_paid_order(*(lines or ((a_variant(price=2000, on_hand=5), 2),)))
    with transaction():
        issue_invoice(orders.locked(order.number))
    return order_named(order.number)


def back(order: Order, units: int, *, restock: bool = False, key: str = "key", **changes: Any) -> Credit:
    """Units of the first line given back."""
    wishes = Wishes((LineWish(order.lines[0].id, units, restock=restock),), **changes)
    return credits.refund(order.number, wishes, key=key, seen=None, reason="Too small", actor=GRACE)


def attempt_of(order: Order) -> Attempt:
    return attempts(order.number)[-1]


def rows(order: Order) -> list[tuple[str, str, int]]:
    """(kind, state, amount) of each refund."""
    return [(row.kind, row.state, row.amount_minor) for row in attempt_of(order).refunds]


def issues() -> list[str]:
    session().rollback()
    found = select(PaymentIssue.kind).where(PaymentIssue.resolved_at.is_(None)).order_by(PaymentIssue.id)
    return list(session().scalars(found))


def given() -> list[int]:
    session().rollback()
    return list(session().scalars(select(Credit.amount_minor).order_by(Credit.id)))


def money(order: Order) -> Any:
    return summary(order_named(order.number))


def elsewhere(order: Order, minor: int, name: str = "re_desk") -> RefundState:
    return RefundState("succeeded", name, None, order.money(minor))


# Parts


def test_a_part_has_its_credit_note_and_is_not_asked_for_again(run_jobs: Any) -> None:
    order = with_invoice()

    credit = back(order, 1, shipping_minor=None)
    run_jobs()

    note = session().get_one(Document, credit.document_id)
    assert (note.kind, note.amount_minor, note.tax_minor) == ("credit_note", credit.amount_minor, credit.tax_minor)
    assert credit.amount_minor == 2170 + 651
    figures = money(order)
    assert (figures.state, figures.refunded.minor, figures.balance.minor) == ("partially_refunded", 2821, 0)


def test_units_come_back_to_the_shelf_once_and_cancelling_brings_only_the_rest() -> None:
    shirt = a_variant(price=2000, on_hand=5)
    order = with_invoice((shirt, 3))
    back(order, 1, restock=True)
    back(order, 1, key="kept")
    with pytest.raises(Invalid):
        back(order, 2, restock=True, key="more")
    assert stock_of(shirt).on_hand == 3

    checkout.cancel(order.number, actor=GRACE, reason="Fire", by_shopper=False)

    assert stock_of(shirt).on_hand == 5
    assert sum(given()) == order.total_minor
    notes = session().scalars(select(Document.amount_minor).where(Document.kind == "credit_note"))
    assert sum(notes) == order.total_minor
    assert money(order).refundable.minor == 0


def test_units_that_went_out_in_two_holds_come_back_to_both() -> None:
    shirt = a_variant(on_hand=9)
    order = with_invoice((shirt, 4))
    with transaction() as current:
        current.execute(SPLIT_HOLD)

    back(order, 3, restock=True)
    back(order, 1, restock=True, key="last")

    assert stock_of(shirt).on_hand == 9


SPLIT_HOLD = db.text("""
    WITH less AS (UPDATE reservations SET quantity = 2 RETURNING order_id, variant_id, state, expires_at)
    INSERT INTO reservations (order_id, variant_id, quantity, state, expires_at)
    SELECT order_id, variant_id, 2, state, expires_at FROM less
""")


def test_a_key_means_one_credit_and_no_other() -> None:
    order = with_invoice()

    first, second = back(order, 1).id, back(order, 1).id
    with pytest.raises(Invalid, match="other wishes"):
        back(order, 2)

    assert first == second
    assert len(given()) == 1


def test_two_payments_give_back_together_what_neither_holds_alone(run_jobs: Any) -> None:
    order = an_order((a_variant(price=2000), 2))
    for minor in (1000, order.total_minor - 1000):
        staff_pays(order, minor)

    credits.refund(
        order.number,
        Wishes(other_minor=order.total_minor - 100),
        key="most",
        seen=None,
        reason="Broken",
        actor=GRACE,
    )
    run_jobs()

    sent = {row.amount_minor for attempt in attempts(order.number) for row in attempt.refunds}
    assert sent == {900, order.total_minor - 1000}


def staff_pays(order: Order, minor: int) -> None:
    """Somebody saw this money come, in an envelope."""
    from app.payments import marking

    marking.mark_paid(order.number, "cash_on_delivery", Money(minor, "USD"), f"receipt {minor}", "seen", GRACE)


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


# By hand


@pytest.fixture
def no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo provider as M-Pesa is: money comes, and cannot be sent back."""
    monkeypatch.setattr(DemoProvider, "can_refund", False)


def test_money_that_cannot_go_back_by_itself_waits_for_a_hand(no_way_back: None, run_jobs: Any, mails: Any) -> None:
    order = with_invoice()
    run_jobs()

    first, second = back(order, 1), back(order, 1, key="second")
    run_jobs()

    note = session().scalars(select(PaymentIssue.note)).one()
    assert f"Send {order.money(first.amount_minor + second.amount_minor)} to Ada Lovelace (ada@example.com)" in note
    assert {(kind, state) for kind, state, _ in rows(order)} == {("by_hand", "pending")}
    assert money(order).refunding.minor == first.amount_minor + second.amount_minor

    for number, row in enumerate(attempt_of(order).refunds):
        assert issues() == ["refund_by_hand"]
        staff_refunds.sent_by_hand(row.reference, f"T{number}", "", GRACE)
        staff_refunds.sent_by_hand(row.reference, f"T{number}", "", GRACE)
    run_jobs()

    assert issues() == []
    assert money(order).refunded.minor == first.amount_minor + second.amount_minor
    assert [letter["Subject"] for letter in mails()].count(f"Your refund for order {order.number}") == 2


def test_what_the_provider_is_sending_is_not_sent_by_hand_as_well() -> None:
    order = with_invoice()
    (row,) = back(order, 1).refunds

    with pytest.raises(NotAllowed, match="is sending this refund"):
        staff_refunds.sent_by_hand(row.reference, "T1", "", GRACE)


def test_a_failed_refund_is_answered_once_however_many_try(at_once: Any, run_jobs: Any) -> None:
    order = with_invoice()
    (row,) = back(order, 1).refunds
    reference = row.reference
    refunds.record(row.id, RefundState("failed", "re_1", None, row.amount, error="Closed account"))

    outcomes = at_once(
        *[lambda: staff_refunds.try_again(reference, GRACE).id] * 2,
        *[lambda: staff_refunds.sent_by_hand(reference, "T1", "", GRACE).id] * 2,
    )
    run_jobs()

    done = [one for one in outcomes if not isinstance(one, NotAllowed)]
    assert len(set(done)) == 1, outcomes
    assert len(done) >= 2, "who tries again is shown what was done"

    assert [state for _, state, _ in rows(order)] == ["failed", "succeeded"]
    assert issues() == []


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


# Money that was never the order's


def test_what_was_paid_too_much_goes_back_without_giving_anything_of_the_order_back(run_jobs: Any) -> None:
    order = an_order((a_variant(price=2000), 2))
    staff_pays(order, order.total_minor + 180)
    assert money(order).excess.minor == 180

    sent = staff_services.refund_excess(order.number, "$1.80", "Too much", GRACE)
    again = staff_services.refund_excess(order.number, "$1.80", "Too much", GRACE)

    assert (sent, again) == ((order.money(180),), ())
    assert given() == []
    row = session().scalars(select(Refund)).one()
    staff_refunds.sent_by_hand(row.reference, "in person", "", GRACE)
    assert money(order).state == "paid"
    assert issues() == []


def test_all_of_an_overpaid_order_goes_back_as_its_total_and_the_rest() -> None:
    order = an_order((a_variant(price=2000), 2))
    staff_pays(order, order.total_minor + 180)

    staff_services.refund_rest(order.number, str(order.money(order.total_minor + 180)), "Broken", GRACE)

    assert given() == [order.total_minor]
    assert sorted(amount for _, _, amount in rows(order)) == [180, order.total_minor]


def test_goodwill_first_and_then_the_goods_come_to_no_more_than_was_paid() -> None:
    order = with_invoice()
    credits.refund(order.number, Wishes(other_minor=500), key="sorry", seen=None, reason="Goodwill", actor=GRACE)

    back(order, 2, restock=True, shipping_minor=None)

    assert given() == [500, order.total_minor - 500]
    assert money(order).refundable.minor == 0
