"""What the shop gives back: units in parts, what was paid too much, and money that somebody sends by hand."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app.checkout import services as checkout
from app.invoices.models import Document
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders.models import Order
from app.payments import credits, refunds, staff_refunds, staff_services
from app.payments.credit_plan import Wishes
from app.payments.models import PaymentIssue, Refund
from app.payments.providers.base import RefundState
from app.payments.providers.demo import DemoProvider
from tests.admin.desk import attempts
from tests.factories import a_variant, an_order, stock_of
from tests.payments.giving_back import (
    GRACE,
    attempt_of,
    back,
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
