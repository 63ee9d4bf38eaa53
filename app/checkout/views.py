"""Checkout: one page, one form, one POST."""

from typing import Any

from flask import Blueprint, Response, g, redirect, request, url_for
from flask_login import current_user

from app.cart import visitor
from app.cart.queries import CartView
from app.checkout import addresses, services
from app.checkout.forms import CheckoutForm
from app.inventory.services import NotEnoughStock
from app.lib import ratelimit, runtime
from app.lib.errors import Busy, ShopError, TooMany
from app.lib.htmx import respond
from app.lib.http_headers import allow_forms_to
from app.lib.ratelimit import Limit
from app.lib.tokens import random_key
from app.orders import access
from app.orders.services import Actor
from app.payments.providers.base import Provider
from app.payments.registry import all_providers, away, offered
from app.payments.visitor import payer

bp = Blueprint("checkout", __name__)

PLACING = Limit("checkout", most=10, seconds=60)
FIELDS = ("email", "name", "line1", "line2", "city", "region", "postcode", "country", "phone")


@bp.before_request
def is_private() -> None:
    g.is_private = True


@bp.get("/checkout")
def show() -> Response:
    cart = visitor.show()
    if not cart.lines:
        waiting = services.awaiting_payment(visitor.whose())
        if waiting is not None:
            return redirect(access.url_of(waiting), 303)  # type: ignore[return-value]
        return respond(then=url_for("cart.show"), say="Your cart is empty. Put something in first.")
    if not cart.can_check_out:
        return respond(then=url_for("cart.show"), say="Something in your cart cannot be bought as it stands.")
    form = CheckoutForm(data=_known())
    return respond("checkout/_form.html", page="checkout/show.html", **_context(form, cart))


@bp.post("/checkout/address")
def address() -> Response:
    """The same form for another country: its fields, its delivery methods, its total."""
    form = CheckoutForm()
    return respond("checkout/_form.html", page="checkout/show.html", **_context(form, visitor.show()))


@bp.post("/checkout/totals")
def totals() -> Response:
    """Another delivery method: the summary, the ways to pay that much, and the button that repeats the total."""
    form = CheckoutForm()
    context = _context(form, visitor.show())
    also = ["checkout/_pay.html", "checkout/_summary_phone.html"]
    if request.form.get("ways", "") != context["ways"]:
        also.append("checkout/_payment.html")  # else what is being chosen or typed there would be lost
    return respond("checkout/_summary.html", page="checkout/show.html", also=also, **context)


@bp.post("/checkout")
def place() -> Response:
    form = CheckoutForm()
    try:
        ratelimit.hit(PLACING, ratelimit.network_of(request.remote_addr or ""))
    except TooMany as error:
        return _refused(form, error)
    whose = visitor.whose()
    actor = Actor.of(current_user if current_user.is_authenticated else None)
    cart = visitor.show()
    ways = _ways_to_pay(cart, form)
    form.costs_something = ways is not None
    if not form.validate():
        return _again(form, 422)
    chosen = next((way for way in ways or () if way.name == form.provider.data), None)
    if ways is not None and chosen is None:
        form.provider.errors = ["This way to pay is not offered for this order. Choose another one."]
        return _again(form, 422)
    if cart.lines and chosen is not None and not form.has_phone_for(chosen):
        return _again(form, 422)
    try:
        number, _ = services.place_order(
            whose,
            form.wishes(),
            key=form.idempotency_key.data or random_key(),
            actor=actor,
            reviewed=form.reviewed.data or None,
        )
    except services.CartIsEmpty:
        return respond(then=url_for("cart.show"), say="Your cart is empty. Put something in first.")
    except (NotEnoughStock, services.CartNeedsLook) as error:
        return respond(then=url_for("cart.show"), say=error.sentence)
    except services.SummaryChanged as error:
        return _changed(form, error)
    except Busy:
        raise
    except ShopError as error:
        return _refused(form, error)
    visitor.remember(whose.token, 0)
    access.remember(number)
    return _pay(number, chosen, form.number_to_charge)


def _pay(number: str, provider: Provider | None, phone: str) -> Response:
    """On to the provider, or to the page of the order, which says how to pay and offers other ways."""
    page = url_for("orders.show", number=number)
    if provider is None:
        return respond(then=page)
    try:
        return respond(then=services.start_payment(number, provider.name, payer(phone)) or page)
    except Busy:
        raise
    except ShopError as error:
        return respond(then=page, say=error.sentence)


def _changed(form: CheckoutForm, error: ShopError) -> Response:
    """The new prices beside the old ones; having been shown, they count as seen."""
    answer = _refused(form, error)
    services.accept_prices(visitor.whose())
    return answer


def _refused(form: CheckoutForm, error: ShopError) -> Response:
    """The sentence above the form, which keeps what was typed, also for whoever has to wait before the next try."""
    answer = _again(form, error.status, error.sentence)
    answer.headers.update(error.headers())
    return answer


def _again(form: CheckoutForm, status: int, problem: str = "") -> Response:
    """The form as it was typed, with today's summary: pressing the button again accepts what it shows."""
    context = _context(form, visitor.show())
    return respond("checkout/_form.html", page="checkout/show.html", status=status, problem=problem, **context)


def _context(form: CheckoutForm, cart: CartView) -> dict[str, Any]:
    settings = runtime.settings()
    country = form.country.data if form.country.data in settings.ship_to else settings.ship_to[0]
    form.country.data = country
    summary = services.summarise_cart(cart, country, form.shipping_method.data)
    form.shipping_method.data = summary.quote.method.code if summary.quote else ""
    form.idempotency_key.data = form.idempotency_key.data or random_key()
    ways = offered(summary.totals.total, country)
    for provider in ways:
        allow_forms_to(provider.form_action_origins)
    if summary.totals.total and form.provider.data not in {provider.name for provider in ways}:
        form.provider.data = ways[0].name if ways else ""
    return {
        "form": form,
        "cart": cart,
        "summary": summary,
        "rules": addresses.rules_for(country),
        "countries": addresses.countries(settings.locale),
        "ways_to_pay": ways,
        "ways": " ".join(provider.name for provider in ways) if summary.totals.total else "none",
        "away": away(summary.totals.total, country),
    }


def _ways_to_pay(cart: CartView, form: CheckoutForm) -> list[Provider] | None:
    """None when there is nothing to pay. An empty cart may have become an order a moment ago."""
    if not cart.lines:
        return list(all_providers().values()) if form.provider.data else None
    country = form.country.data or ""
    summary = services.summarise_cart(cart, country, form.shipping_method.data)
    return offered(summary.totals.total, country) if summary.totals.total else None


def _known() -> dict[str, str]:
    """What we know of a signed-in shopper, so that it need not be typed again."""
    if not current_user.is_authenticated:
        return {}
    last = services.last_recipient(current_user.id)
    known = {name: getattr(last, name) for name in FIELDS} if last else {"name": current_user.name}
    return {**known, "email": current_user.email}
