"""One attempt: locked together with its order, and moved with a footprint in the order's history."""

from sqlalchemy import select

from app.lib import outbox
from app.lib.db import session
from app.lib.errors import NotFound
from app.orders import services as orders
from app.orders.models import Order
from app.payments.models import Attempt, Payment
from app.payments.registry import all_providers

# What staff read in the history where the shopper needs no sentence.
IN_WORDS = {
    "created": "is being started",
    "pending": "waits for the shopper",
    "authorised": "is agreed to, and not taken yet",
    "failed": "came to nothing",
    "expired": "has expired",
    "cancelled": "was closed",
    "unknown": "gives no answer yet",
}
SOON = 60  # seconds: whoever tries again within them gets no letter about what failed


def locked(reference: str) -> tuple[Order, Attempt]:
    """An attempt and its order, the order locked first. Raises NotFound."""
    order_id = (
        select(Payment.order_id)
        .join(Attempt, Attempt.payment_id == Payment.id)
        .where(Attempt.reference == reference)
        .scalar_subquery()
    )
    order = orders.locked_where(Order.id == order_id)
    if order is None:
        raise NotFound("There is no such payment.")
    attempt = (
        session()
        .scalars(
            select(Attempt)
            .where(Attempt.reference == reference)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .one()
    )
    return order, attempt


def move_attempt(order: Order, attempt: Attempt, to: str, sentence: str, channel: str) -> None:
    """Change the state of a locked attempt, and write who brought the news; nothing when it is there already.

    An event without a sentence is for staff: the shopper need not read about it.
    """
    if attempt.state == to:
        return
    orders.record(
        order,
        "payment",
        sentence or _in_words(attempt.provider, to),
        channel=channel,
        is_internal=not sentence,
        was=attempt.state,
        now=to,
        reference=attempt.reference,
    )
    attempt.state = to
    if to in ("failed", "expired", "cancelled") and order.is_pending:
        outbox.send("payments.tell_failed", key=f"tell-failed:{attempt.id}", due_in=SOON, order_id=order.id)


def _in_words(provider: str, state: str) -> str:
    known = all_providers().get(provider)
    return f"{known.title if known is not None else provider}: {IN_WORDS.get(state, state)}"
