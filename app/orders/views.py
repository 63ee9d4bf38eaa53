"""An order, as whoever bought it sees it."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_login import current_user

from app.auth.current import signed_in, signed_in_signal
from app.auth.models import User
from app.cart import visitor
from app.checkout import services as checkout
from app.inventory.services import NotEnoughStock
from app.invoices.queries import papers_of
from app.lib import ratelimit
from app.lib.errors import Invalid, NotAllowed, TooMany
from app.lib.htmx import respond
from app.lib.http_headers import allow_forms_to
from app.lib.ratelimit import Limit
from app.orders import access, queries, services
from app.orders.models import Order
from app.orders.progress import steps
from app.orders.services import Actor
from app.orders.waiting import Wait, wait_for
from app.payments.queries import PaymentSummary, summary
from app.payments.registry import all_providers, away, offered
from app.payments.services import PaymentNotStarted
from app.payments.shopper import ask_now, masked
from app.payments.visitor import payer

bp = Blueprint("orders", __name__)

# Each start opens a page at a provider, where stolen cards may be tried, and holds the stock for longer.
PAYING = Limit("pay", most=10, seconds=60)
ASKING = Limit("ask", most=10, seconds=60)
UNHEARD = "{} has not told us yet whether the request reached your phone. If it appears, answer it there."
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
    """What the page asks for while it waits; with the end of the payment comes everything that speaks of it."""
    return _page(access.open_order(number), fragment="orders/_status.html", at_the_end=SPEAK_OF_PAYMENT)


@bp.post("/orders/<number>/payments")
def pay(number: str) -> Response:
    ratelimit.hit(PAYING, ratelimit.network_of(request.remote_addr or ""))
    order = access.open_order(number)
    here = access.url_of(order, with_key="key" in request.values)
    who = payer(request.form.get("payer_phone", "")[:40])
    try:
        return respond(then=checkout.start_payment(number, request.form.get("provider", ""), who) or here)
    except NotEnoughStock:
        sentence = "Something in this order was sold while it waited. Change the order to see what is left."
        return _page(access.open_order(number), problem=sentence, status_code=409)
    except Invalid as error:
        return _page(access.open_order(number), phone_error=error.sentence, status_code=422)
    except (PaymentNotStarted, NotAllowed, TooMany) as error:
        answer = _page(access.open_order(number), problem=error.sentence, status_code=error.status)
        answer.headers.update(error.headers())
        return answer


@bp.post("/orders/<number>/payments/check")
def check(number: str) -> Response:
    """The shopper says that it is paid: the provider is asked at once."""
    ratelimit.hit(ASKING, ratelimit.network_of(request.remote_addr or ""))
    order = access.open_order(number)
    here = access.url_of(order, with_key="key" in request.values)
    last = summary(order).last
    if last is None or not last.is_open:
        return respond(then=here)
    return respond(then=here, say=ask_now(last.reference))


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
    phone_error: str = "",
    status_code: int = 200,
) -> Response:
    context = _context(order, summary(order))
    for provider in context["ways_to_pay"]:
        allow_forms_to(provider.form_action_origins)
    return respond(
        fragment,
        page="orders/show.html",
        status=status_code,
        also=() if context["wait"] else at_the_end,
        problem=problem,
        phone_error=phone_error,
        **context,
    )


def _context(order: Order, money: PaymentSummary) -> dict[str, Any]:
    can_be_paid = order.awaits_money and bool(money.balance)
    wait, last = _wait(order, money), money.last
    ways = offered(money.balance, order.country) if can_be_paid else []
    if last and wait and wait.place in ("phone", "later"):
        ways = [way for way in ways if way.name != last.provider]
    if order.is_due_at_the_door:
        ways = [way for way in ways if not way.pays_later]
    names = [way.name for way in ways]
    chosen = request.form.get("provider") or (last.provider if last else "")
    return {
        "order": order,
        "money": money,
        "steps": steps(order, money.state),
        "papers": papers_of(order.id) if order.paid_at else [],
        "ways_to_pay": ways,
        "away": away(money.balance, order.country) if can_be_paid else [],
        "chosen": chosen if chosen in names else next(iter(names), ""),
        "payer_phone": request.form.get("payer_phone") or (last and last.payer_phone) or order.phone,
        "key": request.values.get("key") if queries.opens_with(order, request.values.get("key")) else None,
        "wait": wait,
        "again": _again(order, money, names),
    }


def _wait(order: Order, money: PaymentSummary) -> Wait | None:
    """What an open attempt asks of the shopper, or brings by itself; None when there is nothing to wait for."""
    last = money.last
    if last is None or not last.is_open or not order.awaits_money or money.is_final:
        return None
    provider = all_providers().get(last.provider)
    place, message = "page", last.next_message
    if provider is not None and provider.needs_phone:
        place, message = "phone", message or UNHEARD.format(provider.title)
    elif provider is not None and not provider.calls_out:
        place = "later"
    return wait_for(place, message, last.created_at, _count(request.args.get("asked", "")))


def _count(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else 0


def _again(order: Order, money: PaymentSummary, names: list[str]) -> dict[str, str]:
    """What to send for one more request to the same telephone, when the last one has ended; else nothing."""
    last = money.last
    if last is None or last.is_open or money.state != "failed" or last.provider not in names:
        return {}
    phone = last.payer_phone or order.phone
    if not phone or not all_providers()[last.provider].needs_phone:
        return {}
    return {"provider": last.provider, "payer_phone": phone, "masked": masked(phone)}
