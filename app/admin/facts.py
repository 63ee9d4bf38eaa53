"""Attributes at the staff desk; and of a product its facts and what goes well with it."""

from typing import Any

from flask import Response, render_template, request, url_for

from app.admin.blueprint import bp
from app.admin.products import page_context
from app.catalog import services, staff_facts, staff_queries
from app.catalog.models import Product
from app.catalog.overtaken import Overtaken
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond

ATTRIBUTES = "admin/products/_attributes.html"
FACTS = "admin/products/_facts.html"
RELATED = "admin/products/_related.html"


@bp.get("/attributes")
def attributes() -> str:
    return render_template("admin/products/attributes.html", attributes=staff_facts.attributes(), wrong={}, typed={})


@bp.post("/attributes")
def create_attribute() -> Response:
    form = request.form
    try:
        made = services.create_attribute(form.get("name", ""), is_filterable=form.get("is_filterable") == "1")
    except Invalid as error:
        return _attributes("", error)
    return _attributes_done(f"{made.name} added.")


@bp.post("/attributes/<code>")
def save_attribute(code: str) -> Response:
    form, number = request.form, _attribute(code)
    try:
        place = form.get("position", "")
        if not place.isascii() or not place.isdigit() or len(place) > 9:
            raise Invalid("Enter a whole number: lower ones come first.", "position")
        services.edit_attribute(
            number,
            name=form.get("name", ""),
            is_filterable=form.get("is_filterable") == "1",
            position=int(place),
            seen=form.get("seen", ""),
        )
    except Invalid as error:
        return _attributes(code, error)
    return _attributes_done("Saved.")


@bp.post("/attributes/<code>/delete")
def delete_attribute(code: str) -> Response:
    services.delete_attribute(_attribute(code))
    return _attributes_done("Deleted.")


@bp.post("/products/<slug>/facts")
def save_facts(slug: str) -> Response:
    product = _product(slug)
    typed = {code.removeprefix("fact-"): value for code, value in request.form.items() if code.startswith("fact-")}
    try:
        services.set_attributes(product.id, {code: value.split(",") for code, value in typed.items()})
    except Invalid as error:
        wrong = {error.field or "": error.sentence}
        return _answer(FACTS, product, status=422, typed_facts=typed, wrong_facts=wrong)
    return _answer(FACTS, product, say="Saved.")


@bp.post("/products/<slug>/related")
def add_related(slug: str) -> Response:
    """`related` is a SKU or a part of a name; `id` one of the products that were offered for it."""
    product = _product(slug)
    typed, chosen = " ".join(request.form.get("related", "")[:100].split()), request.form.get("id", "")
    offered = staff_facts.find_related(product.id, typed) if typed else []
    exact = [it for it in offered if it.slug == chosen] if chosen else offered
    try:
        if not exact:
            raise Invalid("Nothing has this SKU or name. Type a part of the name.", "related")
        if len(exact) > 1:
            return _answer(RELATED, product, status=422, offered=offered, typed_related=typed)
        services.relate(product.id, exact[0].id)
    except Invalid as error:
        return _answer(RELATED, product, status=422, wrong_related=error.sentence, typed_related=typed)
    return _answer(RELATED, product, say=f"{exact[0].name} added.")


@bp.post("/products/<slug>/related/<other>")
def change_related(slug: str, other: str) -> Response:
    """One form for each; its buttons send `do`: up, down or remove."""
    product, related = _product(slug), _product(other)
    what = request.form.get("do", "")
    if what in ("up", "down"):
        services.move_related(product.id, related.id, -1 if what == "up" else 1)
        return _answer(RELATED, product, say="Moved.")
    services.unrelate(product.id, related.id)
    return _answer(RELATED, product, say=f"{related.name} taken out.")


def _answer(fragment: str, product: Product, *, status: int = 200, say: str | None = None, **more: Any) -> Response:
    there = url_for(".edit_product", slug=product.slug) if status < 400 else None
    context = page_context(product) | more
    return respond(fragment, page="admin/products/edit.html", then=there, status=status, say=say, **context)


def _product(slug: str) -> Product:
    product = staff_queries.product_by_slug(slug)
    if product is None:
        raise NotFound("There is no product at this address.")
    return product


def _attribute(code: str) -> int:
    number = staff_facts.attribute_id(code)
    if number is None:
        raise NotFound("This attribute no longer exists.")
    return number


def _attributes(code: str, error: Invalid) -> Response:
    return respond(
        ATTRIBUTES,
        page="admin/products/attributes.html",
        status=error.status,
        attributes=staff_facts.attributes(),
        wrong={code: error},
        typed=request.form,
        is_overtaken=isinstance(error, Overtaken),
    )


def _attributes_done(words: str) -> Response:
    return respond(
        ATTRIBUTES,
        then=url_for(".attributes"),
        say=words,
        attributes=staff_facts.attributes(),
        wrong={},
        typed={},
    )
