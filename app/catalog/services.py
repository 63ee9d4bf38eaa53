"""What staff do to the catalogue: products here; categories, brands, variants and pictures stand beside it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.catalog.addresses import rename, retire
from app.catalog.attributes import create_attribute, delete_attribute, edit_attribute, set_attributes
from app.catalog.departments import (
    create_brand,
    create_category,
    delete_brand,
    delete_category,
    edit_brand,
    edit_category,
    move_category,
)
from app.catalog.gallery import (
    add_image,
    delete_files,
    describe_image,
    files_of,
    move_image,
    remove_image,
    without_shared,
)
from app.catalog.models import Brand, Category, Product, Variant
from app.catalog.naming import name_of, tags_of, text_of, with_free_slug
from app.catalog.overtaken import Overtaken
from app.catalog.related import move_related, relate, unrelate
from app.catalog.selling import plan_sale, set_terms
from app.catalog.variants import OptionChoice, Seen, add_variant, edit_variant, remove_variant
from app.lib.db import session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound

__all__ = [
    "OptionChoice",
    "Overtaken",
    "Seen",
    "Stale",
    "add_image",
    "add_variant",
    "archive",
    "create_attribute",
    "create_brand",
    "create_category",
    "create_product",
    "delete_attribute",
    "delete_brand",
    "delete_category",
    "delete_product",
    "describe_image",
    "edit_attribute",
    "edit_brand",
    "edit_category",
    "edit_product",
    "edit_variant",
    "move_category",
    "move_image",
    "move_related",
    "plan_sale",
    "publish",
    "relate",
    "remove_image",
    "remove_variant",
    "set_attributes",
    "set_terms",
    "unpublish",
    "unrelate",
]


class Stale(NotAllowed):
    """Somebody else saved first."""

    title = "Changed in the meantime"

    def __init__(self, name: str):
        super().__init__(
            f"Somebody else changed “{name}” while this page was open. Nothing was overwritten: "
            "compare with what is saved now, then save again."
        )


def create_product(
    name: str,
    *,
    category_id: int,
    brand_id: int | None = None,
    description: str = "",
    details: Sequence[Mapping[str, Any]] = (),
    is_featured: bool = False,
    tags: Sequence[str] = (),
    slug: str = "",
) -> Product:
    """A draft with a slug of its own, made from `slug` or else from its name. Raises Invalid with the field."""
    values = _product_values(name, category_id, brand_id, description, details, is_featured, tags)
    with transaction() as current:
        wanted = slug.strip() or values["name"]
        return with_free_slug(current, Product, wanted, lambda free: Product(slug=free, status="draft", **values))


def edit_product(
    product_id: int,
    *,
    version: int,
    name: str,
    category_id: int,
    brand_id: int | None = None,
    description: str = "",
    details: Sequence[Mapping[str, Any]] = (),
    is_featured: bool = False,
    tags: Sequence[str] = (),
    slug: str = "",
) -> Product:
    """Save what staff typed over version `version`. Raises Stale if somebody saved since, Invalid, NotFound.

    The slug stays unless another one is typed; then links to the old one, which are out in the world, lead here.
    """
    values = _product_values(name, category_id, brand_id, description, details, is_featured, tags)
    with transaction() as current:
        product = _locked(current, product_id)
        if product.version != version:
            raise Stale(product.name)
        for field, value in values.items():
            if getattr(product, field) != value:
                setattr(product, field, value)
        rename(current, product, slug)
        _touch(current, product)
    return product


WHY_NOT_DELETE = text("""
    SELECT CASE
        WHEN EXISTS (SELECT FROM order_lines l WHERE l.variant_id = ANY(of.ids)) THEN 'It was sold, and orders keep it.'
        WHEN EXISTS (SELECT FROM stock_items s WHERE s.variant_id = ANY(of.ids) AND s.on_hand <> 0)
            THEN 'There is stock of it: take it off the shelf first.'
        WHEN EXISTS (SELECT FROM cart_lines l WHERE l.variant_id = ANY(of.ids)) THEN 'It lies in a cart.' END
    FROM (SELECT array_agg(id) AS ids FROM variants WHERE product_id = :id) of
""")


def delete_product(product_id: int) -> None:
    """Remove a product that was never sold and is not on sale; its addresses answer that it is gone.

    Raises NotAllowed with the reason, NotFound.
    """
    with transaction() as current:
        product = _locked(current, product_id)
        if product.status == "active":
            raise NotAllowed("Make it a draft or archive it first, so that nobody is buying it meanwhile.")
        reason = current.scalar(WHY_NOT_DELETE, {"id": product_id})
        if reason:
            raise NotAllowed(f"{reason} Archive it instead: shoppers no longer see it then.")
        files = files_of(product.images)
        retire(current, product)
        current.delete(product)
        unused = without_shared(current, files)
    delete_files(unused)


def publish(product_id: int, *, at: datetime | None = None) -> Product:
    """Put a product on sale now, or at a moment to come. Raises Invalid when no variant can be bought.

    A product that was on sale before keeps its first date, so that it does not become new again.
    """
    with transaction() as current:
        product = _locked(current, product_id)
        buyable = select(func.count()).where(Variant.product_id == product_id, Variant.is_active)
        if not current.scalar(buyable):
            raise Invalid("Add a variant with a price first: there is nothing to buy yet.", "status")
        now = datetime.now(UTC)
        was_on_sale = product.published_at is not None and product.published_at <= now
        product.status = "active"
        if at is not None or not was_on_sale:
            product.published_at = at or now
        _touch(current, product)
    return product


def unpublish(product_id: int) -> Product:
    """Make it a draft again: shoppers no longer see it, carts say so."""
    return _set_status(product_id, "draft")


def archive(product_id: int) -> Product:
    """Take it out of the shop for good; orders keep what they sold."""
    return _set_status(product_id, "archived")


def _set_status(product_id: int, status: str) -> Product:
    with transaction() as current:
        product = _locked(current, product_id)
        product.status = status
        _touch(current, product)
    return product


def _locked(current: Session, product_id: int) -> Product:
    product = current.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None:
        raise NotFound("This product no longer exists.")
    return product


def _touch(current: Session, product: Product) -> None:
    if current.is_modified(product):
        product.updated_at = datetime.now(UTC)


def _product_values(
    name: str,
    category_id: int,
    brand_id: int | None,
    description: str,
    details: Sequence[Mapping[str, Any]],
    is_featured: bool,
    tags: Sequence[str],
) -> dict[str, Any]:
    current = session()
    if current.get(Category, category_id) is None:
        raise Invalid("Choose a category that exists.", "category_id")
    if brand_id is not None and current.get(Brand, brand_id) is None:
        raise Invalid("Choose a brand that exists, or none.", "brand_id")
    return {
        "name": name_of(name),
        "category_id": category_id,
        "brand_id": brand_id,
        "description": text_of(description, "description"),
        "details": [{"title": str(it["title"]), "lines": [str(line) for line in it["lines"]]} for it in details],
        "is_featured": is_featured,
        "tags": tags_of(tags),
    }
