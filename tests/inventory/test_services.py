"""Stock: every unit is on the shelf, held, or sold, and every change has its line in the ledger."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.inventory import services as inventory
from app.inventory.models import StockMovement
from app.inventory.queries import available
from app.inventory.services import NotEnoughStock
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from tests.factories import a_variant, an_order, stock_of
from tests.races.meeting import assert_sound, count
from tests.races.paying import let_hold_run_out

SOON = datetime(2100, 1, 1, tzinfo=UTC)


def movements(variant):
    session().rollback()
    lines = session().scalars(
        select(StockMovement).where(StockMovement.variant_id == variant.id).order_by(StockMovement.id)
    )
    return [(line.reason, line.on_hand_change, line.reserved_change) for line in lines]


def test_a_delivery_comes_onto_the_shelf_and_into_the_ledger():
    shirt = a_variant(on_hand=3)

    assert inventory.receive(shirt.id, 4) == 7

    assert stock_of(shirt).available == 7
    assert movements(shirt) == [("import", 3, 0), ("import", 4, 0)]
    assert_sound()


def test_a_placed_order_holds_its_units():
    shirt = a_variant(on_hand=5)

    an_order((shirt, 2))

    assert (stock_of(shirt).on_hand, stock_of(shirt).available) == (5, 3)
    assert movements(shirt)[-1] == ("reserve", 0, 2)
    assert_sound()


def test_more_than_there_is_cannot_be_held_and_nothing_changes():
    shirt, hat = a_variant(on_hand=5), a_variant(on_hand=1)
    order = an_order(a_variant())

    with pytest.raises(NotEnoughStock) as refusal:
        inventory.reserve(order.id, {shirt.id: 2, hat.id: 2}, SOON)

    assert refusal.value.left == {shirt.id: 5, hat.id: 1}
    assert stock_of(shirt).reserved == stock_of(hat).reserved == 0
    assert_sound()


def test_what_was_held_is_released_once():
    shirt = a_variant(on_hand=5)
    order = an_order(shirt)

    assert [inventory.release(order.id), inventory.release(order.id)] == [1, 0]

    assert stock_of(shirt).available == 5
    assert_sound()


def test_what_was_held_is_sold_once():
    shirt = a_variant(on_hand=5)
    order = an_order((shirt, 2))

    assert [inventory.take(order.id), inventory.take(order.id), inventory.release(order.id)] == [1, 0, 0]

    assert (stock_of(shirt).on_hand, stock_of(shirt).reserved) == (3, 0)
    assert movements(shirt)[-1] == ("sale", -2, -2)


def test_what_was_sold_comes_back_once():
    shirt = a_variant(on_hand=5)
    order = an_order((shirt, 2))
    inventory.take(order.id)

    assert [inventory.restock(order.id), inventory.restock(order.id)] == [1, 0]

    assert stock_of(shirt).available == 5
    assert_sound()


def test_a_hold_that_is_over_counts_as_free_although_nothing_ran():
    shirt = a_variant(on_hand=1)
    first = an_order(shirt)
    assert available([shirt.id]) == {shirt.id: 0}

    let_hold_run_out(first.number)

    assert available([shirt.id]) == {shirt.id: 1}


def test_holds_that_are_over_go_to_whoever_comes_when_they_are_needed():
    shirt = a_variant(on_hand=3)
    over, alive = an_order((shirt, 2)), an_order(shirt)
    let_hold_run_out(over.number)

    an_order((shirt, 2))

    assert inventory.missing(over.id, {shirt.id: 2}) == {shirt.id: 2}
    assert inventory.missing(alive.id, {shirt.id: 1}) == {}
    assert_sound()


def test_a_hold_that_is_over_is_left_alone_while_there_is_enough():
    shirt = a_variant(on_hand=3)
    over = an_order(shirt)
    let_hold_run_out(over.number)

    an_order((shirt, 2))

    assert inventory.missing(over.id, {shirt.id: 1}) == {}


def test_a_hold_can_be_prolonged():
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    let_hold_run_out(order.number)

    assert inventory.prolong(order.id, datetime.now(UTC) + timedelta(hours=1))

    assert available([shirt.id]) == {shirt.id: 0}


@pytest.mark.parametrize("change", [0, 1_000_001, -1_000_001])
def test_a_change_of_nothing_or_of_absurdly_much_is_refused(change):
    with pytest.raises(Invalid, match="other than 0"):
        inventory.adjust(a_variant().id, change, note="counted")


def test_a_change_needs_a_reason():
    with pytest.raises(Invalid, match="Say why"):
        inventory.adjust(a_variant().id, 1, note="  ")


def test_units_that_are_promised_cannot_be_written_off():
    shirt = a_variant(on_hand=5)
    an_order((shirt, 4))

    with pytest.raises(Invalid, match="reserved for orders"):
        inventory.adjust(shirt.id, -2, note="damaged")

    assert inventory.adjust(shirt.id, -1, note="damaged") == 4
    assert_sound()


def test_staff_and_shoppers_who_meet_leave_counters_that_add_up(at_once):
    shirt = a_variant(on_hand=20)
    shirt_id, orders = shirt.id, [an_order(shirt).id for _ in range(6)]
    counted = [partial(inventory.adjust, shirt_id, change, note="counted") for change in (1, -1, 2, -2)]
    released = [partial(inventory.release, order) for order in orders[:3]] * 2
    sold_to = [partial(inventory.take, order) for order in orders[2:4]] * 2

    at_once(*counted, *released, *sold_to)

    stock = stock_of(shirt_id)
    held = count("SELECT coalesce(sum(quantity), 0) FROM reservations WHERE state = 'held'")
    sold = count("SELECT coalesce(sum(quantity), 0) FROM reservations WHERE state = 'taken'")
    assert (stock.reserved, stock.on_hand) == (held, 20 - sold)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE stock_items SET reserved = on_hand + 1",
        "UPDATE stock_items SET reserved = -1",
        "UPDATE stock_items SET on_hand = -1",
        "UPDATE stock_movements SET on_hand_change = 7",
        "DELETE FROM stock_movements",
        "UPDATE order_events SET note = 'never happened'",
        "DELETE FROM order_events",
    ],
)
def test_the_database_keeps_the_rules_too(sql):
    an_order(a_variant())

    with pytest.raises(DBAPIError), transaction() as current:
        current.execute(text(sql))

    assert_sound()


@pytest.mark.parametrize("end", [inventory.release, inventory.take])
def test_an_order_that_holds_a_variant_twice_lets_go_of_all_of_it(end):
    shirt = a_variant(on_hand=5)
    order = an_order((shirt, 2))
    inventory.reserve(order.id, {shirt.id: 1}, SOON)

    end(order.id)

    assert stock_of(shirt).reserved == 0
    assert stock_of(shirt).on_hand == (5 if end is inventory.release else 2)
    inventory.restock(order.id)
    assert stock_of(shirt).on_hand == 5
    assert_sound()
