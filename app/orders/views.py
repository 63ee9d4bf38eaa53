"""An order, as whoever bought it sees it."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_login import current_user

from app.auth.current import signed_in, signed_in_signal
from app.auth.models import User
from app.cart import visitor
from app.checkout import services as checkout
from app.inventory.services import NotEnoughStock
from app.lib import ratelimit
from app.lib.errors import NotAllowed
from app.lib.htmx import respond
from app.lib.http_headers import allow_forms_to
from app.lib.ratelimit import Limit
from app.orders import access, queries, services
from app.orders.models import Order
from app.orders.progress import steps
from app.orders.services import Actor
from app.payments.queries import PaymentSummary, summary
from app.payments.registry import offered
from app.payments.services import PaymentNotStarted

bp = Blueprint("orders", __name__)

# Each start opens a page at a provider, where stolen cards may be tried, and holds the stock for longer.
PAYING = Limit("pay", most=10, seconds=60)
SPEAK_OF_PAYMENT = ("orders/_headline.html", "orders/_pay.html", "orders/_figures.html")


@bp.before_request
def is_private() -> None:
    g.is_private = True


@bp.record_once
def listen(_state: Any) -> None:
    signed_in_signal.connect(_claim, weak=False)


def _claim(_sender: object, user: User) -> None:
    """Orders that this shopper placed as a guest, after the address was proved, are theirs as well."""
    services.claim(user.id)


@bp.get("/account/orders")
@signed_in
def index() -> Response:
    before = request.args.get("before", "")
    rows = queries.of_user(current_user.id, before=before if queries.is_number(before) else None)
    return respond("orders/_list.html", page="orders/index.html", orders=rows)


@bp.get("/orders/<number>")
def show(number: str) -> Response:
    return _page(access.open_order(number))


@bp.get("/orders/<number>/status")
def status(number: str) -> Response:
    """What the page asks for every second; with the end of the payment comes everything that speaks of it."""
    return _page(access.open_order(number), fragment="orders/_status.html", at_the_end=SPEAK_OF_PAYMENT)


@bp.post("/orders/<number>/payments")
def pay(number: str) -> Response:
    ratelimit.hit(PAYING, ratelimit.network_of(request.remote_addr or ""))
    order = access.open_order(number)
    try:
        return respond(then=checkout.start_payment(order.number, request.form.get("provider", "")))
    except NotEnoughStock:
        sentence = "Something in this order was sold while it waited. Change the order to see what is left."
        return _page(access.open_order(number), problem=sentence, status_code=409)
    except (PaymentNotStarted, NotAllowed) as error:
        return _page(access.open_order(number), problem=error.sentence, status_code=error.status)


@bp.post("/orders/<number>/cancel")
def cancel(number: str) -> Response:
    order = access.open_order(number)
    here = access.url_of(order, with_key="key" in request.values)
    try:
        checkout.cancel(order.number, actor=_actor(), reason="Cancelled by the shopper", by_shopper=True)
    except NotAllowed as error:
        return _page(access.open_order(number), problem=error.sentence, status_code=409)
    return respond(then=here, say=f"Order {number} is cancelled.")


@bp.post("/orders/<number>/change")
def change(number: str) -> Response:
    """Back into the cart, to change something: the unpaid order is cancelled, its lines are kept."""
    order = access.open_order(number)
    try:
        added = checkout.take_back(order.number, visitor.whose(), actor=_actor())
    except NotAllowed as error:
        return _page(access.open_order(number), problem=error.sentence, status_code=409)
    visitor.remember(added.token, added.quantity)
    return respond(then=url_for("cart.show"), say="The order is back in your cart. Change it, then check out again.")


def _actor() -> Actor:
    return Actor.of(current_user if current_user.is_authenticated else None)


def _page(
    order: Order,
    *,
    fragment: str = "orders/_order.html",
    at_the_end: tuple[str, ...] = (),
    problem: str = "",
    status_code: int = 200,
) -> Response:
    money = summary(order)
    context = _context(order, money)
    for provider in _ways(order):
        allow_forms_to(provider.form_action_origins)
    return respond(
        fragment,
        page="orders/show.html",
        status=status_code,
        also=() if context["is_waiting"] else at_the_end,
        problem=problem,
        **context,
    )


def _context(order: Order, money: PaymentSummary) -> dict[str, Any]:
    return {
        "order": order,
        "money": money,
        "steps": steps(order, money.state),
        "ways_to_pay": _ways(order),
        "key": request.values.get("key") if queries.opens_with(order, request.values.get("key")) else None,
        "is_waiting": order.is_pending and money.state == "pending" and _is_trying(money),
    }


def _is_trying(money: PaymentSummary) -> bool:
    """Whether an open attempt may still bring news, so that the page should keep asking."""
    return money.last is not None and money.last.is_open


def _ways(order: Order) -> list[Any]:
    return list(offered(order.total, order.country)) if order.is_pending else []
