"""Nobody waits for a provider with a connection in hand: its bad minute must not become our empty pool."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import db, session
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import webhooks
from app.payments.models import Attempt
from app.payments.providers.stripe import StripeProvider, configured
from app.payments.queries import attempts_of
from tests.admin.desk import at_desk
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends import KeepingSimulator, signed
from tests.payments.giving_back import refund_order
from tests.races.paying import let_hold_run_out

CALLS = ("start", "look_up", "expire", "refund", "look_up_refund")
Held = list[tuple[str, int]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, stripe: KeepingSimulator) -> Held:
    """(call, connections in hand) each time Stripe was asked something."""
    seen: Held = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **kwargs: Any) -> Any:
            seen.append((name, db.engine.pool.checkedout()))  # type: ignore[attr-defined]
            return real(*args, **kwargs)

        return ask

    for name in CALLS:
        monkeypatch.setattr(StripeProvider, name, watched(name, getattr(StripeProvider, name)))
    return seen


def an_open_page() -> tuple[Order, Attempt]:
    order = an_order(a_variant())
    checkout.start_payment(order.number, "stripe")
    order = order_named(order.number)
    attempt = attempts_of(order.id)[0]
    session().expunge_all()
    session().rollback()
    return order, attempt


def test_not_when_a_shopper_pays_comes_back_changes_or_cancels(browser: FlaskClient, held: Held) -> None:
    first, attempt = an_open_page()
    second, _ = an_open_page()
    held.clear()

    browser.get(f"/payments/stripe/return?reference={attempt.reference}")
    browser.post(f"/orders/{first.number}/payments", data={"provider": "demo", "key": first.key})
    browser.post(f"/orders/{second.number}/change", data={"key": second.key})

    assert held == [("look_up", 0), ("expire", 0), ("expire", 0)]


def test_not_when_an_order_is_placed(browser: FlaskClient, held: Held) -> None:
    from tests.journeys.shopping import Shopper

    ada, sku = Shopper(browser), a_variant().sku
    session().rollback()
    ada.add(sku)

    ada.place(provider="stripe")

    assert held == [("start", 0)]


def test_not_when_staff_ask_or_cancel(browser: FlaskClient, held: Held) -> None:
    order, attempt = an_open_page()
    grace = at_desk(browser)
    session().rollback()
    held.clear()

    grace.order(order.number, "check", reference=attempt.reference)
    grace.order(order.number, "cancel", reason="No stock", password="")

    assert held == [("look_up", 0), ("expire", 0)]


def test_not_in_jobs(run_jobs: Callable[[], int], held: Held, stripe: KeepingSimulator) -> None:
    order, attempt = an_open_page()
    late, _ = an_open_page()
    let_hold_run_out(late.number)
    session().rollback()
    held.clear()

    stripe.do("pay", attempt.provider_ref or "")
    webhooks.receive("stripe", *signed(stripe.told[-1]))
    run_jobs()
    refund_order(order.number, order_named(order.number).total, "Broken", Actor("Grace"))
    checkout.expire_unpaid()
    run_jobs()

    assert {name for name, _ in held} == {"look_up", "refund", "look_up_refund", "expire"}
    assert {count for _, count in held} == {0}


def test_guard_off_a_read_before_asking_is_seen(held: Held) -> None:
    order, attempt = an_open_page()
    held.clear()

    order_named(order.number)
    provider = configured(runtime.settings())
    assert provider is not None
    provider.look_up(attempt.reference, attempt.provider_ref)

    assert held == [("look_up", 1)]
