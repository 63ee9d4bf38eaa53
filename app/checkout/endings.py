"""How an order ends before it is sent: cancelled, taken back into the cart, or never paid."""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from app.cart import services as cart_services
from app.cart.queries import Whose
from app.inventory import services as inventory
from app.lib import outbox
from app.lib.db import retrying, transaction
from app.lib.errors import NotAllowed
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.orders.states import move
from app.payments import refunds
from app.payments import services as payments
from app.payments.issues import close_issues
from app.payments.providers.base import ProviderUnavailable
from app.payments.queries import DOUBTFUL, attempts_of, summarise

log = logging.getLogger(__name__)

SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
ASKED_WHAT_TO_DO = (*DOUBTFUL, "part", "excess", "second")


def cancel(number: str, *, actor: Actor, reason: str, by_shopper: bool, only_unpaid: bool = False) -> None:
    """Cancel an order: stock back on the shelf once, open payment pages closed, money sent back by itself.

    A page that cannot be closed stops nothing: money that comes through it goes back by itself. A shopper may until
    it is packed; staff until it is shipped. Raises NotAllowed after that; with `only_unpaid` also when closing its
    pages tells that it has just been paid.
    """
    _close_pages(number)
    _cancel(number, actor, reason, by_shopper, only_unpaid)


@retrying
def _cancel(number: str, actor: Actor, reason: str, by_shopper: bool, only_unpaid: bool) -> None:
    with transaction():
        order = orders.locked(number)
        _refuse_cancel(order, by_shopper)
        was_sold = order.status != "pending"
        if was_sold and only_unpaid:
            raise NotAllowed(f"Order {order.number} has just been {order.status}, so it stays as it is.")
        move(order, "cancelled", reason=reason, actor_id=actor.id, actor_name=actor.name)
        order.cancel_reason = "shopper" if by_shopper else "staff"
        if was_sold:
            inventory.restock(order.id, actor_id=actor.id)
        inventory.release(order.id, actor_id=actor.id)
        # Also of an unpaid order: money that is under review goes back as well.
        refunds.refund_everything(order, reason or "Order cancelled", actor)
        for attempt in attempts_of(order.id):
            if not attempt.left:
                close_issues(attempt, "sent back with the cancelled order", actor, ASKED_WHAT_TO_DO)
        outbox.send("orders.mail_cancelled", key=f"mail-cancelled:{order.id}", order_id=order.id)


def _refuse_cancel(order: Order, by_shopper: bool) -> None:
    if order.status == "cancelled":
        raise NotAllowed(f"Order {order.number} is cancelled already.")
    if order.status in ("shipped", "delivered"):
        raise NotAllowed(f"Order {order.number} has been {order.status}; write to us about a return.")
    if by_shopper and order.status == "packed":
        raise NotAllowed(f"Order {order.number} is packed already. Contact us, and we will see what can be done.")


def _close_pages(number: str) -> None:
    """Close what could still be paid before stock is given back; a provider that is away closes nothing."""
    with transaction():
        order = orders.locked(number)
        order_id, is_open = order.id, order.awaits_money
    if not is_open:
        return
    try:
        payments.close_others(order_id)
    except ProviderUnavailable:
        # Money that comes all the same is sent back by settle(), because the order is cancelled then.
        log.warning("An open payment page of order %s could not be closed", number)


def take_back(number: str, whose: Whose, *, actor: Actor) -> cart_services.Added:
    """Cancel an unpaid order and put its lines back into the cart, to change them. Raises NotAllowed."""
    with transaction():
        order = orders.locked(number)
        if order.status not in ("pending", "cancelled"):
            raise NotAllowed(f"Order {order.number} is {order.status}; its lines cannot go back into the cart.")
        lines = [
            (line.variant_id, line.quantity, line.unit_price_minor)
            for line in order.lines
            if line.variant_id is not None
        ]
        is_pending = order.status == "pending"
    if is_pending:
        cancel(number, actor=actor, reason="Put back into the cart", by_shopper=True, only_unpaid=True)
    return cart_services.put_back(whose, lines)


def expire(order_id: int) -> None:
    """Cancel an order whose hold ran out unpaid, after asking its providers what really happened.

    Raises ProviderUnavailable when one does not answer; the next try asks again. Other shoppers can have the
    units meanwhile, because a hold that is over counts as free.
    """
    if not _is_over(order_id):
        return
    if payments.close_others(order_id, in_a_job=True):
        # Money is on its way (a bank debit, a voucher, a prompt on a phone): the poller waits for its end.
        _hold_on(order_id)
        return
    with transaction():
        order = orders.locked_by_id(order_id)
        if order.status != "pending" or not order.hold_is_over:
            return
        if summarise(order, attempts_of(order.id)).refundable:
            # Some money is here but not all: a person decides, and the goods wait for that too.
            _prolong(order)
            return
        move(order, "cancelled", reason="Not paid in time.")
        order.cancel_reason = "expired"
        inventory.release(order.id)
        # Pages that cannot be closed may still be paid: late money takes the units again, or goes back.
        outbox.send("orders.mail_expired", key=f"mail-expired:{order.id}", order_id=order.id)


@retrying
def _hold_on(order_id: int) -> None:
    """The goods wait for the money as well, each time longer, so that nobody is asked about it every minute."""
    with transaction():
        order = orders.locked_by_id(order_id)
        if order.status == "pending" and order.hold_is_over:
            _prolong(order)


def _prolong(order: Order) -> None:
    now = datetime.now(UTC)
    order.hold_expires_at = now + min(max((now - order.placed_at) / 4, SHORTEST_WAIT), LONGEST_WAIT)
    inventory.prolong(order.id, order.hold_expires_at)


def _is_over(order_id: int) -> bool:
    with transaction() as current:
        order = current.get(Order, order_id, populate_existing=True)
        return order is not None and order.status == "pending" and order.hold_is_over


def expire_unpaid() -> int:
    """Have every order looked at whose hold ran out unpaid; returns how many."""
    with transaction() as current:
        due = list(current.scalars(OVER))
        minute = int(datetime.now(UTC).timestamp()) // 60
        for order_id in due:
            outbox.send("checkout.expire_order", key=f"expire:{order_id}:{minute}", order_id=order_id)
        return len(due)


# An order that is looked at already, or again soon because its provider was away, is not asked after twice. The
# latest first: those that wait for money on its way, or for a person, must not keep the others from ending.
OVER = text("""
    SELECT o.id FROM orders o
    WHERE o.status = 'pending' AND o.hold_expires_at <= now() AND NOT EXISTS (
        SELECT 1 FROM outbox b
        WHERE b.topic = 'checkout.expire_order' AND (b.payload->>'order_id')::bigint = o.id
          AND b.done_at IS NULL AND b.dead_at IS NULL AND (b.due_at <= now() OR b.attempts > 0))
    ORDER BY o.hold_expires_at DESC LIMIT 500
""")
