"""One cart becomes one order and one payment, however often and from wherever Pay is pressed."""

from functools import partial

import pytest
from sqlalchemy import select

from app.checkout import services as checkout
from app.lib.db import session
from app.lib.errors import Invalid, NotAllowed
from app.orders import services as orders
from app.orders.models import Order
from app.payments import opening
from app.payments import services as payments
from app.payments.models import Attempt
from tests.factories import a_cart, a_user, a_variant, an_order, place, stock_of
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake
from tests.races.people import filled_form, press_button


def assert_one_order(outcomes, shirt):
    """Everybody was led to the same order, and one unit is held for it."""
    assert kinds(outcomes) == {"done": len(outcomes)}
    assert len(set(outcomes)) == 1
    assert count("SELECT count(*) FROM orders") == 1
    assert stock_of(shirt).reserved == 1
    assert_sound()


def test_20_submits_of_one_form_place_one_order(at_once):
    shirt = a_variant()
    cart = a_cart(shirt)

    outcomes = crowd(at_once, [partial(place, cart, key="the form's key")] * 20, threads=20)

    assert_one_order(outcomes, shirt.id)


def test_20_submits_from_20_tabs_place_one_order_too(at_once):
    shirt = a_variant()
    cart = a_cart(shirt)

    outcomes = crowd(at_once, [partial(place, cart, key=f"tab {n}") for n in range(20)], threads=20)

    assert_one_order(outcomes, shirt.id)


@pytest.mark.parametrize("cart_is_locked", [True, False])
def test_two_tabs_that_both_saw_the_open_cart_place_one_order(at_once, monkeypatch, cart_is_locked):
    shirt = a_variant()
    gate = _both_look_first(monkeypatch)
    if not cart_is_locked:
        monkeypatch.setattr(checkout.cart_services, "keep_still", lambda whose: None)

    outcomes = overtake(at_once, gate, *_two_tabs(shirt))

    assert_one_order(outcomes, shirt.id)


def test_guard_off_a_cart_that_may_be_ordered_twice_is(at_once, monkeypatch, without):
    shirt = a_variant()
    tabs = _two_tabs(shirt)
    gate = _both_look_first(monkeypatch)
    monkeypatch.setattr(checkout.cart_services, "keep_still", lambda whose: None)
    unguarded = orders.CREATE.replace("AND status = 'open'", "")
    assert unguarded != orders.CREATE
    monkeypatch.setattr(orders, "CREATE", unguarded)
    without("uq_orders_cart_id")

    outcomes = overtake(at_once, gate, *tabs)

    with pytest.raises(AssertionError):
        assert_one_order(outcomes, shirt.id)
    assert count("SELECT count(*) FROM orders") == 2


def test_the_same_key_with_another_address_is_refused():
    cart = a_cart(a_variant())
    place(cart, key="one")

    with pytest.raises(Invalid, match="was placed with other details"):
        place(cart, key="one", city="Elsewhere")


def test_an_old_form_sent_again_after_filling_a_new_cart_leads_to_the_order_it_placed():
    ada = a_user()
    first = place(a_cart(a_variant(), user=ada), key="the old form")
    new_cart = a_cart(a_variant(), user=ada)

    again = place(new_cart, key="the old form")

    assert again == first
    assert count("SELECT count(*) FROM carts WHERE status = 'open'") == 1
    assert_sound()


def test_20_presses_of_pay_in_one_browser_open_one_payment(new_browser, at_once):
    shirt = a_variant().id
    browser = new_browser()
    form = filled_form(browser, shirt, "form")
    cart = browser.get_cookie("cart", domain="localhost")
    tabs = [new_browser() for _ in range(20)]
    for tab in tabs:
        tab.set_cookie("cart", cart.value, domain="localhost")

    answers = crowd(at_once, [partial(press_button, tab, form, n) for n, tab in enumerate(tabs)], threads=20)

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert_one_attempt()
    assert stock_of(shirt).reserved == 1
    assert_sound()


def assert_one_attempt():
    assert count("SELECT count(*) FROM payment_attempts") == 1


def test_parallel_starts_open_one_page_at_the_provider(at_once, stripe):
    number = an_order().number
    stripe.faults.add({"fault": "slow", "times": 1, "seconds": 0.3, "match": "/v1/checkout/sessions"})

    outcomes = crowd(at_once, [partial(checkout.start_payment, number, "stripe")] * 8, threads=8)

    assert kinds(outcomes) == {"done": 8}, outcomes
    assert len(set(outcomes)) == 1
    assert_one_attempt()
    assert count("SELECT count(*) FROM payment_attempts WHERE state = 'pending'") == 1
    assert len({one["idempotency_key"] for one in stripe.requests}) == 1


def test_two_clicks_that_both_found_no_attempt_open_one(at_once, monkeypatch):
    number = an_order().number
    gate = Gate()
    monkeypatch.setattr(opening, "_usable", gate.after(opening._usable))

    outcomes = overtake(at_once, gate, *[partial(checkout.start_payment, number, "demo")] * 2)

    assert len(set(outcomes)) == 1
    assert_one_attempt()


def test_guard_off_without_the_order_s_lock_two_clicks_open_two_payments(at_once, monkeypatch):
    number = an_order().number
    gate = Gate()
    monkeypatch.setattr(opening, "_usable", gate.after(opening._usable))
    monkeypatch.setattr(orders, "locked", _read_without_lock)

    overtake(at_once, gate, *[partial(checkout.start_payment, number, "demo")] * 2)

    with pytest.raises(AssertionError):
        assert_one_attempt()


def test_a_page_closed_for_another_way_to_pay_before_anybody_saw_it_leads_nobody_there(at_once, monkeypatch, stripe):
    number = an_order().number
    gate = Gate()
    monkeypatch.setattr(payments, "record_answer", gate.before(payments.record_answer))
    ways = [partial(checkout.start_payment, number, name) for name in ("stripe", "demo")]

    refused, page = overtake(at_once, gate, *ways)

    assert isinstance(refused, NotAllowed) and "begun in another way" in refused.sentence
    assert "/demo/" in page
    assert attempt_states() == {"stripe": "expired", "demo": "pending"}
    assert_sound()


def attempt_states():
    session().rollback()
    return {row.provider: row.state for row in session().execute(select(Attempt.provider, Attempt.state))}


def _both_look_first(monkeypatch):
    gate = Gate()
    monkeypatch.setattr(checkout.carts, "view", gate.after(checkout.carts.view))
    return gate


def _two_tabs(shirt):
    cart = a_cart(shirt)
    return [partial(place, cart, key=tab) for tab in ("one tab", "another")]


def _read_without_lock(number):
    return session().scalars(select(Order).where(Order.number == number)).one()
