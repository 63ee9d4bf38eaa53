"""The steps of an order, for a person who waits for a parcel."""

from dataclasses import dataclass
from datetime import datetime

from app.orders.models import Order

ON_THE_WAY = (("packed", "Packed"), ("shipped", "Handed to the carrier"), ("delivered", "Delivered"))
PAID_FIRST = (("paid", "Payment confirmed"), *ON_THE_WAY)
PAID_AT_THE_DOOR = (("confirmed", "Order confirmed, to be paid on delivery"), *ON_THE_WAY)
RANK = {"pending": 0, "confirmed": 1, "paid": 1, "packed": 2, "shipped": 3, "delivered": 4}


@dataclass(frozen=True)
class Step:
    """`state` is done, now or later; `at` is when it happened."""

    words: str
    state: str
    at: datetime | None = None
    detail: str = ""


def steps(order: Order, payment_state: str) -> list[Step]:
    """What has happened and what comes next."""
    moments = {event.now: event.created_at for event in order.events if event.kind == "moved"}
    placed = Step("Order placed", "done", order.placed_at)
    if order.status == "cancelled":
        return [placed, Step("Cancelled", "now", moments.get("cancelled"))]
    rank = RANK[order.status]
    result = [placed]
    for index, (status, words) in enumerate(PAID_AT_THE_DOOR if order.pays_on_delivery else PAID_FIRST, 1):
        if index == 1 and rank == 0:
            waiting = "Payment failed" if payment_state == "failed" else "Waiting for payment"
            result.append(Step(waiting, "now"))
            continue
        if index == 2 and rank == 1:
            result.append(Step("Packing", "now"))
            continue
        state = "done" if index < rank or (index == rank and rank in (1, 4)) else "now" if index == rank else "later"
        tracking = order.tracking_number if status == "shipped" and state != "later" else ""
        result.append(Step(words, state, moments.get(status), f"Tracking number {tracking}" if tracking else ""))
    if order.pays_on_delivery:
        result.append(Step("Paid", "done" if order.paid_at else "later", order.paid_at))
    return result
