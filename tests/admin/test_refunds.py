"""Giving a part of an order back at the desk: worked out by the server, agreed to, and written down."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.lib.db import session
from app.orders.models import Order
from app.payments import refunds
from app.payments.models import Credit, PaymentIssue, Refund
from app.payments.providers.base import DisputeState, RefundState
from tests.admin.desk import Desk, a_paid_order, at_desk, attempts, hear, words
from tests.factories import PASSWORD, a_variant, order_named, stock_of
from tests.payments.giving_back import refund_order

with_and_without_htmx = pytest.mark.parametrize("htmx", [False, True])


def is_fine(answer: Any, htmx: bool) -> bool:
    """A way back to the order: as htmx follows it, or as any browser does."""
    return bool(answer.headers.get("HX-Redirect")) if htmx else bool(answer.status_code == 303)


def two_lines() -> Order:
    """Three shirts of 20.00 and a hat of 9.99, 8.5 % on top, 6.00 for the delivery: $82.45."""
    return a_paid_order((a_variant(price=2000, on_hand=5), 3), (a_variant(price=999), 1))


def key_on(desk: Desk, number: str, query: str = "") -> str:
    found = re.search(r'name="key" value="([a-z2-7]+)"', desk.page(f"/admin/orders/{number}/refunds{query}"))
    assert found, "The form carries no key."
    return found[1]


def ask(desk: Desk, number: str, **fields: Any) -> Any:
    return desk.order(number, "refunds", **{"password": PASSWORD, "key": "a-key", **fields})


def made() -> list[Credit]:
    session().rollback()
    return list(session().scalars(select(Credit).order_by(Credit.id).execution_options(populate_existing=True)))


def open_kinds() -> list[str]:
    session().rollback()
    return list(session().scalars(select(PaymentIssue.kind).where(PaymentIssue.resolved_at.is_(None))))


@with_and_without_htmx
def test_the_server_works_out_what_a_choice_comes_to(browser: FlaskClient, htmx: bool):
    order = two_lines()
    desk = at_desk(browser, htmx=htmx)
    shirts = order.lines[0].id

    answer = desk.order(order.number, "refunds/sum", **{f"units-{shirts}": "2", "shipping": "2.50", "other": "1"})

    assert answer.status_code == 200
    read = words(answer.text)
    assert "$43.40" in read
    assert "Goes back $46.90" in read
    assert "Including tax" in read
    assert 'name="seen" value="$46.90"' in answer.text
    assert "Refund $46.90" in read, "the button does not say the amount"
    assert ("<html" in answer.text) != htmx
    assert not made()


@with_and_without_htmx
def test_units_go_back_to_the_shelf_and_the_shopper_gets_money_and_a_paper(browser: FlaskClient, run_jobs, htmx: bool):
    order = two_lines()
    shirts = order.lines[0]
    desk = at_desk(browser, htmx=htmx)
    form = {
        "key": key_on(desk, order.number),
        "seen": "$46.90",
        f"units-{shirts.id}": "2",
        f"shelf-{shirts.id}": "1",
        "shipping": "2.50",
        "other": "1",
        "reason": "Too small",
    }

    first, second = (ask(desk, order.number, **form) for _ in range(2))
    run_jobs()

    assert is_fine(first, htmx)
    assert is_fine(second, htmx)
    (credit,) = made()
    assert (credit.amount_minor, credit.shipping_minor, credit.other_minor) == (4690, 250, 100)
    assert [(line.quantity, line.restocked) for line in credit.lines] == [(2, 2)]
    assert stock_of(shirts.variant_id).on_hand == 4
    assert attempts(order.number)[0].refunded_minor == 4690
    read = words(desk.page(f"/admin/orders/{order.number}"))
    assert "Partly refunded" in read
    assert "2 x Shirt" in read
    assert "Too small" in read


def test_everything_that_is_left_is_filled_in_by_one_click(browser: FlaskClient):
    order = two_lines()
    desk = at_desk(browser)

    page = desk.page(f"/admin/orders/{order.number}/refunds?all=1")

    assert 'name="seen" value="$82.45"' in page
    assert 'name="shipping" type="text" value="6.51"' in page


@with_and_without_htmx
def test_nothing_moves_at_another_total_than_the_one_that_was_read(browser: FlaskClient, htmx: bool):
    order = two_lines()
    desk = at_desk(browser, htmx=htmx)

    answer = ask(desk, order.number, seen="$1.00", other="10", key="my-key")

    assert answer.status_code == 409
    read = words(answer.text)
    assert "By now it comes to $10.00." in read
    assert 'name="seen" value="$10.00"' in answer.text, "the new figure is not there to agree to"
    assert 'value="my-key"' in answer.text
    assert not made()


# What is typed, and what the form says about it.
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"units": "4"}, "3 of 3 can be given back."),
    ({"units": "two"}, "Enter how many units."),
    ({"shipping": "6.52"}, "Of the delivery, $6.51 is left."),
    ({"other": "82.46"}, "At most $82.45 can be refunded."),
    ({"other": "ten"}, "Enter an amount such as 19.99."),
    ({}, "Choose what is given back"),
    ({"other": "1", "password": "guess"}, "That is not your password."),
    ({"other": "1", "password": ""}, "Enter your password."),
]


@with_and_without_htmx
def test_what_cannot_be_given_back_is_422_beside_its_field(browser: FlaskClient, htmx: bool):
    order = two_lines()
    desk = at_desk(browser, htmx=htmx)

    for fields, sentence in REFUSED:
        named = {f"units-{order.lines[0].id}" if name == "units" else name: typed for name, typed in fields.items()}
        answer = ask(desk, order.number, **named)

        assert answer.status_code == 422, fields
        assert sentence in words(answer.text)
        assert "guess" not in answer.text

    assert not made()


def test_what_went_back_at_the_provider_cannot_be_given_back_here(browser: FlaskClient):
    order = two_lines()
    desk = at_desk(browser)
    hear(
        attempts(order.number)[0].reference, order.total, refunds=(RefundState("succeeded", "re_1", None, order.total),)
    )

    page = desk.page(f"/admin/orders/{order.number}")
    answer = ask(desk, order.number, other="1", seen="$1.00")

    assert 'id="open-refund"' not in page
    assert answer.status_code == 422
    assert "At most $0.00 can be refunded." in words(answer.text)


# Money that does not go by itself


def failed_refund(order: Order) -> Refund:
    """A refund of 10.00 that the provider took on, and then could not make."""
    (refund,) = refund_order(order.number, order.money(1000), "Broken", refunds.orders.SHOP)
    refunds.record(refund.id, RefundState("failed", "re_1", None, refund.amount, error="The card has expired."))
    return refund


@with_and_without_htmx
def test_a_refund_that_failed_is_sent_once_more_from_the_queue(browser: FlaskClient, run_jobs, htmx: bool):
    order = two_lines()
    refund = failed_refund(order)
    desk = at_desk(browser, htmx=htmx)
    assert "A refund of $10.00 failed: The card has expired." in words(desk.page("/admin/payments"))
    assert "Try again" in words(desk.page("/admin/payments"))

    first, second = (desk.post(f"/admin/refunds/{refund.reference}/again") for _ in range(2))
    run_jobs()

    assert is_fine(first, htmx)
    assert is_fine(second, htmx)
    (attempt,) = attempts(order.number)
    assert sorted(row.state for row in attempt.refunds) == ["failed", "succeeded"]
    assert open_kinds() == []
    assert len(made()) == 1


@with_and_without_htmx
def test_a_refund_that_failed_can_be_sent_by_other_means(browser: FlaskClient, run_jobs, htmx: bool):
    order = two_lines()
    refund = failed_refund(order)
    desk = at_desk(browser, htmx=htmx)
    address = f"/admin/refunds/{refund.reference}/sent"

    unnamed = desk.post(address, reference=" ")
    first, second = (desk.post(address, reference="SEPA 4711", note="to her account") for _ in range(2))
    late = desk.post(f"/admin/refunds/{refund.reference}/again")
    run_jobs()

    assert unnamed.status_code == 422
    assert "Write the reference" in words(unnamed.text)
    assert is_fine(first, htmx)
    assert is_fine(second, htmx)
    assert is_fine(late, htmx), "who comes later is shown what was done"
    (attempt,) = attempts(order.number)
    assert [(row.kind, row.state, row.provider_ref) for row in attempt.refunds] == [
        ("refund", "failed", "re_1"),
        ("by_hand", "succeeded", "SEPA 4711"),
    ]
    assert open_kinds() == []
    assert "Sent by hand" in words(desk.page(f"/admin/orders/{order.number}"))


def test_an_unknown_refund_is_404(browser: FlaskClient):
    desk = at_desk(browser)

    assert desk.get("/admin/refunds/ref-nothing").status_code == 404
    assert desk.post("/admin/refunds/ref-nothing/again").status_code == 404
    assert desk.post("/admin/refunds/ref-nothing/sent", reference="x").status_code == 404


# Disputes


def test_while_the_bank_asks_nothing_is_refunded_and_the_page_says_why(browser: FlaskClient):
    order = two_lines()
    reference = attempts(order.number)[0].reference
    hear(reference, order.total, disputes=(DisputeState("open", "dp_1", order.total, "fraudulent"),))
    desk = at_desk(browser)

    read = words(desk.page(f"/admin/orders/{order.number}"))
    wizard = ask(desk, order.number, other="1", seen="$1.00")
    whole = desk.refund(order.number, seen=str(order.total))
    one = desk.post(f"/admin/payments/{reference}/refund", seen=str(order.total), kind="dispute", password=PASSWORD)

    assert "Disputed" in read
    assert "fraudulent" in read
    for answer in (wizard, whole, one):
        assert answer.status_code == 409
        assert "bank disputes this payment" in words(answer.text)
    assert not attempts(order.number)[0].refunds

    hear(reference, order.total, disputes=(DisputeState("won", "dp_1", order.total),))
    assert ask(desk, order.number, other="1", seen="$1.00").status_code == 303
    assert open_kinds() == []


# Goods whose money went back


@with_and_without_htmx
@pytest.mark.parametrize(("verb", "status"), [("pack", "packed"), ("ship", "shipped")])
def test_goods_nobody_pays_for_leave_only_when_a_person_says_so(
    browser: FlaskClient, htmx: bool, verb: str, status: str
):
    order = two_lines()
    refund_order(order.number, order.total, "Broken", refunds.orders.SHOP)
    desk = at_desk(browser, htmx=htmx)
    assert "all the same" in words(desk.page(f"/admin/orders/{order.number}"))

    refused = desk.order(order.number, verb)
    anyway = desk.order(order.number, verb, anyway="y")

    assert refused.status_code == 409
    assert "went back to the shopper" in words(refused.text)
    assert anyway.status_code == (200 if htmx else 303)
    assert order_named(order.number).status == status
