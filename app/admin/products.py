"""Products at the staff desk: the list, a product with its variants and pictures, and when it is on sale."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Response, render_template, request, url_for
from flask_login import current_user

from app.admin import catalogue as _catalogue  # noqa: F401
from app.admin.blueprint import bp
from app.admin.catalogue_forms import ProductForm, VariantForm, saved
from app.admin.variant_forms import moment_from
from app.catalog import services, staff_facts, staff_queries
from app.catalog.models import Product, Variant
from app.inventory.queries import available
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond, wants_fragment
from app.lib.paging import page_from
from app.lib.storage import NotKept

PAGE_SIZE = 25
NEW_OPTIONS = ("Colour", "Size")  # what the first variant of a product is asked for


@bp.get("/products")
def products() -> Response:
    q = " ".join(request.args.get("q", "")[:100].split())
    status = request.args.get("status", "")
    found = staff_queries.product_list(q, status, page_from(request.args.get("page"), PAGE_SIZE))
    return respond("admin/products/_list.html", page="admin/products/index.html", found=found, q=q, view=status)


@bp.get("/products/new")
def new_product() -> str:
    return render_template("admin/products/new.html", form=_form())


@bp.post("/products")
def create_product() -> Response:
    form = _form()
    if form.validate():
        try:
            product = services.create_product(**form.values())
        except Invalid as error:
            form.blame(error)
        else:
            there = url_for(".edit_product", slug=product.slug)
            return respond(then=there, say="Saved as a draft. Add variants and pictures, then publish.")
    return respond("admin/products/_new_form.html", page="admin/products/new.html", status=422, form=form)


@bp.get("/products/<slug>")
def edit_product(slug: str) -> Response:
    return _page(_product(slug), "admin/products/_form.html")


@bp.post("/products/<slug>")
def save_product(slug: str) -> Response:
    product = _product(slug)
    form = _form()
    if not form.validate():
        return _page(product, "admin/products/_form.html", status=422, form=form)
    version = _whole(request.form.get("version", ""))
    try:
        now = services.edit_product(product.id, version=version, **form.values()).slug
    except Invalid as error:
        form.blame(error)
        return _page(product, "admin/products/_form.html", status=422, form=form)
    except services.Stale as error:
        return _compare(_product(slug), form, error)
    if now != slug:
        return respond(then=url_for(".edit_product", slug=now), say="Saved. The old address leads to the new one.")
    return _done(slug, "admin/products/_form.html", "Saved.", also=["admin/products/_head.html"])


@bp.post("/products/<slug>/status")
def change_status(slug: str) -> Response:
    product = _product(slug)
    status = request.form.get("status", "")
    try:
        words = _set_status(product, status, request.form.get("published_at", ""))
    except Invalid as error:
        return _page(
            product,
            "admin/products/_status.html",
            status=422,
            status_error=error.sentence,
            typed_at=request.form.get("published_at", ""),
        )
    return _done(slug, "admin/products/_status.html", words, also=["admin/products/_head.html"])


def _set_status(product: Product, status: str, published_at: str) -> str:
    if status == "draft":
        services.unpublish(product.id)
        return "Taken out of the shop."
    if status == "archived":
        services.archive(product.id)
        return "Archived."
    if status == "active":
        at = moment_from(published_at, "published_at")
        services.publish(product.id, at=at)
        said = "Scheduled." if at and at > datetime.now(UTC) else "Published."
        is_described = all(image.alt for image in product.images)
        return said if is_described else f"{said} Some of its pictures have no description yet."
    raise Invalid("Choose what the product shall be: live, a draft or archived.", "status")


@bp.post("/products/<slug>/delete")
def delete_product(slug: str) -> Response:
    product = _product(slug)
    name = product.name
    services.delete_product(product.id)
    return respond(then=url_for(".products"), say=f"{name} deleted. Its address says that it is gone.")


@bp.post("/products/<slug>/variants")
def add_variant(slug: str) -> Response:
    product = _product(slug)
    form = VariantForm(request.form, _option_names(product) or NEW_OPTIONS)
    try:
        services.add_variant(product.id, **form.values(_image_ids(product)), actor_id=current_user.id)
    except Invalid as error:
        form.blame(error)
        return _page(_product(slug), "admin/products/_variants.html", status=422, new_variant=form)
    return _done(slug, "admin/products/_variants.html", "Variant added.")


@bp.post("/products/<slug>/variants/<sku>")
def edit_variant(slug: str, sku: str) -> Response:
    product = _product(slug)
    variant = _variant(product, sku)
    form, images = VariantForm(request.form, _option_names(product)), _image_ids(product)
    try:
        typed, seen = form.values(images), form.seen_values(images)
        services.edit_variant(variant.id, **typed, seen=seen, actor_id=current_user.id)
    except services.Overtaken as error:
        form.blame(error)
        form.seen = VariantForm.of(_variant(_product(slug), sku), _option_names(product)).seen
        return _page(_product(slug), "admin/products/_variants.html", status=409, rows={sku: form})
    except Invalid as error:
        form.blame(error)
        return _page(_product(slug), "admin/products/_variants.html", status=422, rows={sku: form})
    return _done(slug, "admin/products/_variants.html", "Variant saved.")


@bp.post("/products/<slug>/variants/<sku>/remove")
def remove_variant(slug: str, sku: str) -> Response:
    services.remove_variant(_variant(_product(slug), sku).id)
    return _done(slug, "admin/products/_variants.html", f"{sku} removed.")


@bp.post("/products/<slug>/images")
def add_image(slug: str) -> Response:
    product = _product(slug)
    upload = request.files.get("image")
    content = upload.read() if upload else b""
    alt = request.form.get("alt", "")
    try:
        if not content:
            raise Invalid("Choose a picture first.", "image")
        services.add_image(product.id, content, alt=alt)
    except (Invalid, NotKept) as error:
        field = error.field if isinstance(error, Invalid) else None
        context: dict[str, Any] = {"image_errors": {field or "image": error.sentence}, "typed_alt": alt}
        # htmx shows nothing of a 5xx, and this is the form again with its sentence.
        status = 422 if wants_fragment() else error.status
        return _page(_product(slug), "admin/products/_images.html", status=status, **context)
    return _done(slug, "admin/products/_images.html", "Picture added.", also=["admin/products/_variants.html"])


@bp.post("/products/<slug>/images/<uuid:image_id>")
def change_image(slug: str, image_id: uuid.UUID) -> Response:
    """One form for each picture; its buttons send `do`: left, right, remove or save."""
    product = _product(slug)
    if image_id not in {image.public_id for image in product.images}:
        raise NotFound("This picture no longer exists.")
    what = request.form.get("do", "save")
    if what in ("left", "right"):
        services.move_image(image_id, -1 if what == "left" else 1)
        words = "Moved."
    elif what == "remove":
        services.remove_image(image_id)
        words = "Picture removed."
    else:
        services.describe_image(image_id, request.form.get("alt", ""))
        words = "Description saved."
    return _done(slug, "admin/products/_images.html", words, also=["admin/products/_variants.html"])


def _form() -> ProductForm:
    return ProductForm().offer(staff_queries.categories(), staff_queries.brands())


def _product(slug: str) -> Product:
    product = staff_queries.product_by_slug(slug)
    if product is None:
        raise NotFound("There is no product at this address.")
    return product


def _variant(product: Product, sku: str) -> Variant:
    for variant in product.variants:
        if variant.sku == sku:
            return variant
    raise NotFound("This variant no longer exists.")


def _option_names(product: Product) -> list[str]:
    """The options its variants differ in, in their own order; empty before there are any."""
    options = {value.option for variant in product.variants for value in variant.values}
    return [option.name for option in sorted(options, key=lambda it: (it.position, it.id))]


def _image_ids(product: Product) -> dict[str, int]:
    return {str(image.public_id): image.id for image in product.images}


def _whole(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0


def _page(
    product: Product,
    fragment: str,
    *,
    status: int = 200,
    form: ProductForm | None = None,
    rows: dict[str, VariantForm] | None = None,
    **more: Any,
) -> Response:
    context = _context(product, form, rows or {}) | more
    return respond(fragment, page="admin/products/edit.html", status=status, **context)


def _done(slug: str, fragment: str, words: str, also: list[str] | None = None) -> Response:
    """What was just saved, read again."""
    there = url_for(".edit_product", slug=slug)
    context = _context(_product(slug), None, {})
    return respond(fragment, then=there, also=also or [], say=words, **context)


def page_context(product: Product) -> dict[str, Any]:
    """What admin/products/edit.html wants, with everything as it is saved."""
    return _context(product, None, {})


def _context(product: Product, form: ProductForm | None, rows: dict[str, VariantForm]) -> dict[str, Any]:
    options = _option_names(product)
    forms = {variant.sku: rows.get(variant.sku) or VariantForm.of(variant, options) for variant in product.variants}
    return {
        "product": product,
        "form": form or _form().fill(product),
        "version": product.version,
        "options": options,
        "rows": forms,
        "stock": available(variant.id for variant in product.variants),
        "new_variant": VariantForm({"is_active": "1"}, options or NEW_OPTIONS),
        "now": datetime.now(UTC),
        "facts": staff_facts.facts_of(product.id),
        "chosen": staff_facts.related_to(product.id),
    }


def _compare(product: Product, form: ProductForm, error: services.Stale) -> Response:
    """409: what was typed stays; what is saved by now stands below each field that differs."""
    now_saved = {
        name: value for name, value in saved(product).items() if form[name].data != value and name != "is_featured"
    }
    for name in ("category_id", "brand_id"):
        if name in now_saved:
            now_saved[name] = dict(form[name].choices).get(now_saved[name], "")
    return _page(product, "admin/products/_form.html", status=409, form=form, stale=error.sentence, now_saved=now_saved)
