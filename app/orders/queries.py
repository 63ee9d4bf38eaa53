"""Orders as their owners see them."""

import hmac

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.lib.db import session
from app.orders.models import Order


def by_number(number: str) -> Order | None:
    """The order with its lines, for a page."""
    return session().scalar(
        select(Order).where(Order.number == number).options(selectinload(Order.lines), selectinload(Order.events))
    )


def by_id(order_id: int) -> Order:
    """The order; it is known to exist."""
    return session().get_one(Order, order_id)


def with_lines(order_id: int) -> Order:
    """The order with its lines, for a letter; it is known to exist."""
    return session().scalars(select(Order).where(Order.id == order_id).options(selectinload(Order.lines))).one()


def opens_with(order: Order, key: str | None) -> bool:
    """Whether the key is this order's; compared in constant time."""
    return bool(key) and hmac.compare_digest(order.key.encode(), (key or "").encode())


def is_number(text: str) -> bool:
    """Whether it looks like an order's number."""
    return text.isascii() and text.isalnum() and len(text) <= 20


def of_user(user_id: int, *, before: str | None = None, limit: int = 20) -> list[Order]:
    """A shopper's orders, newest first; `before` is the number to go on from."""
    statement = select(Order).where(Order.user_id == user_id).options(selectinload(Order.lines))
    if before is not None:
        start = select(Order.id).where(Order.number == before, Order.user_id == user_id).scalar_subquery()
        statement = statement.where(Order.id < start)
    return list(session().scalars(statement.order_by(Order.id.desc()).limit(limit)))
