"""Which way an order may go, and the footprints it leaves."""

from app.lib.db import transaction
from app.lib.errors import NotAllowed
from app.orders.models import Order, OrderEvent

ARROWS: dict[str, set[str]] = {
    "pending": {"confirmed", "paid", "cancelled"},
    # To be paid at the door: the goods go out first, and the money may come at any step.
    "confirmed": {"paid", "packed", "shipped", "cancelled"},
    "paid": {"packed", "shipped", "cancelled"},
    "packed": {"shipped", "cancelled"},
    "shipped": {"delivered"},
    "delivered": set(),
    # Money that came after the order expired brings it back when its units can still be had.
    "cancelled": {"paid"},
}


def move(
    order: Order,
    to: str,
    *,
    reason: str = "",
    channel: str = "",
    actor_id: int | None = None,
    actor_name: str = "",
) -> None:
    """Change the status of a locked order and write the event. Raises NotAllowed for an arrow that is not drawn."""
    if to not in ARROWS.get(order.status, set()):
        raise NotAllowed(f"Order {order.number} is {order.status}; it cannot become {to}.")
    with transaction() as current:
        current.add(
            OrderEvent(
                order_id=order.id,
                kind="moved",
                was=order.status,
                now=to,
                note=reason,
                channel=channel,
                actor_id=actor_id,
                actor_name=actor_name,
            )
        )
        order.status = to
