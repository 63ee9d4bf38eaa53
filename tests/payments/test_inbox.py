"""Messages from providers: kept at once, read later, never lost and never believed without proof."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.payments import inbox, webhooks
from app.payments.models import WebhookEvent
from app.payments.providers.base import ProviderUnavailable
from app.payments.queries import attempts_of
from app.payments.registry import provider_named
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends import KeepingSimulator, signed
from tests.races.meeting import assert_sound, count, kinds
from tests.races.paying import message, press_pay, status_of


def states() -> list[tuple[str, str]]:
    session().rollback()
    return [(row.state, row.note) for row in session().query(WebhookEvent).order_by(WebhookEvent.id)]


def a_message() -> tuple[str, int]:
    """A paid order of which a message tells that nobody has read: its number, the message's id."""
    number = an_order(a_variant()).number
    event = message(press_pay(number))
    webhooks.receive("demo", event.headers, event.body)
    return number, count("SELECT max(id) FROM webhook_events")


def sql(statement: str) -> None:
    with transaction() as current:
        current.execute(text(statement))


def test_keeping_a_message_asks_nobody_and_takes_two_statements(queries: Any, stripe: KeepingSimulator) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    stripe.do("pay", attempts_of(order.id)[0].provider_ref or "")
    session().rollback()
    headers, body = signed(stripe.told[-1])
    asked = len(stripe.requests)

    with queries(at_most=2):
        webhooks.receive("stripe", headers, body)

    assert len(stripe.requests) == asked
    assert states() == [("received", "")]


def test_a_message_whose_job_was_given_up_says_why_and_can_be_handled_again() -> None:
    number, event_id = a_message()
    sql("UPDATE outbox SET dead_at = now(), last_error = 'ProviderUnavailable: It hangs.' WHERE key LIKE 'webhook:%'")

    inbox.look_after()

    assert states() == [("failed", "ProviderUnavailable: It hangs.")]
    assert webhooks.replay(event_id) == "processed"
    assert (states(), status_of(number)) == ([("processed", "")], "paid")
    assert_sound()


def test_handling_it_again_changes_nothing(run_jobs: Callable[[], int]) -> None:
    number, event_id = a_message()
    run_jobs()
    events = count("SELECT count(*) FROM order_events")

    assert [webhooks.replay(event_id) for _ in range(3)] == ["processed"] * 3

    assert count("SELECT count(*) FROM order_events") == events
    assert status_of(number) == "paid"


def test_while_the_provider_is_away_handling_it_again_leaves_it_as_it_was(
    stripe: KeepingSimulator, run_jobs: Callable[[], int]
) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    stripe.do("pay", attempts_of(order.id)[0].provider_ref or "")
    webhooks.receive("stripe", *signed(stripe.told[-1]))
    run_jobs()
    stripe.faults.add("429")

    with pytest.raises(ProviderUnavailable):
        webhooks.replay(count("SELECT max(id) FROM webhook_events"), in_a_job=False)

    assert states() == [("processed", "")]


def test_a_message_that_was_quicker_than_our_own_answer_is_read_again(
    stripe: KeepingSimulator, run_jobs: Callable[[], int]
) -> None:
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    attempt = attempts_of(order.id)[0]
    stripe.do("pay", attempt.provider_ref or "")
    stripe.do("refund", attempt.provider_ref or "")
    session().rollback()
    refunded = next(told for told in stripe.told if told["type"] == "charge.refunded")
    refunded["data"]["object"]["metadata"] = {}
    webhooks.receive("stripe", *signed(refunded))
    run_jobs()
    assert states()[0][0] == "orphan"
    inbox.look_after()
    assert states()[0][0] == "orphan", "the payment has no such name yet"

    completed = next(told for told in stripe.told if told["type"] == "checkout.session.completed")
    webhooks.receive("stripe", *signed(completed))
    run_jobs()
    inbox.look_after()
    run_jobs()

    assert {state for state, _ in states()} == {"processed"}
    assert attempts_of(order.id)[0].refunded_minor == order_named(order.number).total_minor


def test_two_who_look_after_the_inbox_send_an_orphan_once(at_once: Any) -> None:
    _, event_id = a_message()
    sql("UPDATE webhook_events SET state = 'orphan', processed_at = now()")

    outcomes = at_once(*[inbox.read_orphans_again] * 4)

    assert (sum(outcomes), kinds(outcomes)) == (1, {"done": 4})
    assert count("SELECT count(*) FROM outbox WHERE key LIKE :key", key=f"webhook:{event_id}:%") == 1


def test_old_messages_go_and_young_ones_stay() -> None:
    a_message()
    sql("UPDATE webhook_events SET received_at = now() - interval '36 days'")
    a_message()

    assert inbox.prune() == 1
    assert len(states()) == 1


# At the door


def test_a_refused_message_leaves_a_line_in_the_log_and_nothing_of_what_it_said(
    browser: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = browser.post(
            "/payments/stripe/webhook", data=b'{"secret": "of-mallory"}', headers={"Stripe-Signature": "t=1,v1=00"}
        )

    assert answer.status_code == 400
    assert "A stripe message was refused" in caplog.text
    assert "mallory" not in caplog.text
    assert states() == []


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_a_message_is_never_taken_for_a_form_and_never_large(browser: FlaskClient, kind: str) -> None:
    large = browser.post("/payments/stripe/webhook", data=b"a=%00" + b"&b=" * 120_000, content_type=kind)
    small = browser.post("/payments/stripe/webhook", data=b"a=%00", content_type=kind)

    assert (large.status_code, small.status_code) == (413, 400)


def test_while_nobody_can_say_who_signed_it_the_provider_is_to_send_it_again(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise ProviderUnavailable("Its certificate cannot be fetched.")

    monkeypatch.setattr(type(provider_named("demo")), "read_webhook", away)

    assert browser.post("/payments/demo/webhook", data=json.dumps({})).status_code == 503
    assert states() == []
