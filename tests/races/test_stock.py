"""Many want the last ones. Whoever is too late hears so, and nobody is promised what is not there."""

import threading
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.checkout import services as checkout
from app.inventory import services as inventory
from app.inventory.models import Reservation
from app.inventory.queries import available
from app.inventory.services import NotEnoughStock
from app.inventory.supply import set_supply
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from tests.factories import a_cart, a_variant, place, stock_of, wishes
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake
from tests.races.people import cart_of, filled_form, press_button

UNITS = 5
BUYERS = 60  # 200 in browsers of their own with `make prove`


def assert_sold(variant_id, outcomes, *, units):
    """So many orders as there were units; everybody else heard that there are none left."""
    assert kinds(outcomes) == {"done": units, "NotEnoughStock": len(outcomes) - units}
    assert count("SELECT count(*) FROM orders") == units
    assert stock_of(variant_id).available == 0
    assert_sound()


def test_shoppers_by_the_dozen_want_5_units_and_5_get_one(at_once, monkeypatch):
    shirt = a_variant(on_hand=UNITS).id
    carts = _carts_everybody_has_looked_at(monkeypatch, shirt)

    outcomes = crowd(at_once, [partial(place, cart) for cart in carts])

    assert_sold(shirt, outcomes, units=UNITS)


def test_shoppers_who_want_the_same_things_in_opposite_orders_never_wait_for_each_other_in_a_circle(at_once):
    shirt, trousers, hat = (a_variant(on_hand=24) for _ in range(3))
    orders = [(shirt, trousers, hat), (hat, trousers, shirt), (trousers, hat), (hat, shirt)] * 6
    carts = [a_cart(*lines) for lines in orders]

    outcomes = crowd(at_once, [partial(_place_without_second_try, cart) for cart in carts])

    taken = sum(len(lines) for lines in orders)
    assert kinds(outcomes) == {"done": len(orders)}
    assert sum(stock_of(one).reserved for one in (shirt, trousers, hat)) == taken
    assert_sound()


def test_a_cart_is_had_whole_or_not_at_all(at_once):
    many, few = a_variant(on_hand=50).id, a_variant(on_hand=3).id
    carts = [cart_of(many, few) for _ in range(20)]

    outcomes = crowd(at_once, [partial(place, cart) for cart in carts])

    found = kinds(outcomes)
    assert found["done"] == 3 and found["NotEnoughStock"] + found["CartNeedsLook"] == 17
    assert stock_of(many).reserved == stock_of(few).reserved == 3
    assert_sound()


def test_what_may_be_promised_beyond_the_shelf_is_promised_once_while_staff_lower_the_limit(at_once, monkeypatch):
    shirt = a_variant(on_hand=2).id
    set_supply(shirt, "backorder", most=3)
    carts = _carts_everybody_has_looked_at(monkeypatch, shirt)

    deeds = [partial(place, cart) for cart in carts]
    deeds[3:3] = [partial(_lower_the_limit, shirt)] * 3
    outcomes = crowd(at_once, deeds)

    sold = kinds(outcomes)["done"] - 3
    assert sold in (2, 3, 4, 5)
    assert stock_of(shirt).reserved == sold
    assert count("SELECT on_hand + backorder_limit - reserved FROM stock_items") == 0
    assert_sound()


def test_the_last_unit_goes_to_one_even_when_both_looked_before_either_took(at_once, monkeypatch):
    shirt = a_variant(on_hand=1).id
    gate = Gate()
    monkeypatch.setattr(checkout.carts, "view", gate.after(checkout.carts.view))

    outcomes = overtake(at_once, gate, *_two_buyers_of(shirt))

    assert_sold(shirt, outcomes, units=1)


def test_guard_off_looking_first_and_taking_later_is_stopped_by_the_constraint(at_once, monkeypatch):
    shirt = a_variant(on_hand=1).id
    buyers = _two_buyers_of(shirt)
    gate = _careless_shop(monkeypatch)

    outcomes = overtake(at_once, gate, *buyers)

    assert kinds(outcomes) == {"done": 1, "IntegrityError": 1}
    assert stock_of(shirt).available == 0


def test_guard_off_without_the_constraint_two_shoppers_are_promised_one_unit(at_once, monkeypatch, without):
    shirt = a_variant(on_hand=1).id
    buyers = _two_buyers_of(shirt)
    gate = _careless_shop(monkeypatch)
    without("ck_stock_items_reserved_within_on_hand")

    outcomes = overtake(at_once, gate, *buyers)

    with pytest.raises(AssertionError):
        assert_sold(shirt, outcomes, units=1)
    assert kinds(outcomes) == {"done": 2}
    assert stock_of(shirt).available == -1


def test_guard_off_taking_line_by_line_as_the_cart_lists_them_ends_in_a_deadlock(at_once, monkeypatch):
    shirt, trousers = a_variant(on_hand=20), a_variant(on_hand=20)
    carts = [a_cart(shirt, trousers), a_cart(trousers, shirt)]
    both_hold_their_first = threading.Barrier(2)

    def in_the_order_of_the_cart(order_id, quantities, until):
        for number, (variant_id, quantity) in enumerate(quantities.items()):
            if number == 1:
                both_hold_their_first.wait(10)
            _take(order_id, variant_id, quantity, until)

    monkeypatch.setattr(checkout.inventory, "reserve", in_the_order_of_the_cart)
    outcomes = at_once(*[partial(_place_without_second_try, cart) for cart in carts])

    failed = [one for one in outcomes if isinstance(one, DBAPIError)]
    assert len(failed) == 1 and failed[0].orig.pgcode == "40P01"


def test_a_deadlock_that_happens_all_the_same_is_only_a_delay(at_once, monkeypatch):
    shirt, trousers = a_variant(on_hand=20), a_variant(on_hand=20)
    carts = [a_cart(shirt, trousers), a_cart(trousers, shirt)]
    first_tries = threading.Barrier(2)
    seen = threading.local()
    reserve = inventory.reserve

    def unlucky_once(order_id, quantities, until):
        if not getattr(seen, "twice", False):
            seen.twice = True
            mine, others = quantities
            _lock(mine)
            first_tries.wait(10)
            _lock(others)
        reserve(order_id, quantities, until)

    monkeypatch.setattr(checkout.inventory, "reserve", unlucky_once)
    outcomes = at_once(*[partial(place, cart) for cart in carts])

    assert kinds(outcomes) == {"done": 2}
    assert_sound()


def test_shoppers_who_press_pay_in_their_browsers_are_served_the_same_way(new_browser, at_once):
    shirt = a_variant(on_hand=3).id
    browsers = [new_browser() for _ in range(18)]
    forms = [filled_form(browser, shirt, "form") for browser in browsers]

    answers = crowd(at_once, [partial(press_button, *one) for one in zip(browsers, forms, range(18), strict=True)])

    where = [answer.headers.get("Location", "") for answer in answers]
    assert [answer.status_code for answer in answers] == [303] * len(forms)
    assert sum("/payments/demo/" in place for place in where) == 3
    assert sum(place.endswith("/cart") for place in where) == len(forms) - 3
    assert stock_of(shirt).available == 0
    assert_sound()


def _carts_everybody_has_looked_at(monkeypatch, variant_id):
    """Carts whose owners all saw that there is enough, so that they all meet where stock is taken."""
    carts = [cart_of(variant_id) for _ in range(BUYERS)]
    seen = {cart.token: checkout.carts.view(cart) for cart in carts}
    session().rollback()
    monkeypatch.setattr(checkout.carts, "view", lambda whose: seen[whose.token])
    return carts


def _lower_the_limit(variant_id):
    """To what is owed already: to nothing, or to the first number that is not refused."""
    for most in range(1, 4):
        try:
            return set_supply(variant_id, "backorder", most=most)
        except Invalid:
            session().rollback()
    raise AssertionError("Even the limit there was is too low.")


def _two_buyers_of(variant_id):
    return [partial(place, cart_of(variant_id)) for _ in range(2)]


def _place_without_second_try(whose):
    """Placing an order without `retrying`, so that a deadlock would be seen."""
    once = checkout.place_order.__wrapped__
    return once(whose, wishes(), key="pay", actor=checkout.Actor("Ada"), reviewed=None)


def _careless_shop(monkeypatch):
    """A shop that looks, thinks, and then takes."""
    gate = Gate()
    look = gate.after(available)

    def reserve(order_id, quantities, until):
        left = look(quantities)
        if any(left[variant_id] < quantity for variant_id, quantity in quantities.items()):
            raise NotEnoughStock(left)
        for variant_id, quantity in quantities.items():
            _take(order_id, variant_id, quantity, until)

    monkeypatch.setattr(checkout.inventory, "reserve", reserve)
    return gate


def _take(order_id, variant_id, quantity, until):
    with transaction() as current:
        current.execute(
            text("UPDATE stock_items SET reserved = reserved + :quantity WHERE variant_id = :id"),
            {"quantity": quantity, "id": variant_id},
        )
        current.add(Reservation(order_id=order_id, variant_id=variant_id, quantity=quantity, expires_at=until))


def _lock(variant_id):
    session().execute(text("SELECT 1 FROM stock_items WHERE variant_id = :id FOR UPDATE"), {"id": variant_id})
