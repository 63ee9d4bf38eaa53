"""Who may open an order: its owner, the browser that placed it, staff, or whoever has the link from the mail."""

from flask import request, session, url_for
from flask_login import current_user

from app.lib import runtime
from app.lib.errors import NotFound
from app.orders import queries
from app.orders.models import Order

REMEMBERED = "orders"
MOST = 20


def open_order(number: str) -> Order:
    """The order when this visitor may see it. Raises NotFound for a stranger's just as for none."""
    order = queries.by_number(number)
    if order is None or not _may_see(order):
        raise NotFound("There is no such order here. Use the link from your mail, or sign in.")
    return order


def _may_see(order: Order) -> bool:
    if current_user.is_authenticated and (current_user.is_staff or order.user_id == current_user.id):
        return True
    if queries.opens_with(order, request.values.get("key")):
        return True
    return order.user_id is None and order.number in session.get(REMEMBERED, [])


def remember(number: str) -> None:
    """This browser placed the order, so it may look at it again."""
    session[REMEMBERED] = [*[n for n in session.get(REMEMBERED, []) if n != number], number][-MOST:]


def url_of(order: Order, *, with_key: bool = False) -> str:
    return url_for("orders.show", number=order.number, key=order.key if with_key else None)


def mailed_url(order: Order) -> str:
    """The signed link for a letter, built from the configured address."""
    return f"{runtime.settings().shop_url}/orders/{order.number}?key={order.key}"
