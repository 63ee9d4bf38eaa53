"""An order's events as staff read them."""

from dataclasses import dataclass
from datetime import datetime

from app.orders.models import Order, OrderEvent
from app.orders.services import SHOP

MOVED = {
    "confirmed": "Confirmed, to be paid on delivery",
    "paid": "Paid",
    "packed": "Packed",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "cancelled": "Cancelled",
}
BROUGHT_BY = {
    "webhook": "told by the provider",
    "return": "seen when the shopper came back",
    "poller": "found by asking the provider",
    "closed": "found when closing the payment page",
    "books": "found when comparing the books",
    "staff": "asked for by staff",
    "start": "when the payment page was opened",
}


@dataclass(frozen=True)
class Happening:
    """One line of the timeline; `is_internal` was never shown to the shopper."""

    words: str
    at: datetime
    by: str
    is_internal: bool
    is_note: bool


def history(order: Order) -> list[Happening]:
    """Everything that happened, newest first."""
    return [_happening(event) for event in reversed(order.events)]


def _happening(event: OrderEvent) -> Happening:
    return Happening(
        words=_words(event),
        at=event.created_at,
        by=_by(event),
        is_internal=event.is_internal,
        is_note=event.kind == "note",
    )


def _by(event: OrderEvent) -> str:
    """Who did it, or how the shop learned of it."""
    how = BROUGHT_BY.get(event.channel, event.channel)
    who = "" if how and event.actor_name == SHOP.name else event.actor_name
    return ", ".join(part for part in (who, how) if part)


def _words(event: OrderEvent) -> str:
    if event.kind == "placed":
        return "Order placed"
    if event.kind != "moved":
        return event.note or event.kind.capitalize()
    moved = MOVED.get(event.now or "", event.now or "")
    return f"{moved}: {event.note}" if event.note else moved
