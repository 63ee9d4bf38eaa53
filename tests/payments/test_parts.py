"""Money in parts, too much of it, and money whose name is known already."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.checkout import services as checkout
from app.invoices.models import Document
from app.lib.db import session, transaction
from app.lib.errors import NotAllowed
from app.payments import refunds, services, settlement, staff_services
from app.payments.attempts import locked
from app.payments.models import Attempt, PaymentIssue
from app.payments.providers.base import PaymentState, RefundState
from app.payments.providers.demo import DemoProvider
from app.payments.settlement import accept, settle
from tests.factories import a_cart, a_variant, an_order, order_named, place, stock_of
from tests.payments.byhand import GRACE, attempts, choose, hear, last, money, open_issues, standing
from tests.races.meeting import Gate, assert_sound, kinds, overtake
from tests.races.paying import let_hold_run_out

TOTAL = 2820


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    assert_sound()


def a_part(number: str, minor: int) -> Attempt:
    """Too little came, and Grace lets it count."""
    attempt = choose(number, "demo")
    hear(attempt, minor)
    accept(attempt.reference, GRACE)
    return attempt


def test_who_tries_again_after_a_part_went_back_is_waited_for_like_anybody() -> None:
    order = an_order()
    attempt = a_part(order.number, 1000)
    staff_services.refund_attempt(attempt.reference, "$10.00", "Pay all of it at once", GRACE)
    (refund,) = last(order.number).refunds
    refunds.record(refund.id, RefundState("succeeded", "re_1", refund.reference, refund.amount))
    assert standing(order.number) == ("pending", "refunded", TOTAL)

    choose(order.number, "demo")

    assert standing(order.number) == ("pending", "pending", TOTAL)
    assert not money(order.number).is_final


def test_a_part_counts_once_a_person_says_so_and_the_rest_can_be_paid() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    attempt = choose(order.number, "demo")
    hear(attempt, 1000)
    assert standing(order.number) == ("pending", "review", TOTAL)
    assert open_issues() == ["amount"]

    accept(attempt.reference, GRACE)
    assert standing(order.number) == ("pending", "partially_paid", TOTAL - 1000)
    assert open_issues() == ["part"]
    rest = choose(order.number, "demo")
    assert rest.amount_minor == TOTAL - 1000
    hear(rest, TOTAL - 1000)

    assert standing(order.number) == ("paid", "paid", 0)
    assert open_issues() == []
    assert stock_of(shirt).on_hand == 0
    [invoice] = session().scalars(select(Document)).all()
    assert invoice.amount_minor == TOTAL


def test_several_parts_pay_the_order_whatever_each_was_asked_for() -> None:
    order = an_order()
    a_part(order.number, 1000)
    a_part(order.number, 500)

    a_part(order.number, TOTAL - 1500 + 80)

    assert standing(order.number) == ("paid", "paid", 0)
    assert money(order.number).excess.minor == 80
    assert open_issues() == ["excess"]


def test_the_excess_goes_back_with_one_click_and_the_order_stays_paid() -> None:
    order = an_order()
    a_part(order.number, TOTAL + 200)

    first = staff_services.refund_excess(order.number, "$2.00", "Paid too much", GRACE)
    again = staff_services.refund_excess(order.number, "$2.00", "Paid too much", GRACE)

    assert ([str(amount) for amount in first], again) == (["$2.00"], ())
    assert standing(order.number) == ("paid", "paid", 0)
    assert open_issues() == []


def test_a_part_of_an_order_that_was_cancelled_goes_back_with_it() -> None:
    order = an_order()
    a_part(order.number, 1000)

    checkout.cancel(order.number, actor=GRACE, reason="Changed my mind", by_shopper=True)

    assert [refund.amount_minor for refund in attempts(order.number)[0].refunds] == [1000]
    assert open_issues() == []


def test_all_parts_go_back_when_the_units_are_gone_as_the_last_one_comes() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    a_part(order.number, 1000)
    rest = choose(order.number, "demo")
    let_hold_run_out(order.number)
    place(a_cart(shirt), email="bob@example.com")

    hear(rest, TOTAL - 1000)

    assert order_named(order.number).cancel_reason == "sold_out"
    assert [attempt.left.minor for attempt in attempts(order.number)] == [0, 0]
    assert open_issues() == []


def test_a_part_waits_beyond_its_hold_for_a_person() -> None:
    order = an_order()
    a_part(order.number, 1000)
    let_hold_run_out(order.number)

    checkout.expire(order.id)

    assert standing(order.number) == ("pending", "partially_paid", TOTAL - 1000)
    assert checkout.expire_unpaid() == 0
    with pytest.raises(NotAllowed, match="waits for the rest"):
        staff_services.dealt_with(attempts(order.number)[0].reference, "part", "Never mind", GRACE)
    staff_services.refund_attempt(attempts(order.number)[0].reference, "$10.00", "Too long ago", GRACE)
    assert open_issues() == []


def test_an_order_can_be_paid_again_once_a_person_saw_that_no_doubtful_money_came() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    with transaction():
        settlement.doubt(locked(attempt.reference)[1], "amount", "A message spoke of 1 minor unit.")
    assert standing(order.number) == ("pending", "review", TOTAL)

    staff_services.dealt_with(attempt.reference, "amount", "Nothing is in the account", GRACE)

    assert standing(order.number) == ("pending", "pending", TOTAL)
    assert open_issues() == []


def test_money_that_can_pay_nothing_of_the_order_is_not_accepted() -> None:
    order, late = an_order(), an_order()
    foreign, too_late = choose(order.number, "demo"), choose(late.number, "demo")
    hear(foreign, TOTAL, currency="EUR")
    let_hold_run_out(late.number)
    checkout.expire(late.id)
    hear(too_late, 1000)

    for attempt in (foreign, too_late):
        with pytest.raises(NotAllowed, match="does not pay"):
            accept(attempt.reference, GRACE)


def test_one_receipt_pays_one_order() -> None:
    first, second = an_order(), an_order()
    for order in (first, second):
        hear(choose(order.number, "demo"), TOTAL, "QK12ABCDEF")

    assert standing(first.number) == ("paid", "paid", 0)
    assert standing(second.number) == ("pending", "review", TOTAL)
    assert open_issues() == ["receipt"]
    accept(last(second.number).reference, GRACE)
    assert standing(second.number) == ("paid", "paid", 0)


@pytest.mark.parametrize("guard", ["on", "off"])
def test_one_receipt_that_comes_for_two_orders_at_once(
    at_once: Any, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    orders = [an_order().number, an_order().number]
    deeds = [partial(hear, choose(number, "demo"), TOTAL, "QK12ABCDEF") for number in orders]
    gate = Gate()
    monkeypatch.setattr(settlement, "_difference", gate.after(settlement._difference))
    if guard == "off":
        monkeypatch.setattr(settlement.func, "pg_advisory_xact_lock", lambda key: key)

    outcomes = overtake(at_once, gate, *deeds)

    assert kinds(outcomes) == {"done": 2}
    assert sorted(order_named(number).status for number in orders) == (
        ["paid", "pending"] if guard == "on" else ["paid", "paid"]
    )


@pytest.mark.parametrize("end", ["the attempt", "the order", "nothing"])
def test_money_the_shopper_agreed_to_is_taken_only_while_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    taken: list[str] = []
    monkeypatch.setattr(DemoProvider, "look_up", lambda *_: PaymentState("authorised", attempt.amount))
    monkeypatch.setattr(
        DemoProvider, "capture", lambda _, reference, ref: taken.append(reference) or PaymentState("pending")
    )
    if end == "the attempt":
        settle(attempt.reference, PaymentState("cancelled"), channel="webhook")
    elif end == "the order":
        monkeypatch.setattr(services, "close_others", lambda order_id: set())
        checkout.cancel(order.number, actor=GRACE, reason="Changed my mind", by_shopper=True)

    services.check(attempt.reference, channel="return")

    assert bool(taken) == (end == "nothing")


def test_an_old_page_for_all_of_it_is_closed_when_only_a_part_is_due() -> None:
    order = an_order()
    old = choose(order.number, "demo")
    with transaction() as current:
        other = Attempt(
            payment_id=old.payment_id,
            reference="att-anotheranotheranotheranoth",
            provider="stripe",
            state="pending",
            amount_minor=TOTAL,
            currency="USD",
        )
        current.add(other)
    hear(other, 1000)
    accept(other.reference, GRACE)

    rest = choose(order.number, "demo")

    assert (rest.amount_minor, rest.reference != old.reference) == (TOTAL - 1000, True)
    assert attempts(order.number)[0].state == "expired"


def test_a_message_about_another_sum_waits_even_when_staff_took_a_part_before() -> None:
    order = an_order()
    a_part(order.number, 1000)
    rest = choose(order.number, "demo")

    settlement.doubt(rest, "amount", "The message speaks of another sum.")
    hear(last(order.number), TOTAL - 1000)

    assert standing(order.number) == ("pending", "review", TOTAL - 1000)
    assert session().scalar(
        select(PaymentIssue.note).where(PaymentIssue.kind == "amount", PaymentIssue.resolved_at.is_(None))
    )


def test_a_second_payment_is_no_excess() -> None:
    order = an_order()
    first = choose(order.number, "demo")
    settle(first.reference, PaymentState("cancelled"), channel="closed")
    second = choose(order.number, "demo")
    hear(second, TOTAL)

    hear(first, TOTAL)

    assert standing(order.number) == ("paid", "paid", 0)
    assert (money(order.number).kept.minor, money(order.number).excess.minor) == (TOTAL, 0)
    assert open_issues() == ["second"]
