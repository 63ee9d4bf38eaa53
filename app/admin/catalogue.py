"""Categories and brands at the staff desk."""

from collections.abc import Mapping
from typing import Any

from flask import Response, render_template, request, url_for

from app.admin.blueprint import bp
from app.admin.content_desk import there
from app.catalog import services, staff_queries
from app.catalog.models import Brand, Category
from app.catalog.overtaken import Overtaken, mark_of
from app.catalog.shown import BrandFields, CategoryFields
from app.lib.errors import Invalid, NotFound, ShopError
from app.lib.htmx import respond

TOP = "Nothing: it stands at the top"


@bp.get("/categories")
def categories() -> str:
    return render_template("admin/products/categories.html", categories=staff_queries.categories())


@bp.post("/categories")
def create_category() -> Response:
    form = request.form
    try:
        made = services.create_category(
            form.get("name", ""),
            parent_id=_parent(form.get("parent", "")),
            description=form.get("description", ""),
        )
    except Invalid as error:
        return _categories(error, form.get("name", ""), form.get("parent", ""))
    return _categories_done(f"{made.name} added.")


@bp.get("/categories/<slug>")
def category(slug: str) -> str:
    return render_template("admin/products/category.html", **_category_page(_category(slug)))


@bp.post("/categories/<slug>")
def save_category(slug: str) -> Response:
    form, number = request.form, _shown() or _category(slug).id
    try:
        now = services.edit_category(
            number,
            name=form.get("name", ""),
            slug=form.get("slug", ""),
            parent_id=_parent(form.get("parent", "")),
            description=form.get("description", ""),
            position=_place(form.get("position", "")),
            seen=form.get("seen", ""),
        )
    except Invalid as error:
        context = _as_typed(_category_page(there(staff_queries.category_of(number))), form, error)
        return respond(
            "admin/products/_category.html", page="admin/products/category.html", status=error.status, **context
        )
    return respond(then=url_for(".category", slug=now.slug), say="Saved.")


@bp.post("/categories/<slug>/delete")
def delete_category(slug: str) -> Response:
    category = there(staff_queries.category_of(_shown() or _category(slug).id))
    name = category.name
    services.delete_category(category.id)
    return respond(then=url_for(".categories"), say=f"{name} deleted. Its address says that it is gone.")


def _category(slug: str) -> Category:
    category = staff_queries.category_by_slug(slug)
    if category is None:
        raise NotFound("This category no longer exists.")
    return category


def _category_page(category: Category) -> dict[str, Any]:
    slugs = {it.id: it.slug for it in staff_queries.categories()}
    saved = {
        "name": category.name,
        "slug": category.slug,
        "parent": slugs.get(category.parent_id or 0, ""),
        "description": category.description,
        "position": str(category.position),
    }
    others = [it for it in staff_queries.categories() if it.id != category.id]
    seen = mark_of(CategoryFields.of(category))
    return {"category": category, "typed": saved, "others": others, "error": None, "seen": seen, "top": TOP}


def _shown() -> int | None:
    """The id of the row that the form showed: its address may have become another one, or another row's."""
    typed = request.form.get("id", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None


def _as_typed(page: dict[str, Any], form: Mapping[str, str], error: Invalid) -> dict[str, Any]:
    """The page with what was typed. When somebody else saved meanwhile, saving once more replaces what they did."""
    refused = page | {"typed": form, "error": error}
    if not isinstance(error, Overtaken):
        return refused | {"seen": form.get("seen", "")}
    now_saved = {name: words for name, words in page["typed"].items() if name in error.differing}
    if "parent_id" in error.differing:
        names = {it.slug: it.name for it in page["others"]}
        now_saved["parent"] = names.get(page["typed"]["parent"], TOP)
    return refused | {"now_saved": now_saved}


def _place(typed: str) -> int:
    if not typed.isascii() or not typed.isdigit() or len(typed) > 9:
        raise Invalid("Enter a whole number: lower ones come first.", "position")
    return int(typed)


@bp.post("/categories/<slug>/parent")
def move_category(slug: str) -> Response:
    category = _category(slug)
    name, typed = category.name, request.form.get("parent", "")
    try:
        services.move_category(category.id, _parent(typed))
    except Invalid as error:
        return _categories(error, "", "", moving=slug, moving_to=typed)
    return _categories_done(f"{name} moved.")


def _parent(slug: str) -> int | None:
    if not slug:
        return None
    parent = staff_queries.category_by_slug(slug)
    if parent is None:
        raise Invalid("Choose a parent category that exists.", "parent")
    return parent.id


def _categories(error: Invalid, name: str, parent: str, moving: str = "", moving_to: str = "") -> Response:
    return respond(
        "admin/products/_categories.html",
        page="admin/products/categories.html",
        status=422,
        categories=staff_queries.categories(),
        error=error.sentence,
        error_field="parent" if error.field in ("parent", "parent_id") else error.field or "name",
        typed_name=name,
        typed_parent=parent,
        moving=moving,
        moving_to=moving_to,
    )


def _categories_done(words: str) -> Response:
    return respond(
        "admin/products/_categories.html",
        then=url_for(".categories"),
        say=words,
        categories=staff_queries.categories(),
    )


@bp.get("/brands")
def brands() -> str:
    return render_template("admin/products/brands.html", brands=staff_queries.brands())


@bp.post("/brands")
def create_brand() -> Response:
    name = request.form.get("name", "")
    try:
        made = services.create_brand(name, description=request.form.get("description", ""))
    except Invalid as error:
        return _brands(error, name)
    return _brands_done(f"{made.name} added.")


@bp.get("/brands/<slug>")
def brand(slug: str) -> str:
    return render_template("admin/products/brand.html", **_brand_page(_brand(slug)))


@bp.post("/brands/<slug>")
def save_brand(slug: str) -> Response:
    form, number = request.form, _shown() or _brand(slug).id
    try:
        now = services.edit_brand(
            number,
            name=form.get("name", ""),
            slug=form.get("slug", ""),
            description=form.get("description", ""),
            seen=form.get("seen", ""),
        )
    except Invalid as error:
        context = _as_typed(_brand_page(there(staff_queries.brand_of(number))), form, error)
        return respond("admin/products/_brand.html", page="admin/products/brand.html", status=error.status, **context)
    return respond(then=url_for(".brand", slug=now.slug), say="Saved.")


def _brand_page(brand: Brand) -> dict[str, Any]:
    saved = {"name": brand.name, "slug": brand.slug, "description": brand.description}
    return {"brand": brand, "typed": saved, "error": None, "seen": mark_of(BrandFields.of(brand))}


def _brand(slug: str) -> Brand:
    brand = staff_queries.brand_by_slug(slug)
    if brand is None:
        raise NotFound("This brand no longer exists.")
    return brand


@bp.post("/brands/<slug>/delete")
def delete_brand(slug: str) -> Response:
    brand = _brand(slug)
    name = brand.name
    services.delete_brand(brand.id)
    return _brands_done(f"{name} deleted.")


def _brands(error: ShopError, name: str) -> Response:
    return respond(
        "admin/products/_brands.html",
        page="admin/products/brands.html",
        status=error.status,
        brands=staff_queries.brands(),
        error=error.sentence,
        typed_name=name,
    )


def _brands_done(words: str) -> Response:
    return respond(
        "admin/products/_brands.html",
        then=url_for(".brands"),
        say=words,
        brands=staff_queries.brands(),
    )
