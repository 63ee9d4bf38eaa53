"""What staff do to the catalogue: categories, brands, products; variants and pictures stand beside it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.gallery import add_image, describe_image, move_image, remove_image
from app.catalog.models import Brand, Category, Product, Variant
from app.catalog.queries import forget_menu
from app.catalog.variants import OptionChoice, add_variant, edit_variant, remove_variant
from app.lib.db import session, transaction, violated
from app.lib.errors import Busy, Invalid, NotAllowed, NotFound
from app.lib.slugs import free_slug, slug_of

__all__ = [
    "OptionChoice",
    "Stale",
    "add_image",
    "add_variant",
    "archive",
    "create_brand",
    "create_category",
    "create_product",
    "delete_brand",
    "describe_image",
    "edit_product",
    "edit_variant",
    "move_category",
    "move_image",
    "publish",
    "remove_image",
    "remove_variant",
    "unpublish",
]

LONGEST_NAME = 200
LONGEST_TEXT = 20_000
M = TypeVar("M", Category, Brand, Product)


class Stale(NotAllowed):
    """Somebody else saved first."""

    title = "Changed in the meantime"

    def __init__(self, name: str):
        super().__init__(
            f"Somebody else changed “{name}” while this page was open. Nothing was overwritten: "
            "compare with what is saved now, then save again."
        )


# Everybody who changes the tree takes turns, because a path is made from the paths above it.
LOCK_TREE = text("SELECT pg_advisory_xact_lock(hashtext('categories.path'))")

MOVE_SUBTREE = text("""
    UPDATE categories
    SET path = CAST(:above AS ltree) || subpath(path, nlevel(CAST(:was AS ltree)) - 1)
    WHERE path <@ CAST(:was AS ltree)
""")


def create_category(name: str, *, parent_id: int | None = None, description: str = "", position: int = 0) -> Category:
    """A new category with a slug of its own. Raises Invalid for an empty name or an unknown parent."""
    name, description = _name(name), _text(description, "description")
    with transaction() as current:
        current.execute(LOCK_TREE)
        above = _parent_path(current, parent_id)

        def make(slug: str) -> Category:
            return Category(
                name=name,
                slug=slug,
                parent_id=parent_id,
                path=above,
                description=description,
                position=position,
            )

        category = _with_free_slug(current, Category, name, make)
        category.path = f"{above}.{category.id}" if above else str(category.id)
    forget_menu()
    return category


def move_category(category_id: int, parent_id: int | None) -> None:
    """Put a category with everything below it somewhere else, or at the root with None.

    Raises Invalid when that place is the category itself or below it, NotFound for an unknown category.
    """
    with transaction() as current:
        current.execute(LOCK_TREE)
        category = current.get(Category, category_id)
        if category is None:
            raise NotFound("This category no longer exists.")
        above = _parent_path(current, parent_id)
        if above == category.path or above.startswith(f"{category.path}."):
            raise Invalid("A category cannot stand below itself. Choose another parent.", "parent_id")
        current.execute(MOVE_SUBTREE, {"above": above, "was": category.path})
        current.expire_all()
        category.parent_id = parent_id
    forget_menu()


def create_brand(name: str, *, description: str = "") -> Brand:
    """A new brand with a slug of its own. Raises Invalid for an empty name."""
    name, description = _name(name), _text(description, "description")
    with transaction() as current:
        return _with_free_slug(current, Brand, name, lambda slug: Brand(name=name, slug=slug, description=description))


def delete_brand(brand_id: int) -> None:
    """Remove a brand that no product carries. Raises NotAllowed with the count otherwise."""
    with transaction() as current:
        brand = current.get(Brand, brand_id, with_for_update=True)
        if brand is None:
            raise NotFound("This brand no longer exists.")
        count = current.scalar(select(func.count()).where(Product.brand_id == brand_id)) or 0
        if count:
            carriers = "1 product carries" if count == 1 else f"{count} products carry"
            raise NotAllowed(f"{carriers} the brand “{brand.name}”. Give them another brand first.")
        current.delete(brand)


def create_product(
    name: str,
    *,
    category_id: int,
    brand_id: int | None = None,
    description: str = "",
    details: Sequence[Mapping[str, Any]] = (),
    is_featured: bool = False,
) -> Product:
    """A draft with a slug of its own. Raises Invalid, naming the field, for values that cannot be used."""
    values = _product_values(name, category_id, brand_id, description, details, is_featured)
    with transaction() as current:
        return _with_free_slug(
            current, Product, values["name"], lambda slug: Product(slug=slug, status="draft", **values)
        )


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
) -> Product:
    """Save what staff typed over version `version`. Raises Stale if somebody saved since, Invalid, NotFound.

    The slug stays, because links to it are out in the world.
    """
    values = _product_values(name, category_id, brand_id, description, details, is_featured)
    with transaction() as current:
        product = _locked(current, product_id)
        if product.version != version:
            raise Stale(product.name)
        for field, value in values.items():
            if getattr(product, field) != value:
                setattr(product, field, value)
        _touch(current, product)
    return product


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
) -> dict[str, Any]:
    current = session()
    if current.get(Category, category_id) is None:
        raise Invalid("Choose a category that exists.", "category_id")
    if brand_id is not None and current.get(Brand, brand_id) is None:
        raise Invalid("Choose a brand that exists, or none.", "brand_id")
    return {
        "name": _name(name),
        "category_id": category_id,
        "brand_id": brand_id,
        "description": _text(description, "description"),
        "details": [{"title": str(it["title"]), "lines": [str(line) for line in it["lines"]]} for it in details],
        "is_featured": is_featured,
    }


def _name(typed: str) -> str:
    name = " ".join(typed.split())
    if not name:
        raise Invalid("Give it a name.", "name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"The name is longer than {LONGEST_NAME} characters. Shorten it.", "name")
    return name


def _text(typed: str, field: str) -> str:
    kept = typed.replace("\r\n", "\n").strip()
    if len(kept) > LONGEST_TEXT:
        raise Invalid(f"The text is longer than {LONGEST_TEXT:,} characters. Shorten it.", field)
    return kept


def _parent_path(current: Session, parent_id: int | None) -> str:
    if parent_id is None:
        return ""
    path = current.scalar(select(Category.path).where(Category.id == parent_id))
    if path is None:
        raise Invalid("Choose a parent category that exists.", "parent_id")
    return path


TRIES = 100


def _with_free_slug(current: Session, model: type[M], name: str, make: Callable[[str], M]) -> M:
    """Insert with the first free slug. When two want one at once, the unique key says who retries."""
    base = slug_of(name)
    for _ in range(TRIES):
        alike = select(model.slug).where((model.slug == base) | model.slug.regexp_match(f"^{base}-[0-9]+$"))
        taken = set(current.scalars(alike))
        row = make(free_slug(name, taken.__contains__))
        try:
            with current.begin_nested():
                current.add(row)
                current.flush()
            return row
        except IntegrityError as error:
            if violated(error) != f"uq_{model.__tablename__}_slug":
                raise
    raise Busy()
