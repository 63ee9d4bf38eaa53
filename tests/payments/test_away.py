"""A provider that is away, refuses our keys, or was taken out of the shop: orders and refunds still find their end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import session, transaction
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import polling, settlement
from app.payments.models import Refund
from app.payments.providers.base import NotConfigured, ProviderRefused
from app.payments.providers.stripe import StripeProvider
from app.payments.queries import attempts_of
from tests.factories import an_order, order_named
from tests.payments.ends import KeepingSimulator
from tests.payments.giving_back import refund_order
from tests.races.meeting import assert_sound, count
from tests.races.paying import fact, let_hold_run_out, press_pay, status_of

ADA = Actor("Ada")


@pytest.fixture(autouse=True)
def every_rule_holds(app: Any) -> Iterator[None]:
    yield
    assert_sound()


def _keys_are_gone(patch: pytest.MonkeyPatch) -> None:
    bare = replace(runtime.settings(), stripe_secret_key="", stripe_webhook_secret=())
    patch.setattr(runtime, "_current", bare)


def _refuses(error: Exception) -> Callable[[pytest.MonkeyPatch], None]:
    def refuse(*_args: Any, **_more: Any) -> Any:
        raise error

    def lose(patch: pytest.MonkeyPatch) -> None:
        for name in ("start", "look_up", "expire"):
            patch.setattr(StripeProvider, name, refuse)

    return lose


BAD_DAYS = {
    "its keys were taken out": _keys_are_gone,
    "its key is refused": _refuses(NotConfigured("Stripe does not accept STRIPE_SECRET_KEY.")),
    "it says no": _refuses(ProviderRefused("account_closed", "No.")),
}


@pytest.fixture(params=BAD_DAYS)
def lose_stripe(request: Any, monkeypatch: pytest.MonkeyPatch, stripe: KeepingSimulator) -> Callable[[], None]:
    return lambda: BAD_DAYS[request.param](monkeypatch)


def an_order_at_stripe() -> Order:
    """An order whose page at Stripe is open."""
    order = an_order()
    checkout.start_payment(order.number, "stripe")
    return order_named(order.number)


def test_an_order_can_be_cancelled(lose_stripe: Callable[[], None]) -> None:
    order = an_order_at_stripe()
    lose_stripe()

    checkout.cancel(order.number, actor=ADA, reason="Changed my mind", by_shopper=True)

    assert status_of(order.number) == "cancelled"


def test_an_order_can_be_paid_another_way(lose_stripe: Callable[[], None]) -> None:
    order = an_order_at_stripe()
    lose_stripe()

    assert checkout.start_payment(order.number, "demo").startswith("/payments/demo/")


def test_the_shopper_gets_pages_and_no_fault(lose_stripe: Callable[[], None], browser: FlaskClient) -> None:
    order = an_order_at_stripe()
    reference, number, key = attempts_of(order.id)[0].reference, order.number, order.key
    session().rollback()
    lose_stripe()

    back = browser.get(f"/payments/stripe/return?reference={reference}")
    again = browser.post(f"/orders/{number}/payments", data={"key": key, "provider": "stripe"})
    changed = browser.post(f"/orders/{number}/change", data={"key": key})

    assert back.status_code == changed.status_code == 303
    assert again.status_code in (303, 404, 409)


def test_an_order_whose_time_is_over_waits_in_one_job(lose_stripe: Callable[[], None], run_jobs: Any) -> None:
    order = an_order_at_stripe()
    let_hold_run_out(order.number)
    lose_stripe()

    for _ in range(4):
        checkout.expire_unpaid()
        run_jobs()
        _another_minute()

    assert count("SELECT count(*) FROM outbox WHERE topic = 'checkout.expire_order' AND attempts > 0") == 1
    assert status_of(order.number) == "pending"


def test_nobody_is_asked_whose_keys_were_taken_out_until_they_are_back(
    monkeypatch: pytest.MonkeyPatch, stripe: KeepingSimulator
) -> None:
    an_order_at_stripe()
    with transaction() as current:
        current.execute(text("UPDATE payment_attempts SET check_at = now()"))

    with monkeypatch.context() as patch:
        _keys_are_gone(patch)
        assert polling.poll() == 0

    assert polling.poll() == 1


def test_a_refund_whose_job_was_given_up_is_sent_when_the_provider_is_back(run_jobs: Any) -> None:
    order = an_order()
    settlement.settle(reference := press_pay(order.number), fact(reference), channel="webhook")
    refund_order(order.number, order_named(order.number).total, "Broken", ADA)
    with transaction() as current:
        current.execute(text("UPDATE outbox SET done_at = now() WHERE topic = 'payments.send_refund'"))
        current.execute(text("UPDATE payment_attempts SET check_at = now()"))

    polling.poll()
    run_jobs()

    assert session().scalars(select(Refund.state)).all() == ["succeeded"]
    assert order_named(order.number).total_minor == attempts_of(order.id)[0].refunded_minor


def _another_minute() -> None:
    """The keys of a minute ago are taken; nothing else is due yet."""
    with transaction() as current:
        current.execute(text("UPDATE outbox SET key = key || ' a minute ago' WHERE topic = 'checkout.expire_order'"))
