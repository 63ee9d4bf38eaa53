"""Payments that failed: the letter with the link to pay, for whoever did not try again by themselves."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.lib import outbox
from app.lib.db import retrying, session, transaction
from app.lib.outbox import Outbox
from app.orders import services as orders
from app.orders.models import Order
from app.payments.queries import attempts_of, summarise

HOUR = timedelta(hours=1)


@retrying
def tell(order_id: int) -> None:
    """Have the shopper told that the order still waits to be paid: once an hour, and only while nothing is open."""
    with transaction():
        order = orders.locked_by_id(order_id)
        if not _needs_a_word(order) or _told_lately(order):
            return
        hour = _hour(datetime.now(UTC))
        outbox.send("orders.mail_payment_failed", key=_key(order, hour), order_id=order.id, hour=hour)


def _needs_a_word(order: Order) -> bool:
    money = summarise(order, attempts_of(order.id))
    is_idle = not any(attempt.is_open for attempt in money.attempts)
    return order.is_pending and is_idle and bool(money.balance) and money.state != "review"


def _told_lately(order: Order) -> bool:
    now = datetime.now(UTC)
    keys = [_key(order, _hour(moment)) for moment in (now, now - HOUR)]
    lately = select(func.count()).where(Outbox.key.in_(keys), Outbox.created_at > now - HOUR)
    return bool(session().scalar(lately))


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // 3600


def _key(order: Order, hour: int) -> str:
    return f"mail-payment-failed:{order.id}:{hour}"
