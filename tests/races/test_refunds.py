"""Money goes back once, and never more of it than came."""

import multiprocessing
from functools import partial

import pytest
from sqlalchemy import text

from app.inventory import services as inventory
from app.invoices import services as invoices
from app.lib.db import db
from app.lib.errors import ShopError
from app.lib.money import Money
from app.orders import services as orders
from app.orders.services import Actor
from app.payments import credits, demo_desk, refunds, settlement
from app.payments.credit_plan import LineWish, Wishes
from app.payments.demo_store import TableDemoStore
from app.payments.providers.base import RefundState
from tests.factories import a_variant, an_order, order_named, stock_of
from tests.payments.giving_back import refund_order
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake
from tests.races.paying import do_jobs, fact, money_of, press_pay

GRACE = Actor("Grace")


@pytest.fixture
def paid():
    """The number of a paid order, its attempt and its total in cents."""
    number = an_order(a_variant()).number
    settlement.settle(reference := press_pay(number), fact(reference), channel="webhook")
    return number, reference, money_of(number).captured.minor


def give_back(number, minor):
    return [r.id for r in refund_order(number, Money(minor, "USD"), "Damaged", GRACE)]


def assert_within_captured(number):
    """What went back, or is promised, is not more than what came."""
    money = money_of(number)
    assert money.refunded + money.refunding <= money.captured
    assert_sound()


def test_two_refunds_at_once_never_send_more_than_was_paid(at_once, paid):
    number, _, total = paid

    outcomes = crowd(at_once, [partial(give_back, number, total * 2 // 3)] * 6, threads=6)
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 1, "Invalid": 5}
    assert money_of(number).refunded.minor == total * 2 // 3
    assert_within_captured(number)


def test_parts_that_fit_are_all_sent(at_once, paid):
    number, _, total = paid

    outcomes = crowd(at_once, [partial(give_back, number, total // 4)] * 4, threads=4)
    do_jobs(at_once, workers=4)

    assert kinds(outcomes) == {"done": 4}
    assert money_of(number).refunded.minor == total // 4 * 4
    assert fact(paid[1]).refunded == money_of(number).refunded
    assert_within_captured(number)


def test_guard_off_without_the_lock_more_goes_back_than_came(at_once, monkeypatch, paid):
    number, _, total = paid
    gate = Gate()
    monkeypatch.setattr(orders, "locked", order_named)
    monkeypatch.setattr(credits, "locked_account", gate.after(credits.account))
    monkeypatch.setattr(invoices, "issue_credit_note", lambda *_, **__: None)  # a guard of its own

    overtake(at_once, gate, *[partial(give_back, number, total * 2 // 3)] * 2)

    with pytest.raises(AssertionError):
        assert_within_captured(number)


def test_one_refund_sent_by_several_workers_is_one_refund(at_once, mails, paid):
    number, reference, total = paid
    (refund,) = give_back(number, total)

    outcomes = at_once(*[partial(refunds.send, refund)] * 4)
    do_jobs(at_once)

    assert kinds(outcomes) == {"done": 4}
    assert len(fact(reference).refunds) == 1
    assert money_of(number).state == "refunded"
    assert [m["Subject"] for m in mails() if "refund" in m["Subject"]] == [f"Your refund for order {number}"]
    assert_within_captured(number)


def test_two_refunds_that_reach_the_provider_together_are_both_in_its_books(at_once, monkeypatch, paid):
    number, reference, total = paid
    each = [give_back(number, total // 2)[0] for _ in range(2)]
    gate = Gate()
    monkeypatch.setattr(TableDemoStore, "put", gate.before(TableDemoStore.put))

    outcomes = overtake(at_once, gate, *[partial(refunds.send, refund) for refund in each])

    assert kinds(outcomes) == {"done": 2}
    assert fact(reference).refunded.minor == total // 2 * 2
    assert_within_captured(number)


def test_a_slow_answer_does_not_undo_what_a_message_has_told_meanwhile(paid):
    number, _, total = paid
    (refund,) = give_back(number, total)
    refunds.send(refund)

    refunds.record(refund, RefundState("pending", "re_1", None, Money(total, "USD")))

    assert money_of(number).state == "refunded"
    assert count("SELECT count(*) FROM refunds WHERE state = 'succeeded'") == 1
    assert_within_captured(number)


def test_staff_refund_while_the_provider_s_desk_refunds_too(at_once, paid):
    number, reference, total = paid
    outcomes = at_once(partial(demo_desk.choose, reference, "refund"), partial(give_back, number, total))
    do_jobs(at_once)
    settlement.settle(reference, fact(reference), channel="poller")

    assert kinds(outcomes)["done"] >= 1
    assert fact(reference).refunded.minor == total
    assert money_of(number).state == "refunded"
    assert count("SELECT count(*) FROM payment_issues WHERE kind = 'refund_failed'") == 0
    assert_within_captured(number)


def test_twenty_hands_on_the_same_unit_give_it_back_once(at_once, paid):
    number, _, _ = paid
    line = order_named(number).lines[0]

    def give_back_one(key):
        wishes = Wishes((LineWish(line.id, 1, restock=True),))
        return credits.refund(number, wishes, key=key, seen=None, reason="", actor=GRACE).id

    outcomes = crowd(at_once, [partial(give_back_one, f"key-{n % 10}") for n in range(20)], threads=8)

    done = [one for one in outcomes if not isinstance(one, Exception)]
    assert (len(done), len(set(done))) == (2, 1), (
        "the one unit went back once, and its second click met the same credit"
    )
    assert kinds(outcomes) == {"done": 2, "Invalid": 18}
    assert stock_of(line.variant_id).on_hand == 10
    assert_within_captured(number)


def test_twenty_refunds_in_four_processes_while_the_desk_refunds_too(app, at_once, paid):
    number, reference, total = paid
    line = order_named(number).lines[0].id
    db.session.remove()
    fork = multiprocessing.get_context("fork")
    instant, answers = fork.Barrier(5), fork.SimpleQueue()
    processes = [fork.Process(target=refund_five, args=(number, line, n, instant, answers)) for n in range(4)]
    for process in processes:
        process.start()
    instant.wait(60)
    demo_desk.choose(reference, "refund")
    for process in processes:
        process.join(60)
    do_jobs(at_once)
    settlement.settle(reference, fact(reference), channel="poller")

    outcomes = [name for _ in processes for name in answers.get()]
    assert len(outcomes) == 20
    assert set(outcomes) == {"done", "Invalid"}
    assert fact(reference).refunded.minor == money_of(number).refunded.minor == total
    assert count("SELECT count(*) FROM payment_issues WHERE resolved_at IS NULL") == 0
    assert_within_captured(number)


def refund_five(number, line, name, instant, answers):
    """One process: units and free amounts in turn, as fast as it can."""
    db.engine.dispose(close=False)  # a connection belongs to one process
    instant.wait(60)
    outcomes = []
    for turn in range(5):
        wishes = Wishes(other_minor=500) if turn % 2 else Wishes((LineWish(line, 1, restock=True),))
        try:
            credits.refund(number, wishes, key=f"{name}-{turn}", seen=None, reason="", actor=GRACE)
            outcomes.append("done")
        except ShopError as refusal:
            outcomes.append(type(refusal).__name__)
    answers.put(outcomes)


def test_guard_off_without_the_shelf_s_lock_units_come_back_twice(at_once, monkeypatch, paid):
    number, _, _ = paid
    line = order_named(number).lines[0]
    monkeypatch.setattr(inventory, "LOCK", "SELECT 1 WHERE CAST(:variants AS bigint[]) IS NOT NULL")
    monkeypatch.setattr(inventory, "RETURN", BLIND)
    once = partial(inventory.restock_units, order_named(number).id, {line.variant_id: 1})

    at_once(once, once)

    with pytest.raises(AssertionError):
        assert_sound()


# Puts units back without asking how many are away.
BLIND = text("""
    WITH moved AS (
        UPDATE stock_items SET on_hand = on_hand + 1 WHERE variant_id = ANY(:variants) RETURNING variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id, actor_id)
        SELECT variant_id, 1, 0, 'restock', :order_id, :actor_id FROM moved
    )
    SELECT sum(q) FROM unnest(CAST(:quantities AS bigint[])) AS q
""")
