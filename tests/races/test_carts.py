"""One person, several tabs and devices: one cart, and no unit of it is forgotten."""

import threading
from functools import partial

import pytest

from app.cart import queries
from app.cart import services as carts
from app.cart.queries import Whose
from app.checkout import services as checkout
from app.lib.db import transaction
from app.orders.services import Actor
from tests.factories import a_cart, a_user, a_variant, an_order, place
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake, somebody_waits, until
from tests.races.people import cart_of


def units_in(whose):
    return queries.view(whose).quantity


def test_a_shopper_s_first_units_added_from_eight_tabs_are_all_in_one_cart(at_once):
    shirt, ada = a_variant(on_hand=50).sku, Whose(user_id=a_user().id)

    outcomes = crowd(at_once, [partial(carts.add_line, ada, shirt, 1)] * 8, threads=8)

    assert kinds(outcomes) == {"done": 8}
    assert units_in(ada) == 8
    assert count("SELECT count(*) FROM carts") == 1


def test_units_added_to_a_guest_s_cart_from_eight_tabs_are_all_counted(at_once):
    shirt = a_variant(on_hand=50)
    guest, sku = a_cart(shirt), shirt.sku

    outcomes = crowd(at_once, [partial(carts.add_line, guest, sku, 1)] * 8, threads=8)

    assert kinds(outcomes) == {"done": 8}
    assert units_in(guest) == 9


def test_signing_in_on_four_devices_at_once_pours_every_cart_into_one(at_once):
    shirts = [a_variant().id for _ in range(4)]
    ada = a_user().id
    brought = [cart_of(shirt) for shirt in shirts]

    outcomes = at_once(*[partial(carts.merge, cart.token, ada) for cart in brought])

    assert kinds(outcomes) == {"done": 4}
    assert units_in(Whose(user_id=ada)) == 4
    assert count("SELECT count(*) FROM carts WHERE status = 'open'") == 1


@pytest.mark.parametrize("is_member", [False, True])
def test_pressing_change_four_times_brings_the_lines_back(at_once, is_member):
    user = a_user() if is_member else None
    number = an_order((a_variant(), 2), user=user).number
    whose = Whose(user_id=user.id) if user else Whose()

    outcomes = at_once(*[partial(checkout.take_back, number, whose, actor=Actor("Ada"))] * 4)

    assert set(kinds(outcomes)) <= {"done", "NotAllowed"} and kinds(outcomes)["done"]
    if is_member:
        assert units_in(whose) == 2
    assert_sound()


def test_two_tabs_that_both_find_no_cart_to_put_the_lines_into_make_one(at_once, monkeypatch):
    ada = a_user()
    number = an_order((a_variant(), 2), user=ada).number
    whose, gate = Whose(user_id=ada.id), Gate()
    monkeypatch.setattr(carts, "random_token", gate.after(carts.random_token))

    outcomes = overtake(at_once, gate, *[partial(checkout.take_back, number, whose, actor=Actor("Ada"))] * 2)

    assert kinds(outcomes) == {"done": 2}
    assert units_in(whose) == 2


def assert_every_unit_is_somewhere(units):
    """In an open cart or in an order."""
    in_orders = count("SELECT count(*) FROM order_lines")
    in_carts = count("SELECT count(*) FROM cart_lines l JOIN carts c ON c.id = l.cart_id WHERE c.status = 'open'")
    assert in_orders + in_carts == units
    assert_sound()


def _one_tab_places_while_another_adds(at_once, monkeypatch):
    shirt, hat, ada = a_variant(), a_variant(), a_user()
    whose, sku = a_cart(shirt, user=ada), hat.sku
    gate = Gate()
    monkeypatch.setattr(checkout.carts, "view", gate.after(checkout.carts.view))
    return overtake(at_once, gate, partial(place, whose), partial(carts.add_line, whose, sku, 1))


def test_a_line_added_while_another_tab_places_the_order_goes_into_a_new_cart(at_once, monkeypatch):
    outcomes = _one_tab_places_while_another_adds(at_once, monkeypatch)

    assert kinds(outcomes) == {"done": 2}
    assert_every_unit_is_somewhere(2)


def test_guard_off_without_the_lock_a_line_vanishes_with_the_ordered_cart(at_once, monkeypatch):
    monkeypatch.setattr(checkout.cart_services, "keep_still", lambda whose: None)

    _one_tab_places_while_another_adds(at_once, monkeypatch)

    with pytest.raises(AssertionError):
        assert_every_unit_is_somewhere(2)


def test_signing_in_while_another_device_makes_the_shopper_s_first_cart_keeps_both(at_once):
    shirt, hat = a_variant(), a_variant()
    ada, brought, sku = a_user().id, cart_of(hat.id), shirt.sku
    gate = threading.Event()

    def add_and_commit_late():
        with transaction():
            carts.add_line(Whose(user_id=ada), sku, 1)
            gate.set()
            until(somebody_waits)

    def sign_in():
        assert gate.wait(20)
        return carts.merge(brought.token, ada)

    outcomes = at_once(add_and_commit_late, sign_in)

    assert kinds(outcomes) == {"done": 2}
    assert units_in(Whose(user_id=ada)) == 2
    assert_sound()
