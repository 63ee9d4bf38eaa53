"""What the shop promises on its pages, in words: only what its settings make true today."""

from datetime import UTC, datetime
from typing import NamedTuple

from babel.dates import format_date

from app import shipping
from app.lib import runtime
from app.lib.money import Money


class Promise(NamedTuple):
    """An icon of the sprite, a title, and one sentence."""

    icon: str
    title: str
    words: str


def promises() -> list[Promise]:
    """For the home page and beside the button of a product."""
    return [
        *_delivery(),
        Promise("rotate-ccw", "Cancel until we pack", "Free of charge, on the page of your order."),
        Promise("mail", "No account needed", "The receipt holds the link to your order."),
    ]


def _delivery() -> list[Promise]:
    """The first method, as the checkout presets it, to the first country."""
    settings = runtime.settings()
    offers = shipping.quotes(settings.ship_to[0], Money(0, settings.currency), datetime.now(UTC).date())
    if not offers:
        return []
    first, last = (format_date(day, "EEE d MMM", locale=settings.locale) for day in offers[0].arrives)
    threshold = shipping.free_from()
    title = f"Free delivery over {threshold}" if threshold else f"Delivery for {offers[0].price}"
    return [Promise("truck", title, f"Ordered today, it arrives {first if first == last else f'{first} to {last}'}.")]
