"""One variant at the staff desk: its sale, the quantities it is sold by, its supply; and what a product cost when."""

from typing import Any

from flask import Response, render_template, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.admin.variant_forms import sale_from, saved, seen, supply_from, terms_from, typed
from app.catalog import services, staff_prices, staff_queries
from app.catalog.selling import Sale, Terms
from app.catalog.variants import Overtaken
from app.inventory.queries import stock_item
from app.inventory.supply import Supply, set_supply
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond

CARDS = ("sale", "terms", "supply")


@bp.get("/products/<slug>/variants/<sku>")
def variant(slug: str, sku: str) -> str:
    return render_template("admin/products/variant.html", **_context(slug, sku))


@bp.post("/products/<slug>/variants/<sku>/sale")
def plan_sale(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str], was: dict[str, str] | None) -> None:
        shown = Sale(**sale_from(was)) if was else None
        services.plan_sale(variant_id, **sale_from(it), actor_id=current_user.id, seen=shown)

    return _save(slug, sku, "sale", save, "Sale saved." if request.form.get("sale", "").strip() else "Sale ended.")


@bp.post("/products/<slug>/variants/<sku>/terms")
def set_terms(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str], was: dict[str, str] | None) -> None:
        services.set_terms(variant_id, **terms_from(it), seen=Terms(**terms_from(was)) if was else None)

    return _save(slug, sku, "terms", save, "Saved.")


@bp.post("/products/<slug>/variants/<sku>/supply")
def change_supply(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str], was: dict[str, str] | None) -> None:
        set_supply(variant_id, **supply_from(it), seen=Supply(**supply_from(was)) if was else None)

    return _save(slug, sku, "supply", save, "Saved.")


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
    try:
        save(found["variant"].id, it, was)
    except Invalid as error:
        # Saved again after somebody else's change, it replaces what is there now.
        shown = found[card]["seen"] if isinstance(error, Overtaken) else request.form.get("seen", "")
        found[card] = it | {"seen": shown}
        found["errors"] = {card: {error.field or CARDS[0]: error.sentence}}
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
