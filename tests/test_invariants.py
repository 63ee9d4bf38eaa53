"""`flask shop check` sees it when something is wrong: each rule is broken by hand, and found."""

import pytest
from sqlalchemy import text

from app import invariants
from app.lib.db import db, session
from app.orders.services import SHOP
from app.payments import credits, settlement
from app.payments.credit_plan import LineWish, Wishes
from tests.factories import a_cart, a_variant, an_order, order_named
from tests.races.meeting import assert_sound
from tests.races.paying import fact, press_pay

BREAKS = {
    "I1 stock": "UPDATE stock_items SET on_hand = on_hand + 1",
    "I1 holds": "UPDATE reservations SET state = 'released' WHERE state = 'held'",
    "I1 sold": "UPDATE reservations SET state = 'released' WHERE state = 'taken'",
    "I1 returned": "UPDATE credit_lines SET restocked = 0",
    "I2 totals": "UPDATE orders SET shipping_minor = shipping_minor + 1, subtotal_minor = subtotal_minor - 1",
    "I2 papers": "UPDATE documents SET amount_minor = amount_minor - 1 WHERE kind = 'invoice'",
    "I2 owed": "UPDATE payments SET amount_minor = amount_minor - 1",
    "I3 refunds": "UPDATE payment_attempts SET refunded_minor = 1 WHERE state = 'paid'",
    "I3 credits": "DELETE FROM refunds WHERE credit_id IS NOT NULL",
    "I3 paid": "UPDATE payment_attempts SET captured_minor = captured_minor - 1 WHERE state = 'paid'",
    "I4 one order": "UPDATE carts SET status = 'open' WHERE status = 'ordered'",
    "I5 money": "UPDATE orders SET status = 'cancelled' WHERE status = 'paid'",
    "I5 excess": "UPDATE payment_attempts SET captured_minor = captured_minor + 1 WHERE state = 'paid'",
    "I7 order events": "UPDATE orders SET status = 'packed' WHERE status = 'paid'",
    "I7 append-only": "ALTER TABLE stock_movements DISABLE TRIGGER append_only",
    "I8 letters": "DELETE FROM outbox WHERE topic = 'orders.mail_confirmation'",
    "I8 outbox": "UPDATE outbox SET dead_at = now()",
    "I10 numbers": "UPDATE document_series SET last = last + 1 WHERE kind = 'credit_note'",
    "I10 invoices": "UPDATE documents SET order_id = (SELECT max(id) FROM orders), issued_at = '2020-01-01'",
}


@pytest.fixture
def a_busy_shop():
    """A paid order of which one of two units came back, one that waits, and a cart."""
    order = an_order((a_variant(), 2))
    paid, back = order.number, Wishes((LineWish(order.lines[0].id, 1, restock=True),))
    settlement.settle(reference := press_pay(paid), fact(reference), channel="webhook")
    credits.refund(paid, back, key="returned", seen=None, reason="Too small", actor=SHOP)
    an_order((a_variant(), 2))
    a_cart(a_variant())
    return paid


def test_a_shop_that_was_never_used_is_sound():
    assert_sound()


def test_a_busy_shop_is_sound(a_busy_shop):
    assert order_named(a_busy_shop).status == "paid"
    assert_sound()


def test_every_rule_has_a_sentence_and_a_way_to_break_it():
    assert set(BREAKS) == set(invariants.RULES)
    assert all(finding.sentence for finding in invariants.check())


@pytest.mark.parametrize("rule", BREAKS)
def test_what_breaks_a_rule_is_found(a_busy_shop, rule):
    session().execute(text("SET LOCAL session_replication_role = replica"))
    session().execute(text(BREAKS[rule]))

    broken = {finding.name: finding.broken for finding in invariants.check()}

    session().rollback()
    assert broken[rule], f"{rule} was broken and not found"
    assert_sound()


def test_the_command_prints_a_line_for_each_rule_and_fails_when_one_is_broken(app, a_busy_shop):
    fine = app.test_cli_runner().invoke(args=["shop", "check"])
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE payments SET amount_minor = amount_minor - 1"))
    broken = app.test_cli_runner().invoke(args=["shop", "check"])

    assert (fine.exit_code, broken.exit_code) == (0, 1)
    assert all(rule in fine.output for rule in BREAKS)
