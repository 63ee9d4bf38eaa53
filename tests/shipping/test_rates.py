"""What a delivery costs and when it arrives."""

from datetime import date

import pytest

from app import shipping
from app.lib.errors import Invalid
from app.lib.money import Money

FRIDAY = date(2026, 11, 20)


def test_delivery_is_free_from_the_threshold_on() -> None:
    below = shipping.quote("standard", "US", Money(7499, "USD"), FRIDAY)
    at = shipping.quote("standard", "US", Money(7500, "USD"), FRIDAY)

    assert below.price == Money(600, "USD")
    assert at.price == Money(0, "USD")
    assert shipping.free_from() == Money(7500, "USD")


def test_nobody_delivers_at_the_weekend() -> None:
    quote = shipping.quote("express", "US", Money(1, "USD"), FRIDAY)

    assert quote.arrives == (date(2026, 11, 23), date(2026, 11, 24))


@pytest.mark.parametrize(("code", "country"), [("teleport", "US"), ("standard", "AQ"), ("", "")])
def test_what_is_not_offered_is_refused(code: str, country: str) -> None:
    with pytest.raises(Invalid):
        shipping.quote(code, country, Money(1, "USD"), FRIDAY)
