"""Which products stand together, at the staff desk: collections by rule, and what is pinned in a category."""

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request, url_for

from app.admin.blueprint import bp
from app.admin.content_desk import edit_page, save, show, there, version
from app.admin.content_forms import CollectionForm, plain_name
from app.catalog import pins as pinning
from app.catalog import staff_queries as catalogue
from app.catalog.models import Category
from app.content import services, staff_queries
from app.content.models import Collection
from app.lib.errors import Invalid
from app.lib.htmx import respond


@bp.get("/content/collections")
def collections() -> str:
    return show("collections", "admin.collections", rows=staff_queries.collections())


@bp.route("/content/collections/new", methods=["GET", "POST"])
def new_collection() -> Response:
    form = CollectionForm()
    form.offer()

    def again(**how: Any) -> Response:
        return edit_page(form, title="New collection", back=url_for(".collections"), can_preview=True, **how)

    if request.method == "GET":
        return again()
    if request.form.get("do") == "preview":
        return _preview(form, again)
    return save(form, lambda: services.create_collection(**form.values()), _collection, again)


@bp.route("/content/collections/<slug>", methods=["GET", "POST"])
def collection(slug: str) -> Response:
    """The button Preview sends `do=preview`: nothing is saved, what the rule finds is shown."""
    row = there(staff_queries.by_slug(Collection, slug))
    number = row.id
    form = CollectionForm(data=CollectionForm.saved(row))
    form.offer()

    def again(**how: Any) -> Response:
        shown = {"version": row.version, "row": row, "status_of": "collection", "can_preview": True, **how}
        return edit_page(form, title=row.name, back=url_for(".collections"), **shown)

    if request.method == "GET":
        return _preview(form, again)
    if request.form.get("do") == "preview":
        return _preview(form, again, version=version())
    return save(
        form,
        lambda: services.edit_collection(number, version(), **form.values()),
        _collection,
        again,
        saved_now=lambda: (row.version, CollectionForm.saved(row)),
    )


@bp.post("/content/collections/<slug>/delete")
def delete_collection(slug: str) -> Response:
    services.delete_collection(there(staff_queries.by_slug(Collection, slug)).id)
    return respond(then=url_for(".collections"), say="Deleted. Its address says that it is gone.")


def _preview(form: CollectionForm, again: Callable[..., Response], **how: Any) -> Response:
    try:
        rule = form.rule()
    except Invalid as error:
        form.refuse(error)
        return again(status=422, **how)
    return again(matches=staff_queries.matches(rule), **how)


def _collection(made: Any) -> str:
    return url_for(".collection", slug=made.slug)


@bp.get("/content/pins")
def pins() -> str:
    return show("pins", "admin.pins", categories=catalogue.categories(), counts=pinning.pin_counts())


@bp.get("/content/pins/<slug>")
def pinned(slug: str) -> Response:
    return _pinned(there(catalogue.category_by_slug(slug)))


@bp.post("/content/pins/<slug>")
def pin(slug: str) -> Response:
    category = there(catalogue.category_by_slug(slug))
    typed = request.form.get("product", "")
    try:
        pinning.pin(category.id, _product(typed))
    except Invalid as error:
        return _pinned(category, status=422, error=error.sentence, typed=typed)
    return respond(then=url_for(".pinned", slug=slug), say="It stands first now.")


@bp.post("/content/pins/<slug>/place")
def place_pin(slug: str) -> Response:
    """`product` is its slug; the buttons send `do`: up, down or remove."""
    category_id = there(catalogue.category_by_slug(slug)).id
    try:
        product_id = _product(request.form.get("product", ""))
    except Invalid as error:
        return _pinned(there(catalogue.category_by_slug(slug)), status=422, error=error.sentence)
    what = request.form.get("do", "")
    if what in ("up", "down"):
        pinning.move_pin(category_id, product_id, -1 if what == "up" else 1)
    elif what == "remove":
        pinning.unpin(category_id, product_id)
    return respond(then=url_for(".pinned", slug=slug), say="Removed." if what == "remove" else "Moved.")


def _product(typed: str) -> int:
    name = plain_name(typed)
    found = staff_queries.product_ids([name]).get(name) if name else None
    if found is None:
        raise Invalid("No product has this address or SKU.", "product")
    return found


def _pinned(category: Category, *, status: int = 200, **more: Any) -> Response:
    page = show("pinned", "admin.pins", category=category, rows=pinning.pinned_products(category.id), **more)
    return make_response(page, status)
