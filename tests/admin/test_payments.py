"""Money that waits for a person: what the queue shows, and what each button does."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.lib.db import session, transaction
from app.lib.money import Money
from app.payments.models import PaymentIssue
from app.payments.providers.base import DisputeState
from tests.admin.desk import Desk, a_paid_order, at_desk, attempts, hear, open_attempt, pay, words
from tests.factories import PASSWORD, a_variant, an_order, order_named, stock_of
from tests.payments.byhand import choose, mark, ways_by_hand

with_and_without_htmx = pytest.mark.parametrize("htmx", [False, True])


def is_fine(answer: Any, htmx: bool) -> bool:
    return bool(answer.status_code == (200 if htmx else 303))


def issues(*, is_open: bool = True) -> list[tuple[str, str]]:
    """(kind, resolution) of each issue."""
    session().rollback()
    state = PaymentIssue.resolved_at.is_(None) if is_open else PaymentIssue.resolved_at.is_not(None)
    return [(row.kind, row.resolution) for row in session().scalars(select(PaymentIssue).where(state))]


def paid_with(minor: int, currency: str = "USD") -> tuple[str, str]:
    """An order for which another amount came than was asked; its number and the attempt's reference."""
    order = an_order(a_variant(on_hand=3))
    reference = open_attempt(order.number)
    hear(reference, Money(minor, currency))
    return order.number, reference


def refund(desk: Desk, reference: str, kind: str, seen: object, **changes: str) -> Any:
    fields = {"seen": str(seen), "kind": kind, "password": PASSWORD, "reason": "", **changes}
    return desk.post(f"/admin/payments/{reference}/refund", **fields)


def test_an_empty_queue_says_so(browser: FlaskClient):
    assert "Nothing waits" in words(at_desk(browser).page("/admin/payments"))


def test_what_waits_is_told_with_its_order_and_counted_in_the_menu(browser: FlaskClient):
    number, reference = paid_with(100)

    page = at_desk(browser).page("/admin/payments")

    read = words(page)
    assert f"{number} : Amount differs" in read
    assert "$28.20 asked, $1.00 came, $1.00 still here" in read
    assert reference in read
    assert "Payments 1 open" in read
    assert "Accept $1.00" in read


@with_and_without_htmx
def test_more_than_was_asked_can_be_accepted_and_pays_the_order(browser: FlaskClient, run_jobs, htmx: bool):
    number, reference = paid_with(3000)
    desk = at_desk(browser, htmx=htmx)
    assert "Accept $30.00" in words(desk.page("/admin/payments"))
    assert order_named(number).status == "pending"

    answer = desk.post(f"/admin/payments/{reference}/accept")
    again = desk.post(f"/admin/payments/{reference}/accept")

    assert is_fine(answer, htmx)
    assert again.status_code == 409
    assert order_named(number).status == "paid"
    assert issues() == [("excess", "")]
    read = words(desk.page(f"/admin/orders/{number}"))
    assert "Only staff see this $30.00 accepted" in read
    run_jobs()


def test_money_that_cannot_pay_the_order_is_not_accepted(browser: FlaskClient):
    number, reference = paid_with(2820, "EUR")

    answer = at_desk(browser).post(f"/admin/payments/{reference}/accept")

    assert answer.status_code == 409
    assert "does not pay $28.20" in words(answer.text)
    assert order_named(number).status == "pending"


@with_and_without_htmx
def test_a_wrong_amount_goes_back_once(browser: FlaskClient, run_jobs, htmx: bool):
    number, reference = paid_with(100)
    desk = at_desk(browser, htmx=htmx)

    first = refund(desk, reference, "amount", "$1.00")
    second = refund(desk, reference, "amount", "$1.00")
    run_jobs()

    assert is_fine(first, htmx)
    assert is_fine(second, htmx)
    (attempt,) = attempts(number)
    assert [row.amount for row in attempt.refunds] == [Money(100, "USD")]
    assert issues(is_open=False)[0] == ("amount", "refunded $1.00")


def test_the_second_payment_goes_back_and_the_first_stays(browser: FlaskClient, run_jobs):
    order = an_order()
    first = open_attempt(order.number)
    with transaction() as current:
        current.execute(text("UPDATE payment_attempts SET expires_at = now()"))
    second = pay(order.number)
    hear(first, order.total)
    desk = at_desk(browser)
    assert "Paid twice" in words(desk.page("/admin/payments"))

    answer = refund(desk, first, "second", order.total)
    run_jobs()

    assert answer.status_code == 303
    left = {attempt.reference: attempt.left.minor for attempt in attempts(order.number)}
    assert left == {first: 0, second: order.total_minor}
    assert order_named(order.number).status == "paid"
    assert issues() == []


@with_and_without_htmx
def test_a_refund_from_the_queue_needs_the_password(browser: FlaskClient, htmx: bool):
    number, reference = paid_with(100)
    desk = at_desk(browser, htmx=htmx)

    answer = refund(desk, reference, "amount", "$1.00", password="guess")

    assert answer.status_code == 422
    assert "That is not your password." in words(answer.text)
    assert not attempts(number)[0].refunds
    if htmx:
        assert answer.headers["HX-Retarget"] == f"#refund-fields-{reference}-amount"
    else:
        assert f'<dialog id="refund-{reference}-amount" aria-labelledby="refund-title-{reference}-amount" open>' in (
            answer.text
        )


def test_a_made_up_kind_stays_out_of_the_headers(browser: FlaskClient):
    _, reference = paid_with(100)

    answer = refund(at_desk(browser, htmx=True), reference, "amount\r\nX-Evil: 1", "$1.00", password="")

    assert answer.status_code == 422
    assert "X-Evil" not in answer.headers


@with_and_without_htmx
def test_dealing_with_something_elsewhere_needs_a_note(browser: FlaskClient, htmx: bool):
    order = a_paid_order()
    (attempt,) = attempts(order.number)
    hear(attempt.reference, order.total, disputes=(DisputeState("open", "dp_1", order.total),))
    desk = at_desk(browser, htmx=htmx)
    address = f"/admin/payments/{attempt.reference}/issues/dispute"

    empty = desk.post(address, note=" ")
    done = desk.post(address, note="Answered at the bank")
    again = desk.post(address, note="Answered at the bank")

    assert empty.status_code == 422
    assert "Write what was done about it." in words(empty.text)
    assert is_fine(done, htmx)
    assert is_fine(again, htmx)
    assert issues(is_open=False) == [("dispute", "Answered at the bank")]
    assert words(desk.page(f"/admin/orders/{order.number}")).count("Dealt with: Answered at the bank") == 1


def test_undecided_money_cannot_be_waved_away(browser: FlaskClient):
    _, reference = paid_with(100)

    answer = at_desk(browser).post(f"/admin/payments/{reference}/issues/amount", note="Never mind")

    assert answer.status_code == 409
    assert "accept it, or refund it" in words(answer.text)
    assert issues() == [("amount", "")]


def test_cancelling_sends_money_under_review_back_as_well(browser: FlaskClient, run_jobs):
    number, _ = paid_with(100)
    desk = at_desk(browser)

    answer = desk.order(number, "cancel", reason="Wrong amount", password=PASSWORD)
    run_jobs()

    assert answer.status_code == 303
    (attempt,) = attempts(number)
    assert attempt.refunded_minor == 100


def test_checking_from_the_queue_asks_the_provider(browser: FlaskClient):
    number, reference = paid_with(100)
    desk = at_desk(browser)

    assert desk.post(f"/admin/payments/{reference}/check").status_code == 303
    assert desk.post("/admin/payments/att-nothing/check").status_code == 404
    assert issues() == [("amount", "")]
    assert order_named(number).status == "pending"


def test_an_order_tells_that_its_money_waits(browser: FlaskClient):
    number, _ = paid_with(100)

    read = words(at_desk(browser).page(f"/admin/orders/{number}"))

    assert "Needs a look" in read
    assert "Decide in Payments" in read
    assert "$1.00 came" in read


def test_accepting_takes_the_stock_that_was_held(browser: FlaskClient):
    variant = a_variant(on_hand=3)
    order = an_order((variant, 2))
    reference = open_attempt(order.number)
    hear(reference, order.total + Money(1, "USD"))

    at_desk(browser).post(f"/admin/payments/{reference}/accept")

    assert (stock_of(variant).on_hand, stock_of(variant).reserved) == (1, 0)


def test_the_queue_takes_as_many_statements_for_ten_as_for_one(browser: FlaskClient, queries):
    for _ in range(10):
        paid_with(100)
    desk = at_desk(browser)
    desk.get("/admin/payments")

    with queries(at_most=8):
        assert desk.get("/admin/payments").text.count("Amount differs</h2>") == 10


def test_what_would_go_back_by_hand_is_said_before_it_is_agreed_to(browser: FlaskClient):
    with ways_by_hand():
        order = an_order(a_variant())
        choose(order.number, "bank_transfer")
        mark(order.number, "bank_transfer", 1000, "Statement 7")

    page = words(at_desk(browser).page("/admin/payments"))

    assert "$10.00 goes back to the shopper by hand, because Bank transfer cannot send money back" in page
