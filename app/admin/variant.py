"""One variant at the staff desk: its sale, the quantities it is sold by, its supply; and what a product cost when."""

from typing import Any

from flask import Response, render_template, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.admin.variant_forms import sale_from, saved, supply_from, terms_from, typed
from app.catalog import services, staff_prices, staff_queries
from app.inventory.queries import stock_item
from app.inventory.supply import set_supply
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond

CARDS = ("sale", "terms", "supply")


@bp.get("/products/<slug>/variants/<sku>")
def variant(slug: str, sku: str) -> str:
    return render_template("admin/products/variant.html", **_context(slug, sku))


@bp.post("/products/<slug>/variants/<sku>/sale")
def plan_sale(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str]) -> None:
        services.plan_sale(variant_id, **sale_from(it), actor_id=current_user.id)

    return _save(slug, sku, "sale", save, "Sale saved." if request.form.get("sale", "").strip() else "Sale ended.")


@bp.post("/products/<slug>/variants/<sku>/terms")
def set_terms(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str]) -> None:
        services.set_terms(variant_id, **terms_from(it))

    return _save(slug, sku, "terms", save, "Saved.")


@bp.post("/products/<slug>/variants/<sku>/supply")
def change_supply(slug: str, sku: str) -> Response:
    def save(variant_id: int, it: dict[str, str]) -> None:
        set_supply(variant_id, **supply_from(it))

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
    try:
        save(found["variant"].id, it)
    except Invalid as error:
        found[card] = it
        found["errors"] = {card: {error.field or CARDS[0]: error.sentence}}
        return respond(fragment, page=page, status=422, **found)
    there = url_for(".variant", slug=slug, sku=sku)
    return respond(fragment, then=there, say=words, **_context(slug, sku))


def _context(slug: str, sku: str) -> dict[str, Any]:
    variant = staff_queries.variant_by_sku(slug, sku)
    if variant is None:
        raise NotFound("This variant no longer exists.")
    stock = stock_item(variant.id)
    cards = {card: saved(card, variant, stock) for card in CARDS}
    return {"variant": variant, "costs": staff_prices.costs_of(variant), "stock": stock, "errors": {}, **cards}
