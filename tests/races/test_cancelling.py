"""Somebody cancels, or time runs out, while the money is on its way. It buys the goods or goes back, never neither."""

from functools import partial

import pytest

from app.checkout import endings
from app.checkout import services as checkout
from app.orders import services as orders
from app.orders.services import SHOP, Actor
from app.payments import demo_desk, settlement
from app.payments.demo_store import TableDemoStore
from app.payments.providers.demo import DemoProvider
from app.payments.queries import attempts_of
from tests.factories import a_variant, an_order, order_named, stock_of
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake
from tests.races.paying import (
    do_jobs,
    fact,
    let_hold_run_out,
    money_of,
    open_payment,
    press_pay,
    read_without_lock,
    status_of,
)


@pytest.fixture
def order():
    """An order of one of five shirts."""
    shirt = a_variant(on_hand=5)
    return shirt.id, an_order(shirt).number


def cancel(number, *, by_shopper=True):
    checkout.cancel(number, actor=Actor("Ada"), reason="Changed my mind", by_shopper=by_shopper)


def expire(number):
    checkout.expire(order_named(number).id)


def assert_bought_or_given_back(shirt, number):
    """Paid and off the shelf, or cancelled, back on the shelf and the money with its owner."""
    status, money, stock = status_of(number), money_of(number), stock_of(shirt)
    assert status in ("paid", "cancelled")
    if status == "paid":
        assert (money.state, stock.on_hand, stock.reserved) == ("paid", 4, 0)
    else:
        assert (money.state, stock.on_hand, stock.reserved) == ("refunded", 5, 0)
    moves = [(event.was, event.now) for event in order_named(number).events if event.kind == "moved"]
    assert [was for was, _ in moves] == ["pending", *(now for _, now in moves)][:-1], (
        "A step starts where the last ended"
    )
    assert_sound()


@pytest.mark.parametrize("end", [cancel, expire])
def test_the_end_of_an_order_and_its_money_arrive_together(at_once, order, end):
    shirt, number = order
    reference = press_pay(number)
    let_hold_run_out(number)
    news = fact(reference)

    outcomes = at_once(partial(end, number), partial(settlement.settle, reference, news, channel="webhook"))
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 2}
    assert_bought_or_given_back(shirt, number)


@pytest.mark.parametrize("winner", ["the cancelling", "the money"])
def test_whoever_has_the_order_first_is_finished_before_the_other_looks(at_once, monkeypatch, order, winner):
    shirt, number = order
    reference = press_pay(number)
    news = fact(reference)
    monkeypatch.setattr(endings, "_close_pages", lambda number: None)  # the provider was away
    gate = Gate()
    pair = [partial(cancel, number), partial(settlement.settle, reference, news, channel="webhook")]
    if winner == "the cancelling":
        monkeypatch.setattr(endings, "_refuse_cancel", gate.after(endings._refuse_cancel))
    else:
        monkeypatch.setattr(settlement, "locked", gate.after(settlement.locked))
        pair.reverse()

    outcomes = overtake(at_once, gate, *pair)
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 2}
    assert status_of(number) == "cancelled"
    assert_bought_or_given_back(shirt, number)


def test_guard_off_without_the_lock_the_money_of_a_cancelled_order_is_forgotten(at_once, monkeypatch, order):
    shirt, number = order
    reference = press_pay(number)
    news = fact(reference)
    monkeypatch.setattr(endings, "_close_pages", lambda number: None)
    monkeypatch.setattr(orders, "locked", order_named)
    gate = Gate()
    monkeypatch.setattr(endings, "_refuse_cancel", gate.after(endings._refuse_cancel))

    overtake(
        at_once,
        gate,
        partial(cancel, number),
        partial(settlement.settle, reference, news, channel="webhook"),
    )
    do_jobs(at_once)

    with pytest.raises(AssertionError):
        assert_bought_or_given_back(shirt, number)


def test_guard_off_without_the_lock_money_overwrites_the_cancelling(at_once, monkeypatch, order):
    shirt, number = order
    reference = press_pay(number)
    news = fact(reference)
    monkeypatch.setattr(endings, "_close_pages", lambda number: None)
    gate = Gate()
    monkeypatch.setattr(settlement, "locked", gate.after(read_without_lock))

    overtake(
        at_once,
        gate,
        partial(settlement.settle, reference, news, channel="webhook"),
        partial(cancel, number),
    )
    do_jobs(at_once)

    with pytest.raises(AssertionError):
        assert_bought_or_given_back(shirt, number)


def test_the_shopper_pays_in_the_moment_in_which_the_page_is_closed(at_once, monkeypatch, order):
    shirt, number = order
    reference = open_payment(number)
    gate = Gate()
    monkeypatch.setattr(TableDemoStore, "get", gate.after(TableDemoStore.get))

    outcomes = overtake(at_once, gate, partial(cancel, number), partial(demo_desk.choose, reference, "pay"))
    do_jobs(at_once)

    assert outcomes[0] is None
    if kinds(outcomes[1:])["done"]:
        assert money_of(number).state == "refunded"
    assert (status_of(number), stock_of(shirt).available) == ("cancelled", 5)
    assert_sound()


def test_eight_people_cancel_one_order_once(at_once, order):
    shirt, number = order
    settlement.settle(reference := press_pay(number), fact(reference), channel="webhook")

    outcomes = crowd(at_once, [partial(cancel, number, by_shopper=n % 2 == 0) for n in range(8)], threads=8)
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 1, "NotAllowed": 7}
    assert count("SELECT count(*) FROM refunds") == 1
    assert count("SELECT count(*) FROM stock_movements WHERE reason = 'restock'") == 1
    assert_bought_or_given_back(shirt, number)


def test_packing_and_cancelling_meet_and_one_of_them_is_refused(at_once, order):
    _, number = order
    settlement.settle(reference := press_pay(number), fact(reference), channel="webhook")

    outcomes = at_once(partial(orders.pack, number, SHOP), partial(cancel, number))
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 1, "NotAllowed": 1}
    assert status_of(number) in ("packed", "cancelled")
    assert_sound()


def test_expiring_leaves_an_order_alone_that_is_being_paid_again(at_once, monkeypatch, order):
    shirt, number = order
    let_hold_run_out(number)
    gate = Gate()
    monkeypatch.setattr(checkout.payments, "close_others", gate.after(checkout.payments.close_others))

    outcomes = overtake(at_once, gate, partial(expire, number), partial(open_payment, number))

    assert kinds(outcomes) == {"done": 2}
    assert (status_of(number), stock_of(shirt).reserved) == ("pending", 1)
    assert_sound()


def test_a_page_that_opens_while_its_order_is_cancelled_is_closed_and_nobody_is_led_there(at_once, monkeypatch, order):
    _, number = order
    gate = Gate()
    monkeypatch.setattr(DemoProvider, "start", gate.after(DemoProvider.start))

    outcomes = overtake(at_once, gate, partial(open_payment, number), partial(cancel, number))

    assert kinds(outcomes) == {"done": 1, "NotAllowed": 1}
    assert [attempt.state for attempt in attempts_of(order_named(number).id)] == ["expired"]
    assert_sound()
