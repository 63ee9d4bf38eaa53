"""Who may open a paper, and what is sent."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app.invoices import services
from app.lib.db import transaction
from app.orders.models import Order
from tests.admin.desk import a_paid_order, at_desk, sign_in
from tests.factories import a_user, an_order, order_named


def credited(order: Order) -> str:
    """One unit of the first line is given back; the number of the credit note."""
    line = order.lines[0]
    with transaction():
        note = services.issue_credit_note(order, lines=[(line, 1, 500, 40)], reason="A torn sleeve")
        assert note is not None
        return note.number


@pytest.fixture
def order() -> Order:
    """Ada's, paid and with something given back."""
    ada = a_user()
    number = a_paid_order(user=ada).number
    credited(order_named(number))
    return order_named(number)


def papers(order: Order, query: str = "") -> list[str]:
    return [f"/orders/{order.number}/{paper}.pdf{query}" for paper in ("invoice", "credit-notes/CN-000001")]


def test_who_may_open_the_order_may_open_its_papers(
    order: Order, browser: FlaskClient, new_browser: Callable[[], FlaskClient]
) -> None:
    with_the_link = [browser.get(address) for address in papers(order, f"?key={order.key}")]
    ada, grace = sign_in(new_browser(), "ada@example.com"), at_desk(new_browser())

    answers = [*with_the_link, *[desk.get(address) for desk in (ada, grace) for address in papers(order)]]

    assert [(answer.status_code, answer.mimetype) for answer in answers] == [(200, "application/pdf")] * 6
    assert all(answer.data.startswith(b"%PDF-") for answer in answers)
    assert len({answer.data for answer in answers}) == 2, "The same paper differs from one reading to the next."


def test_to_everybody_else_there_is_no_paper(
    order: Order, browser: FlaskClient, new_browser: Callable[[], FlaskClient]
) -> None:
    a_user(email="mallory@example.com", name="Mallory")
    mallory = sign_in(new_browser(), "mallory@example.com")
    hers = a_paid_order(email="mallory@example.com")
    stolen = f"/orders/{hers.number}/credit-notes/CN-000001.pdf?key={hers.key}"

    answers = [browser.get(address) for address in (*papers(order), *papers(order, "?key=guessed"), stolen)]
    answers += [mallory.get(address) for address in papers(order)]

    assert {answer.status_code for answer in answers} == {404}
    assert not any(b"PDF" in answer.data for answer in answers)


def test_a_paper_is_kept_by_nobody_on_the_way(order: Order, browser: FlaskClient) -> None:
    invoice, note = [browser.get(address) for address in papers(order, f"?key={order.key}")]

    assert invoice.headers["Content-Disposition"] == 'inline; filename="INV-000001.pdf"'
    assert note.headers["Content-Disposition"] == 'inline; filename="CN-000001.pdf"'
    for answer in (invoice, note):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_before_the_payment_there_is_a_sentence(browser: FlaskClient) -> None:
    order = an_order()

    answer = browser.get(f"/orders/{order.number}/invoice.pdf?key={order.key}")

    assert answer.status_code == 404
    assert "has no invoice yet" in answer.text


def test_the_order_leads_to_its_papers(
    order: Order, browser: FlaskClient, new_browser: Callable[..., FlaskClient]
) -> None:
    shopper = browser.get(f"/orders/{order.number}?key={order.key}").text
    desk = at_desk(new_browser()).page(f"/admin/orders/{order.number}")

    assert all(f'href="{address}"' in shopper for address in papers(order, f"?key={order.key}"))
    assert all(f'href="{address}"' in desk for address in papers(order))
