"""A hold that is over: the units are free although no job has run, and late money finds its way."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from app.checkout import services as checkout
from app.inventory import services as inventory
from app.orders.services import Actor
from app.payments import settlement
from app.payments.providers.base import PaymentState
from tests.factories import a_cart, a_variant, an_order, order_named, place, stock_of
from tests.races.meeting import Gate, assert_sound, count, kinds, overtake
from tests.races.paying import do_jobs, fact, let_hold_run_out, money_of, open_payment, press_pay, status_of
from tests.races.people import cart_of

SALES = "SELECT count(*) FROM stock_movements WHERE reason = 'sale'"


@pytest.fixture
def late(at_once):
    """The last unit, and an order for it whose time is over; Ada has paid, and nobody has heard of it yet."""
    shirt = a_variant(on_hand=1)
    number = an_order(shirt).number
    reference = press_pay(number)
    let_hold_run_out(number)
    return shirt.id, number, reference


def buy(whose):
    """Another shopper takes the unit, pays, and the shop knows."""
    number, _ = place(whose)
    settlement.settle(reference := press_pay(number), fact(reference), channel="webhook")
    return number


def test_the_next_shopper_gets_the_unit_although_no_job_has_run():
    shirt = a_variant(on_hand=1)
    first = an_order(shirt).number
    let_hold_run_out(first)

    second, _ = place(a_cart(shirt))

    assert (status_of(first), status_of(second)) == ("pending", "pending")
    assert count("SELECT count(*) FROM stock_movements WHERE reason = 'release'") == 1
    assert stock_of(shirt).available == 0
    assert_sound()


def test_money_for_a_hold_that_is_over_still_buys_when_nobody_wanted_the_unit(late):
    shirt, number, reference = late

    settlement.settle(reference, fact(reference), channel="webhook")

    assert status_of(number) == "paid"
    assert stock_of(shirt).on_hand == 0
    assert_sound()


def test_money_that_comes_after_the_order_expired_brings_it_back(at_once, monkeypatch):
    shirt = a_variant(on_hand=1)
    number = an_order(shirt).number
    reference = press_pay(number)
    paid = fact(reference)
    let_hold_run_out(number)
    monkeypatch.setattr(checkout.payments, "close_others", _closed_before_the_money_came(reference))
    checkout.expire(order_named(number).id)
    assert (status_of(number), stock_of(shirt).available) == ("cancelled", 1)

    settlement.settle(reference, paid, channel="poller")

    assert status_of(number) == "paid"
    assert stock_of(shirt).on_hand == 0
    assert_sound()


def test_money_that_comes_after_the_unit_was_sold_goes_back_by_itself_with_a_letter(at_once, mails, late):
    shirt, number, reference = late
    winner = buy(cart_of(shirt))

    settlement.settle(reference, fact(reference), channel="webhook")
    do_jobs(at_once)

    assert (status_of(winner), status_of(number)) == ("paid", "cancelled")
    assert money_of(number).state == "refunded"
    subjects = {letter["Subject"] for letter in mails()}
    assert f"Your order {number} sold out, and your money is on its way back" in subjects
    assert stock_of(shirt).on_hand == 0
    assert_sound()


def test_late_money_and_the_next_shopper_meet_and_one_of_them_gets_the_unit(at_once, late):
    shirt, number, reference = late
    news, other = fact(reference), cart_of(shirt)

    outcomes = at_once(partial(settlement.settle, reference, news, channel="webhook"), partial(place, other))
    do_jobs(at_once)

    assert_one_has_it(shirt, number, outcomes)


@pytest.mark.parametrize("place_of_the_gate", ["missing", "take"])
def test_the_next_shopper_comes_between_the_payer_s_look_and_take(at_once, monkeypatch, late, place_of_the_gate):
    shirt, number, reference = late
    news, other = fact(reference), cart_of(shirt)
    gate = Gate()
    if place_of_the_gate == "missing":
        monkeypatch.setattr(inventory, "missing", gate.after(inventory.missing))
    else:
        monkeypatch.setattr(inventory, "take", gate.before(inventory.take))

    outcomes = overtake(
        at_once, gate, partial(settlement.settle, reference, news, channel="webhook"), partial(place, other)
    )
    do_jobs(at_once)

    assert_one_has_it(shirt, number, outcomes)


def test_guard_off_a_look_without_a_lock_sells_what_somebody_else_has(at_once, monkeypatch, late):
    shirt, number, reference = late
    news, other = fact(reference), cart_of(shirt)
    gate = Gate()
    unguarded = inventory.HELD.text.replace("FOR UPDATE", "")
    assert unguarded != inventory.HELD.text
    monkeypatch.setattr(inventory, "HELD", text(unguarded))
    monkeypatch.setattr(inventory, "missing", gate.after(inventory.missing))

    outcomes = overtake(
        at_once, gate, partial(settlement.settle, reference, news, channel="webhook"), partial(place, other)
    )

    with pytest.raises(AssertionError):
        assert_one_has_it(shirt, number, outcomes)
    assert status_of(number) == "paid" and count(SALES) == 0


def test_the_page_is_opened_again_while_another_shopper_takes_the_unit(at_once):
    shirt = a_variant(on_hand=1)
    number = an_order(shirt).number
    let_hold_run_out(number)

    outcomes = at_once(partial(open_payment, number), partial(place, a_cart(shirt)))

    assert kinds(outcomes)["done"] == 1
    assert stock_of(shirt).available == 0
    assert_sound()


def assert_one_has_it(shirt, number, outcomes):
    """Either the late money bought it and the other shopper was told, or the other has it and the money goes back."""
    settled, placed = outcomes
    assert settled is None
    if isinstance(placed, Exception):
        assert type(placed).__name__ in ("NotEnoughStock", "CartNeedsLook")
        assert (status_of(number), stock_of(shirt).on_hand) == ("paid", 0)
    else:
        assert (status_of(number), money_of(number).state) == ("cancelled", "refunded")
        assert stock_of(shirt).on_hand == 1
    assert stock_of(shirt).available == 0
    assert_sound()


def _closed_before_the_money_came(reference):
    """The provider closed the page; the payment that was under way there shows up later."""

    def close(order_id, **_):
        settlement.settle(reference, PaymentState("expired"), channel="closed")

    return close


def test_late_money_and_a_buyer_of_the_same_things_never_wait_for_each_other(at_once, monkeypatch):
    """Ada still holds the shirt and lost the hat; Bob buys both at the moment her money comes."""
    shirt, hat = a_variant(on_hand=3), a_variant(on_hand=1)
    number = an_order(shirt, hat).number
    reference = press_pay(number)
    let_hold_run_out(number)
    other, _ = place(a_cart(hat, shirt), email="eve@example.com")
    checkout.cancel(other, actor=Actor("Eve"), reason="", by_shopper=True)
    inventory.receive(hat.id, 5)
    _hold_again_in_part(number, shirt.id)
    bob = a_cart(shirt, hat)
    monkeypatch.setattr("app.lib.db.TRIES", 1)  # a deadlock is not tried again here, it is seen
    gate = Gate()
    monkeypatch.setattr(inventory, "reserve", gate.after(inventory.reserve))

    outcomes = overtake(
        at_once,
        gate,
        lambda: settlement.settle(reference, fact(reference), channel="webhook"),
        lambda: place(bob, email="bob@example.com"),
    )

    assert kinds(outcomes) == {"done": 2}
    assert status_of(number) == "paid"
    assert_sound()


def _hold_again_in_part(number, variant_id):
    """The order holds one of its two variants once more, as after a payment page that was opened again."""
    order = order_named(number)
    inventory.reserve(order.id, {variant_id: 1}, order.hold_expires_at + timedelta(hours=2))
