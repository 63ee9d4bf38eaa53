"""The cart: a page, a drawer, and its lines."""

import uuid
from typing import Any

from flask import Blueprint, Response, g, request, url_for

from app import faults, shipping
from app.cart import queries, services, visitor
from app.cart.forms import AddLineForm, QuantityForm
from app.cart.queries import CartView
from app.lib.errors import Busy, Invalid, NotFound, ShopError, TooMany
from app.lib.htmx import local_path, respond, wants_fragment

bp = Blueprint("cart", __name__)


@bp.before_request
def is_private() -> None:
    g.is_private = True


@bp.record_once
def listen(state: Any) -> None:
    visitor.init_app(state.app)


@bp.get("/cart")
def show() -> Response:
    return respond("cart/_cart.html", page="cart/show.html", **_context(visitor.show()))


@bp.get("/cart/drawer")
def drawer() -> Response:
    return respond("cart/_drawer.html", page="cart/show.html", also=["cart/_badge.html"], **_context(visitor.show()))


@bp.get("/cart/badge")
def badge() -> Response:
    """The number alone: a page that Back brought from the browser's memory asks for it once."""
    return respond("cart/_badge.html", page="cart/show.html", **_context(visitor.show()))


@bp.post("/cart/lines")
def add_line() -> Response:
    form = AddLineForm()
    if not form.validate():
        raise Invalid(form.quantity.errors[0] if form.quantity.errors else "Choose what to add.", "quantity")
    whose = visitor.whose()
    added = services.add_line(whose, form.sku.data or "", form.quantity.number)
    visitor.remember(added.token, added.quantity)
    if "buy_now" in request.form:
        return respond(then=url_for("checkout.show"))
    if not wants_fragment():
        back = local_path(request.form.get("next"), url_for(".show"))
        return respond(then=back, say=f"Added {added.name} to your cart.")
    on_page = "page" in request.args
    return respond(
        "cart/_cart.html" if on_page else "cart/_drawer.html",
        also=["cart/_badge.html"],
        trigger=None if on_page else {"cart:added": {}},
        say=f"Added {added.name}",
        cart_quantity=added.quantity,
        **_context(_after(added.token)),
    )


@bp.post("/cart/lines/<uuid:line_id>")
def set_quantity(line_id: uuid.UUID) -> Response:
    if "remove" in request.form:
        return remove(line_id)
    form = QuantityForm()
    whose = visitor.whose()
    problem = ""
    if not form.validate():
        problem = str(form.quantity.errors[0])
    else:
        try:
            services.set_quantity(whose, line_id, form.quantity.number)
        except NotFound:
            raise
        except ShopError as error:
            problem = error.sentence
    return _lines(problem=problem, problem_line=line_id, typed=form.quantity.data)


@bp.post("/cart/lines/<uuid:line_id>/remove")
def remove(line_id: uuid.UUID) -> Response:
    sku, quantity = services.remove_line(visitor.whose(), line_id)
    place: dict[str, Any] = {"drawer": ""} if "drawer" in request.args else {"page": ""}
    undo = {
        "action": url_for(".add_line", **place),
        "values": {"sku": sku, "quantity": quantity},
        "target": "#cart-drawer-body" if "drawer" in place else "#cart",
        "swap": "innerHTML" if "drawer" in place else "outerHTML",
    }
    toast = {"toast": {"text": "Removed from your cart", "undo": undo}} if sku else None
    return _lines(trigger=toast, say=None if wants_fragment() else "Removed from your cart.")


def _lines(
    *,
    problem: str = "",
    problem_line: uuid.UUID | None = None,
    typed: str | None = None,
    trigger: dict[str, Any] | None = None,
    say: str | None = None,
) -> Response:
    """The cart after a change, for its page or for the drawer."""
    cart = visitor.show()
    visitor.remember(visitor.whose().token, cart.quantity)
    in_drawer = "drawer" in request.args
    return respond(
        "cart/_drawer.html" if in_drawer else "cart/_cart.html",
        page="cart/show.html",
        then=None if problem else url_for(".show"),
        status=422 if problem else 200,
        also=["cart/_badge.html"],
        trigger=trigger,
        say=say,
        cart_quantity=cart.quantity,
        problem=problem,
        problem_line=problem_line,
        typed=typed,
        **_context(cart),
    )


def _after(token: str) -> CartView:
    return queries.view(queries.Whose(token, visitor.whose().user_id))


def _context(cart: CartView) -> dict[str, Any]:
    return {"cart": cart, "free_from": shipping.free_from()}


@bp.errorhandler(ShopError)
def _refused(error: ShopError) -> Response:
    """What could not be done is said above the cart; with htmx it goes where all notices go."""
    if wants_fragment() or isinstance(error, (TooMany, Busy)):
        return faults.shop_error(error)
    return respond(page="cart/show.html", status=error.status, refusal=error.sentence, **_context(visitor.show()))
