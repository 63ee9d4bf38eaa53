"""News of one payment comes by several ways at once; it is applied once."""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from app.payments import services as payments
from app.payments import settlement, webhooks
from app.payments.providers import signatures
from app.payments.registry import provider_named
from tests.factories import a_variant, an_order, stock_of
from tests.races.meeting import Gate, assert_sound, count, crowd, kinds, overtake
from tests.races.paying import do_jobs, fact, message, money_of, press_pay, read_without_lock, status_of

PAID = "SELECT count(*) FROM order_events WHERE kind = 'moved' AND now = 'paid'"
SALES = "SELECT count(*) FROM stock_movements WHERE reason = 'sale'"
LETTERS = "SELECT count(*) FROM outbox WHERE topic = 'orders.mail_confirmation'"


def assert_paid_once(number):
    """One payment in the history, one step to paid, one unit sold, one letter; all the money there is."""
    assert status_of(number) == "paid"
    assert count("SELECT count(*) FROM order_events WHERE kind = 'payment' AND note LIKE '% paid: %'") == 1
    assert (count(PAID), count(SALES), count(LETTERS)) == (1, 1, 1)
    assert money_of(number).state == "paid"
    assert_sound()


def assert_kept_once():
    assert count("SELECT count(*) FROM webhook_events") == 1


@pytest.fixture
def order():
    number = an_order(a_variant(on_hand=5)).number
    return number, press_pay(number)


def post(new_browser, event):
    browser = new_browser()
    return browser.post("/payments/demo/webhook", data=event.body, headers=event.headers).status_code


def come_back(new_browser, reference):
    return new_browser().get(f"/payments/demo/return?reference={reference}").status_code


def test_50_copies_of_a_message_pay_an_order_once(new_browser, at_once, mails, order):
    number, reference = order
    event = message(reference)

    answers = crowd(at_once, [partial(post, new_browser, event)] * 50)
    do_jobs(at_once)

    assert answers == [200] * 50
    assert_kept_once()
    assert_paid_once(number)
    assert [letter["Subject"] for letter in mails()] == [f"Your order {number}: thank you, it is paid"]


def test_the_message_and_the_shopper_arrive_at_the_same_moment(new_browser, at_once, order):
    number, reference = order
    event = message(reference)

    answers = at_once(*[partial(post, new_browser, event), partial(come_back, new_browser, reference)] * 3)
    do_jobs(at_once)

    assert sorted(answers) == [200] * 3 + [303] * 3
    assert_paid_once(number)


def test_both_know_that_it_is_paid_before_either_writes_it_down(at_once, monkeypatch, order):
    number, reference = order
    gate = Gate()
    monkeypatch.setattr(settlement, "locked", gate.after(settlement.locked))

    outcomes = overtake(at_once, gate, *_two_bringers_of_news(reference))

    assert kinds(outcomes) == {"done": 2}
    assert_paid_once(number)


def test_guard_off_without_the_lock_a_payment_is_applied_twice(at_once, monkeypatch, order):
    number, reference = order
    gate = Gate()
    monkeypatch.setattr(settlement, "locked", gate.after(read_without_lock))

    overtake(at_once, gate, *_two_bringers_of_news(reference))

    with pytest.raises(AssertionError):
        assert_paid_once(number)
    assert count(PAID) == 2


def test_guard_off_without_the_unique_index_every_copy_is_kept(new_browser, at_once, without, order):
    _, reference = order
    without("uq_webhook_events_provider_event_key")

    crowd(at_once, [partial(post, new_browser, message(reference))] * 5)

    with pytest.raises(AssertionError):
        assert_kept_once()


def test_two_different_messages_about_one_payment_pay_it_once(at_once, order):
    number, reference = order
    body = message(reference).body
    events = [_kept(body.replace(b'"demo-att', f'"{name}-att'.encode())) for name in ("first", "second")]

    outcomes = at_once(*[partial(webhooks.read, event) for event in events])

    assert kinds(outcomes) == {"done": 2}
    assert count("SELECT count(*) FROM webhook_events WHERE state = 'processed'") == 2
    assert_paid_once(number)


def test_a_message_read_by_two_workers_at_once_pays_once(at_once, order):
    number, reference = order
    event = _kept(message(reference).body)

    outcomes = at_once(*[partial(webhooks.read, event)] * 4)

    assert kinds(outcomes) == {"done": 4}
    assert_paid_once(number)


def test_a_message_about_another_amount_that_meets_the_payment_leaves_the_books_in_order(at_once, monkeypatch, order):
    number, reference = order
    total = money_of(number).attempts[0].amount_minor
    body = message(reference).body
    event = _kept(body.replace(f'"amount": {total}'.encode(), f'"amount": {total - 1}'.encode()))
    gate = Gate()
    monkeypatch.setattr(webhooks, "_attempt_of", gate.after(webhooks._attempt_of))

    outcomes = overtake(
        at_once, gate, partial(webhooks.read, event), partial(payments.check, reference, channel="return")
    )

    assert kinds(outcomes) == {"done": 2}
    assert_paid_once(number)


def test_an_order_paid_on_two_pages_at_once_is_paid_once_and_staff_hear_of_the_other(at_once, stripe):
    shirt = a_variant(on_hand=5)
    number = an_order(shirt).number
    demo, card = press_pay(number), _pay_by_card(number, stripe)

    outcomes = at_once(
        partial(payments.check, demo, channel="return"), partial(payments.check, card, channel="webhook")
    )

    assert kinds(outcomes) == {"done": 2}
    assert (status_of(number), count(PAID), count(LETTERS)) == ("paid", 1, 1)
    assert count("SELECT count(*) FROM payment_issues WHERE kind = 'second' AND resolved_at IS NULL") == 1
    assert stock_of(shirt).on_hand == 4
    assert_sound()


def _two_bringers_of_news(reference):
    news = fact(reference)
    return [partial(settlement.settle, reference, news, channel=channel) for channel in ("webhook", "return")]


def _pay_by_card(number, stripe):
    """A second page in another tab; the shop could not close the first one."""
    until = datetime.now(UTC) + timedelta(hours=1)
    payments.start(number, payments.open_all_the_same(number, "stripe", until), "stripe")
    attempt = money_of(number).last
    stripe.do("pay", attempt.provider_ref)
    return attempt.reference


def _kept(body):
    """A message that was received and waits to be read; gives back its id."""
    desk = provider_named("demo")
    headers = {"Demo-Signature": signatures.sign(body, desk._signing_key, int(time.time()))}
    webhooks.receive("demo", headers, body)
    return count("SELECT max(id) FROM webhook_events")
