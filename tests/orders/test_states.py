"""Which way an order may go."""

import itertools
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.lib.db import db, session, transaction
from app.lib.errors import NotAllowed
from app.orders import services
from app.orders.models import OrderEvent
from app.orders.services import Actor
from app.orders.states import ARROWS, move
from tests.factories import PASSWORD, a_user, an_order, order_named
from tests.journeys.shopping import Shopper

STATES = sorted(ARROWS)


@pytest.mark.parametrize(("was", "to"), list(itertools.product(STATES, STATES)))
def test_only_drawn_arrows_can_be_gone(was: str, to: str) -> None:
    order = an_order()
    with transaction():
        session().execute(text("UPDATE orders SET status = :was WHERE id = :id"), {"was": was, "id": order.id})
    events = _events(order.id)

    if to in ARROWS[was]:
        with transaction():
            move(services.locked(order.number), to, actor_name="Grace")
        assert order_named(order.number).status == to
        assert _events(order.id) == [*events, (was, to)]
        return

    with pytest.raises(NotAllowed), transaction():
        move(services.locked(order.number), to)
    assert order_named(order.number).status == was
    assert _events(order.id) == events


def _events(order_id: int) -> list[tuple[Any, Any]]:
    rows = session().execute(
        select(OrderEvent.was, OrderEvent.now).where(OrderEvent.order_id == order_id).order_by(OrderEvent.id)
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("table", ["order_events", "stock_movements"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created_at = now()", "DELETE FROM {}"])
def test_history_cannot_be_rewritten(table: str, change: str) -> None:
    an_order()

    with pytest.raises(DBAPIError, match="append-only"), db.engine.begin() as connection:
        connection.execute(text(change.format(table)))


def test_a_guests_orders_belong_to_them_once_their_address_is_proved(run_jobs: Any) -> None:
    mine, other = an_order(email="ada@example.com"), an_order(email="bob@example.com")
    ada = a_user(email="ada@example.com")

    assert services.claim(ada.id) == 1

    assert order_named(mine.number).user_id == ada.id
    assert order_named(other.number).user_id is None


def test_an_order_placed_as_a_guest_is_found_after_logging_in(browser: Any) -> None:
    a_user(email="ada@example.com")
    order = an_order(email="ada@example.com")

    browser.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})

    assert order.number in browser.get("/account/orders").text


def test_numbers_rise_and_open_nothing(browser: Any) -> None:
    first, second = an_order(), an_order()

    assert int(second.number[1:]) == int(first.number[1:]) + 1
    assert browser.get(f"/orders/{second.number}").status_code == 404


def test_an_internal_note_never_reaches_the_shopper(browser: Any) -> None:
    shopper = Shopper(browser)
    order = an_order()
    services.note(order.number, "Customer sounded like Mallory", Actor("Grace"))

    page = shopper.browser.get(f"/orders/{order.number}?key={order.key}").text

    assert "Mallory" not in page
