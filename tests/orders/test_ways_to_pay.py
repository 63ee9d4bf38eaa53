"""The page of an order that is paid later, at the door, or whose provider is away."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.lib import runtime
from app.payments import health
from tests.factories import a_variant
from tests.journeys.shopping import Shopper, goes_to, path_of, states, words


@pytest.fixture
def village(app: Any) -> Iterator[None]:
    """A shop that takes transfers, and money at the door."""
    usual = runtime.settings()
    runtime.use(replace(usual, bank_transfer="Sokoni Ltd | IBAN GB33 BUKB 2020 1555 5555 55", cash_on_delivery=("US",)))
    yield
    runtime.use(usual)


def buys(browser: FlaskClient, provider: str) -> str:
    ada = Shopper(browser)
    ada.add(a_variant().sku)
    return path_of(goes_to(ada.place(provider=provider)))


def test_a_transfer_is_explained_on_the_page_and_nothing_is_asked_for_in_vain(village, browser):
    page = browser.get(buys(browser, "bank_transfer")).text

    text = words(page)
    assert "Waiting for your transfer" in text and "IBAN GB33 BUKB 2020 1555 5555 55" in text
    assert states(page) == ("pending", "pending")
    assert 'hx-trigger="every' not in page and 'http-equiv="refresh"' not in page
    assert "I have paid, check again" not in page


def test_who_chose_a_transfer_may_still_pay_another_way(village, browser):
    order = buys(browser, "bank_transfer")

    answer = browser.post(f"{order}/payments", data={"provider": "demo"})

    assert goes_to(answer).startswith("/payments/demo/")


def test_money_at_the_door_confirms_the_order(village, browser):
    page = browser.get(buys(browser, "cash_on_delivery")).text

    text = words(page)
    assert states(page)[0] == "confirmed"
    assert "You pay when your order is brought to you." in text
    assert "Order confirmed, to be paid on delivery" in text and "Payment received" not in text
    assert "Cancel order" in text and "Waiting for payment" not in text


def test_a_provider_that_is_away_is_a_sentence(browser):
    buys(browser, "demo")
    for _ in range(health.MOST_FAILURES):
        health.failed("stripe", "Nobody answers.", was_probe=False)

    page = browser.get("/checkout", follow_redirects=True).text

    assert "Card does not answer at the moment." in words(page)
    assert 'value="demo"' in page and 'value="stripe"' not in page
