"""How often an order's payment, and orders themselves, may be started from one place."""

from typing import Any

import pytest

from app.lib.db import session
from tests.factories import a_variant, an_order
from tests.journeys.shopping import Shopper


def from_address(address: str) -> dict[str, Any]:
    return {"environ_base": {"REMOTE_ADDR": address}}


@pytest.mark.parametrize("what", ["paying", "placing"])
def test_ten_a_minute_start_and_the_next_waits_whichever_address_of_the_house_it_comes_from(
    browser: Any, what: str
) -> None:
    order = an_order(a_variant())
    path = "/checkout" if what == "placing" else f"/orders/{order.number}/payments"
    key = order.key
    session().rollback()

    answers = [
        browser.post(path, data={"key": key, "provider": "none"}, **from_address(f"2001:db8::{number}"))
        for number in range(11)
    ]

    assert [answer.status_code == 429 for answer in answers] == [False] * 10 + [True]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_made_up_forwarded_address_counts_as_the_real_one(browser: Any) -> None:
    shopper = Shopper(browser)

    answers = [
        shopper.browser.post(
            "/checkout", headers={"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
        )
        for number in range(11)
    ]

    assert answers[-1].status_code == 429
