"""Goods leave the house only while somebody pays for them, or when a person says that they shall all the same."""

from app.lib.db import retrying, transaction
from app.lib.errors import NotAllowed
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments.queries import PaymentSummary, summary


@retrying
def pack(number: str, actor: Actor, *, anyway: bool = False) -> None:
    """The parcel is packed. Raises NotAllowed, also when the order's money went back, unless `anyway`."""
    with transaction():
        _refuse_refunded(orders.locked(number), anyway)
        orders.pack(number, actor)


@retrying
def ship(number: str, tracking_number: str, actor: Actor, *, anyway: bool = False) -> None:
    """The parcel left. Raises NotAllowed, also when the order's money went back, unless `anyway`; and Invalid."""
    with transaction():
        _refuse_refunded(orders.locked(number), anyway)
        orders.ship(number, tracking_number, actor)


def is_unpaid_again(order: Order, money: PaymentSummary) -> bool:
    """Whether money came and all of it went back, is on its way back, or was taken by a bank.

    What is paid at the door goes out without any, whatever was tried before.
    """
    return bool(money.captured) and not money.refundable and not order.is_due_at_the_door


def _refuse_refunded(order: Order, anyway: bool) -> None:
    if not anyway and is_unpaid_again(order, summary(order)):
        raise NotAllowed(
            f"All of the money of order {order.number} went back to the shopper. Cancel it, or say that it is to be "
            "sent all the same."
        )
