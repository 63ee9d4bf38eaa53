"""What shoppers are told about their money, in letters that carry the papers."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.checkout import services as checkout
from app.lib.db import transaction
from app.lib.mail import SentMail
from app.lib.money import Money
from app.orders import letters as order_letters
from app.orders import services as orders
from app.orders.services import Actor
from app.payments import credits
from app.payments.credit_plan import LineWish, Wishes
from app.payments.providers.base import PaymentState
from app.payments.settlement import settle
from tests.admin.desk import a_paid_order, open_attempt
from tests.factories import a_variant, an_order
from tests.payments.byhand import choose, mark, ways_by_hand

GRACE = Actor("Grace")


def said(letter: EmailMessage) -> str:
    """Both parts say the same; this is the plain one."""
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None and html is not None
    return " ".join(plain.get_content().split())


def attached(letter: EmailMessage) -> dict[str | None, bytes]:
    return {part.get_filename(): part.get_content() for part in letter.iter_attachments()}


def the_letter(mails: Callable[[], list[EmailMessage]], about: str) -> EmailMessage:
    (letter,) = [letter for letter in mails() if about in str(letter["Subject"])]
    return letter


def test_the_confirmation_brings_the_invoice(run_jobs: Any, mails: Any, browser: FlaskClient) -> None:
    order = a_paid_order()

    run_jobs()

    letter = the_letter(mails, "thank you, it is paid")
    on_the_page = browser.get(f"/orders/{order.number}/invoice.pdf?key={order.key}").data
    assert attached(letter) == {"INV-000001.pdf": on_the_page}
    assert "The invoice INV-000001 is attached." in said(letter)
    assert 'href="/dev/mail/0/attached/INV-000001.pdf"' in browser.get("/dev/mail").text
    assert browser.get("/dev/mail/0/attached/INV-000001.pdf").data == on_the_page
    assert browser.get("/dev/mail/0/attached/other.pdf").status_code == 404


def test_a_letter_sent_again_is_the_same_letter(run_jobs: Any, mails: Any) -> None:
    order = a_paid_order()
    run_jobs()
    first = the_letter(mails, "thank you, it is paid")

    with transaction() as current:  # as if the worker had died before it could write down that the letter went out
        current.execute(update(SentMail).values(sent_at=None))
    order_letters.confirm(order.id, key=f"order-confirmation:{order.id}")

    again = the_letter(mails, "thank you, it is paid")
    assert again["Message-ID"] == first["Message-ID"]
    assert attached(again) == attached(first)


def test_a_refund_brings_its_credit_note(run_jobs: Any, mails: Any) -> None:
    order = a_paid_order((a_variant(price=2000), 2))
    wishes = Wishes(lines=(LineWish(order.lines[0].id, 1),))

    credits.refund(order.number, wishes, key="one", seen=None, reason="Torn", actor=GRACE)
    run_jobs()

    letter = the_letter(mails, "Your refund")
    assert list(attached(letter)) == ["CN-000001.pdf"]
    assert f"We sent {Money(2000 + 170, 'USD')} of order {order.number} back the way you paid." in said(letter)


def test_a_payment_that_failed_brings_the_way_to_pay(run_jobs: Any, mails: Any) -> None:
    order = an_order()
    settle(open_attempt(order.number), PaymentState("failed", error_message="The bank declined it."), channel="webhook")

    order_letters.send("payment_failed", order.id, key="failed")

    letter = the_letter(mails, "is not paid yet")
    assert "did not go through. The bank declined it." in said(letter)
    assert f"Pay {order.total}: http://shop.test/orders/{order.number}?key={order.key}" in said(letter)


@pytest.mark.parametrize("meanwhile", ["paid", "cancelled", "tried again"])
def test_nobody_is_asked_to_pay_what_need_not_be_paid(meanwhile: str, mails: Any) -> None:
    order = an_order()
    settle(open_attempt(order.number), PaymentState("failed"), channel="webhook")
    if meanwhile == "cancelled":
        checkout.cancel(order.number, actor=GRACE, reason="", by_shopper=True)
    else:
        reference = open_attempt(order.number)
        if meanwhile == "paid":
            settle(reference, PaymentState("paid", order.total), channel="webhook")

    order_letters.send("payment_failed", order.id, key="failed")

    assert mails() == []


def test_who_pays_at_the_door_reads_how_much(run_jobs: Any, mails: Any) -> None:
    with ways_by_hand():
        order = an_order()
        choose(order.number, "cash_on_delivery")
        run_jobs()

    letter = the_letter(mails, "is confirmed")
    assert f"You pay {order.total} when it arrives." in said(letter)
    assert attached(letter) == {}


def test_a_parcel_to_be_paid_says_so_again_when_it_leaves(run_jobs: Any, mails: Any) -> None:
    with ways_by_hand():
        at_the_door, paid = an_order(), a_paid_order()
        choose(at_the_door.number, "cash_on_delivery")
        for order in (at_the_door, paid):
            orders.ship(order.number, "1Z 999", GRACE)
        run_jobs()

    texts = [said(the_letter(mails, f"{order.number} is on its way")) for order in (at_the_door, paid)]
    assert f"You pay {at_the_door.total} when it arrives." in texts[0]
    assert "You pay" not in texts[1]


def test_who_pays_by_transfer_reads_where_to(run_jobs: Any, mails: Any) -> None:
    with ways_by_hand():
        order = an_order()
        choose(order.number, "bank_transfer")
        run_jobs()

    text = said(the_letter(mails, "how to pay it"))
    assert f"Transfer {order.total} to this account: Bank of Portland IBAN US00 1234 Reference: {order.number}" in text


def test_a_cancelled_order_says_what_becomes_of_the_money(run_jobs: Any, mails: Any) -> None:
    with ways_by_hand():
        unpaid, card, cash = an_order(), a_paid_order(), an_order()
        mark(cash.number, "cash_on_delivery", cash.total_minor, "R1")
        for order in (unpaid, card, cash):
            checkout.cancel(order.number, actor=GRACE, reason="", by_shopper=False)
        run_jobs()

    texts = [said(the_letter(mails, f"{order.number} is cancelled")) for order in (unpaid, card, cash)]
    assert "Nothing was paid, so nothing is charged." in texts[0]
    assert f"{card.total} goes back the way you paid" in texts[1]
    assert f"{cash.total} is sent back to you by one of us" in texts[2]
