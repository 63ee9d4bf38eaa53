"""Ways to pay without a provider's page: what choosing one does to the order."""

from datetime import UTC, datetime, timedelta

from app.inventory.services import NotEnoughStock
from app.lib import outbox
from app.orders.models import Order
from app.orders.states import move
from app.payments.models import Attempt
from app.payments.providers.base import NextStep
from app.payments.registry import provider_of_old
from app.payments.settlement import take_stock

A_YEAR = timedelta(days=365)  # a parcel is paid at the door, however long it takes to get there


def agree(order: Order, attempt: Attempt, answer: NextStep) -> None:
    """Nobody is asked about this attempt of a locked order: staff write down that its money came.

    Paid at the door, the order is confirmed and its stock sold; paid by transfer, it waits, and a letter says how.
    Raises NotEnoughStock when the units were lost meanwhile.
    """
    attempt.check_at = None
    if not order.is_pending:
        return
    if provider_of_old(attempt.provider).pays_later:
        attempt.expires_at = datetime.now(UTC) + A_YEAR
        _confirm(order)
    else:
        key = f"mail-transfer:{attempt.id}"
        outbox.send("orders.mail_transfer", key=key, order_id=order.id, instructions=answer.message)


def _confirm(order: Order) -> None:
    if not take_stock(order):
        raise NotEnoughStock({})
    move(order, "confirmed", channel="start", reason="To be paid on delivery.")
    order.pays_on_delivery = True
    outbox.send("orders.mail_confirmed", key=f"mail-confirmed:{order.id}", order_id=order.id)
