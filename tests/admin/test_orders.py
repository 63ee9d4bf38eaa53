"""What staff do with orders, through HTTP: once with htmx, once without."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.lib.db import transaction
from app.orders import services
from app.orders.services import Actor
from app.payments import demo_desk
from app.payments import services as payments
from tests.admin.desk import (
    GRACE,
    Desk,
    a_paid_order,
    at_desk,
    attempts,
    open_attempt,
    pay,
    sign_in,
    words,
)
from tests.factories import PASSWORD, Stock, a_user, a_variant, an_order, order_named, stock_of

with_and_without_htmx = pytest.mark.parametrize("htmx", [False, True])


def is_fine(answer: Any, htmx: bool) -> bool:
    """The page's new part for htmx, else a redirect to the page."""
    return bool(answer.status_code == (200 if htmx else 303))


# From packing to delivery


@with_and_without_htmx
def test_an_order_is_packed_shipped_and_delivered(browser: FlaskClient, mails, run_jobs, htmx: bool):
    order = a_paid_order()
    desk = at_desk(browser, htmx=htmx)

    packed = desk.order(order.number, "pack")
    shipped = desk.order(order.number, "ship", tracking_number=" 1Z 999-AA ")
    delivered = desk.order(order.number, "deliver")

    assert all(is_fine(answer, htmx) for answer in (packed, shipped, delivered))
    read = words(desk.page(f"/admin/orders/{order.number}"))
    assert "Delivered" in read
    assert "Shipped: 1Z 999-AA" in read
    assert "Tracking number 1Z 999-AA" in read
    assert "Grace Hopper" in read
    run_jobs()
    assert any("1Z 999-AA" in letter.get_body(("plain",)).get_content() for letter in mails())


def test_htmx_gets_the_order_alone_with_a_toast(browser: FlaskClient):
    order = a_paid_order()
    desk = at_desk(browser, htmx=True)

    answer = desk.order(order.number, "pack")

    assert answer.text.lstrip().startswith('<div class="stack" id="order">')
    assert "is packed" in answer.headers["HX-Trigger"]
    assert "<html" not in answer.text


@with_and_without_htmx
@pytest.mark.parametrize(
    ("verb", "fields", "sentence"),
    [
        ("pack", {}, "cannot become packed"),
        ("ship", {"tracking_number": ""}, "cannot become shipped"),
        ("deliver", {}, "cannot become delivered"),
    ],
)
def test_a_move_that_is_not_drawn_is_409_with_its_sentence(
    browser: FlaskClient, htmx: bool, verb: str, fields: dict[str, str], sentence: str
):
    order = an_order()
    desk = at_desk(browser, htmx=htmx)

    answer = desk.order(order.number, verb, **fields)

    assert answer.status_code == 409
    assert sentence in words(answer.text)
    assert order_named(order.number).status == "pending"
    if htmx:
        assert answer.headers["HX-Retarget"] == "#notices"


def test_two_clicks_on_pack_move_once(browser: FlaskClient):
    order = a_paid_order()
    desk = at_desk(browser)

    answers = [desk.order(order.number, "pack").status_code for _ in range(2)]

    assert answers == [303, 409]
    assert words(desk.page(f"/admin/orders/{order.number}")).count("Packed ") == 2  # the lines, the timeline


def at_four_desks(new_browser: Callable[[], FlaskClient], address: str, **fields: str) -> list[Callable[[], int]]:
    """The same button under four hands, each in a browser of its own, where Grace is signed in."""
    desks = [at_desk(new_browser())] + [sign_in(new_browser(), GRACE) for _ in range(3)]

    def press(desk: Desk, token: str) -> int:
        return int(desk.browser.post(address, data={"csrf_token": token, **fields}).status_code)

    return [partial(press, desk, desk.token()) for desk in desks]


def test_four_hands_on_pack_move_the_order_once(new_browser: Callable[[], FlaskClient], at_once):
    number = a_paid_order().number
    hands = at_four_desks(new_browser, f"/admin/orders/{number}/pack")

    outcomes = at_once(*hands)

    assert sorted(outcomes) == [303, 409, 409, 409]
    assert order_named(number).status == "packed"


@with_and_without_htmx
def test_a_tracking_number_nobody_could_use_comes_back_with_a_sentence(browser: FlaskClient, htmx: bool):
    order = a_paid_order()
    desk = at_desk(browser, htmx=htmx)

    answer = desk.order(order.number, "ship", tracking_number="<b>1</b>")

    assert answer.status_code == 422
    assert "A tracking number has letters" in words(answer.text)
    assert "&lt;b&gt;1&lt;/b&gt;" in answer.text
    if htmx:
        assert answer.headers["HX-Retarget"] == "#ship-fields"
        assert answer.text.lstrip().startswith('<div class="stack" id="ship-fields">')
    else:
        assert '<dialog id="ship" aria-labelledby="ship-title" open>' in answer.text


def test_dialogs_open_by_address_for_a_browser_that_cannot_open_them(browser: FlaskClient):
    order = a_paid_order()

    page = at_desk(browser).page(f"/admin/orders/{order.number}?open=refund")

    assert '<dialog id="refund" aria-labelledby="refund-title" open>' in page
    assert '<dialog id="cancel" aria-labelledby="cancel-title">' in page


# Cancelling and refunding


@with_and_without_htmx
def test_cancelling_a_paid_order_restocks_it_and_sends_the_money_back(browser: FlaskClient, run_jobs, htmx: bool):
    variant = a_variant(on_hand=5, price=3000)
    order = a_paid_order((variant, 2))
    desk = at_desk(browser, htmx=htmx)
    page = desk.page(f"/admin/orders/{order.number}")
    assert "2 units go back on the shelf." in page
    assert f"{order.total} goes back to the shopper." in page
    assert f"Cancel and refund {order.total}" in page

    answer = desk.order(order.number, "cancel", reason="Damaged in the storeroom", password=PASSWORD)

    assert is_fine(answer, htmx)
    assert stock_of(variant) == Stock(on_hand=5, reserved=0)
    run_jobs()
    (attempt,) = attempts(order.number)
    assert attempt.refunded_minor == order.total_minor
    read = words(desk.page(f"/admin/orders/{order.number}"))
    assert "Cancelled: Damaged in the storeroom" in read
    assert f"{order.total} sent back" in read


@with_and_without_htmx
def test_cancelling_what_was_paid_asks_for_the_password(browser: FlaskClient, htmx: bool):
    order = a_paid_order()
    desk = at_desk(browser, htmx=htmx)

    without = desk.order(order.number, "cancel", reason="No reason")
    wrong = desk.order(order.number, "cancel", reason="No reason", password="guess")

    assert (without.status_code, wrong.status_code) == (422, 422)
    assert "Enter your password." in words(without.text)
    assert "That is not your password." in words(wrong.text)
    assert order_named(order.number).status == "paid"


def test_cancelling_what_was_not_paid_needs_only_a_reason(browser: FlaskClient):
    variant = a_variant(on_hand=1)
    order = an_order(variant)
    reference = open_attempt(order.number)
    desk = at_desk(browser)
    assert 'id="cancel-password"' not in desk.page(f"/admin/orders/{order.number}")

    unreasoned = desk.order(order.number, "cancel", reason="  ")
    cancelled = desk.order(order.number, "cancel", reason="Asked by phone")

    assert (unreasoned.status_code, cancelled.status_code) == (422, 303)
    assert stock_of(variant).available == 1
    (attempt,) = attempts(order.number)
    assert (attempt.reference, attempt.is_open) == (reference, False)


def test_what_was_shipped_cannot_be_cancelled(browser: FlaskClient):
    order = a_paid_order()
    services.ship(order.number, "", Actor("Grace"))
    desk = at_desk(browser)

    answer = desk.order(order.number, "cancel", reason="Too late", password=PASSWORD)

    assert answer.status_code == 409
    assert 'id="cancel"' not in desk.page(f"/admin/orders/{order.number}")


@with_and_without_htmx
def test_a_second_click_on_refund_sends_nothing_more(browser: FlaskClient, run_jobs, htmx: bool):
    order = a_paid_order()
    desk = at_desk(browser, htmx=htmx)
    assert f">Refund {order.total}</button>" in desk.page(f"/admin/orders/{order.number}?open=refund")

    first = desk.refund(order.number, seen=str(order.total), reason="Changed mind")
    second = desk.refund(order.number, seen=str(order.total), reason="Changed mind")
    run_jobs()
    third = desk.refund(order.number, seen=str(order.total))

    assert all(is_fine(answer, htmx) for answer in (first, second, third))
    (attempt,) = attempts(order.number)
    assert [(refund.state, refund.amount) for refund in attempt.refunds] == [("succeeded", order.total)]
    read = words(desk.page(f"/admin/orders/{order.number}"))
    assert "Refunded" in read
    assert "Changed mind" in read
    assert "not cancelled" in read, "nothing warns that a refunded order still waits to be packed"


def test_refunds_at_the_same_moment_send_the_money_once(new_browser: Callable[[], FlaskClient], at_once):
    order = a_paid_order()
    number, total = order.number, order.total
    hands = at_four_desks(new_browser, f"/admin/orders/{number}/refund", seen=str(total), password=PASSWORD)

    outcomes = at_once(*hands)

    assert outcomes == [303] * 4
    (attempt,) = attempts(number)
    assert [refund.amount for refund in attempt.refunds] == [total]


@with_and_without_htmx
def test_a_refund_needs_the_password_again(browser: FlaskClient, htmx: bool):
    order = a_paid_order()
    desk = at_desk(browser, htmx=htmx)

    answers = [desk.refund(order.number, seen=str(order.total), password=typed) for typed in ("", "guess")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "That is not your password." in words(answers[1].text)
    assert "guess" not in answers[1].text
    assert not attempts(order.number)[0].refunds


def test_guessing_the_password_is_slowed_down(browser: FlaskClient):
    order = a_paid_order()
    desk = at_desk(browser)

    statuses = [desk.refund(order.number, seen=str(order.total), password="guess").status_code for _ in range(6)]
    right = desk.refund(order.number, seen=str(order.total))

    assert statuses[-1] == 429
    assert right.status_code == 429
    assert right.headers["Retry-After"]
    assert not attempts(order.number)[0].refunds


def test_only_the_amount_that_was_shown_is_refunded(browser: FlaskClient):
    order = a_paid_order()
    desk = at_desk(browser)

    answer = desk.refund(order.number, seen="$1.00")

    assert answer.status_code == 409
    assert f"By now {order.total} is left to refund." in words(answer.text)
    assert not attempts(order.number)[0].refunds


def test_what_was_never_paid_cannot_be_refunded(browser: FlaskClient):
    order = an_order()
    desk = at_desk(browser)

    answer = desk.refund(order.number)

    assert answer.status_code == 409
    assert "Nothing was paid here" in words(answer.text)


# Asking the provider


@with_and_without_htmx
def test_checking_with_the_provider_finds_a_payment_nobody_told_about(browser: FlaskClient, htmx: bool):
    order = an_order()
    reference = open_attempt(order.number)
    demo_desk.choose(reference, "pay")
    desk = at_desk(browser, htmx=htmx)

    answer = desk.order(order.number, "check", reference=reference)

    assert is_fine(answer, htmx)
    assert order_named(order.number).status == "paid"
    assert "asked for by staff" in words(desk.page(f"/admin/orders/{order.number}"))


def test_a_provider_that_does_not_answer_is_named(browser: FlaskClient):
    order = an_order()
    reference = open_attempt(order.number)
    with transaction() as current:
        current.execute(
            text("UPDATE payment_attempts SET provider = 'stripe' WHERE reference = :reference"),
            {"reference": reference},
        )

    answer = at_desk(browser).order(order.number, "check", reference=reference)

    assert answer.status_code == 409
    assert "gives no usable answer right now" in words(answer.text)


def test_the_attempt_of_another_order_is_not_found(browser: FlaskClient):
    order, other = an_order(), an_order()

    answer = at_desk(browser).order(order.number, "check", reference=open_attempt(other.number))

    assert answer.status_code == 404


def test_every_attempt_is_shown_with_what_became_of_it(browser: FlaskClient):
    order = an_order()
    declined = open_attempt(order.number)
    demo_desk.choose(declined, "decline")
    payments.check(declined, channel="return")
    paid = pay(order.number)

    read = words(at_desk(browser).page(f"/admin/orders/{order.number}"))

    assert "Payment attempts (2)" in read
    assert declined in read
    assert paid in read
    assert "Failed" in read
    assert f"Paid by customer {order.total}" in read


def test_messages_of_the_provider_stand_beside_the_attempts(browser: FlaskClient, run_jobs):
    order = an_order()
    pay(order.number)
    run_jobs()

    read = words(at_desk(browser).page(f"/admin/orders/{order.number}"))

    assert re.search(r"Messages from the provider \(1\)", read)
    assert "Handled" in read


# Notes


@with_and_without_htmx
def test_notes_are_for_staff_alone(browser: FlaskClient, new_browser: Callable[[], FlaskClient], htmx: bool):
    ada = a_user()
    order = a_paid_order(user=ada)
    desk = at_desk(browser, htmx=htmx)

    answer = desk.order(order.number, "notes", note="Rude on the phone <script>")

    assert is_fine(answer, htmx)
    page = desk.page(f"/admin/orders/{order.number}")
    assert "Staff note" in page
    assert "Rude on the phone &lt;script&gt;" in page
    shopper = sign_in(new_browser(), "ada@example.com")
    for address in (f"/orders/{order.number}", f"/orders/{order.number}/status", "/account/orders"):
        assert "Rude on the phone" not in shopper.page(address)
    guest = new_browser().get(f"/orders/{order.number}?key={order.key}")
    assert guest.status_code == 200
    assert "Rude on the phone" not in guest.text


@with_and_without_htmx
def test_an_empty_note_is_422_beside_its_field(browser: FlaskClient, htmx: bool):
    order = an_order()
    desk = at_desk(browser, htmx=htmx)

    answer = desk.order(order.number, "notes", note="  ")

    assert answer.status_code == 422
    assert "Write the note first." in words(answer.text)
    assert 'aria-describedby="note-error"' in answer.text


def test_an_order_takes_few_statements(browser: FlaskClient, queries):
    order = a_paid_order(*(a_variant() for _ in range(6)))
    desk: Desk = at_desk(browser)
    desk.get(f"/admin/orders/{order.number}")

    with queries(at_most=13):
        assert desk.get(f"/admin/orders/{order.number}").status_code == 200
