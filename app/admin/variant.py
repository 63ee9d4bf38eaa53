"""One variant at the staff desk: its sale, the quantities it is sold by, its supply; and what a product cost when."""

from functools import partial
from typing import Any

from flask import Response, render_template, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.admin.variant_forms import sale_from, saved, seen, supply_from, terms_from, typed
from app.catalog import services, staff_prices, staff_queries
from app.catalog.overtaken import Overtaken
from app.catalog.selling import Sale, Terms
from app.inventory.queries import stock_item
from app.inventory.supply import Supply, set_supply
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond

# How each card of the page is read, and what of it a form has shown.
CARDS = {"sale": (sale_from, Sale), "terms": (terms_from, Terms), "supply": (supply_from, Supply)}


@bp.get("/products/<slug>/variants/<sku>")
def variant(slug: str, sku: str) -> str:
    return render_template("admin/products/variant.html", **_context(slug, sku))


@bp.post("/products/<slug>/variants/<sku>/sale")
def plan_sale(slug: str, sku: str) -> Response:
    save = partial(services.plan_sale, actor_id=current_user.id)
    return _save(slug, sku, "sale", save, "Sale saved." if request.form.get("sale", "").strip() else "Sale ended.")


@bp.post("/products/<slug>/variants/<sku>/terms")
def set_terms(slug: str, sku: str) -> Response:
    return _save(slug, sku, "terms", services.set_terms, "Saved.")


@bp.post("/products/<slug>/variants/<sku>/supply")
def change_supply(slug: str, sku: str) -> Response:
    return _save(slug, sku, "supply", set_supply, "Saved.")


@bp.get("/products/<slug>/prices")
def prices(slug: str) -> str:
    found = staff_prices.price_history(slug)
    if found is None:
        raise NotFound("There is no product at this address.")
    return render_template("admin/products/prices.html", found=found, slug=slug)


def _save(slug: str, sku: str, card: str, save: Any, words: str) -> Response:
    """Save one card of the page and show it again, with its sentences when it was refused."""
    fragment, page = f"admin/products/_{card}.html", "admin/products/variant.html"
    it = typed(card, request.form)
    found = _context(slug, sku)
    was = seen(card, request.form)
    read, shape = CARDS[card]
    try:
        save(found["variant"].id, **read(it), seen=shape(**read(was)) if was else None)
    except Invalid as error:
        # Saved again after somebody else's change, it replaces what is there now.
        shown = found[card]["seen"] if isinstance(error, Overtaken) else request.form.get("seen", "")
        found[card] = it | {"seen": shown}
        found["errors"] = {card: {error.field or "sale": error.sentence}}
        return respond(fragment, page=page, status=error.status, **found)
    there = url_for(".variant", slug=slug, sku=sku)
    return respond(fragment, then=there, say=words, **_context(slug, sku))


def _context(slug: str, sku: str) -> dict[str, Any]:
    variant = staff_queries.variant_by_sku(slug, sku)
    if variant is None:
        raise NotFound("This variant no longer exists.")
    stock = stock_item(variant.id)
    cards = {card: saved(card, variant, stock) for card in CARDS}
    return {"variant": variant, "costs": staff_prices.costs_of(variant), "stock": stock, "errors": {}, **cards}
