"""Categories and brands: made, renamed, moved and removed."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.catalog.addresses import rename, retire, slug_from
from app.catalog.models import Brand, Category, Product
from app.catalog.naming import name_of, text_of, with_free_slug
from app.catalog.overtaken import refuse_other_mark
from app.catalog.queries import forget_menu
from app.catalog.shown import BrandFields, CategoryFields
from app.lib.db import transaction
from app.lib.errors import Invalid, NotAllowed, NotFound

MOST_POSITION = 100_000

# Everybody who changes the tree takes turns, because a path is made from the paths above it.
LOCK_TREE = text("SELECT pg_advisory_xact_lock(hashtext('categories.path'))")

MOVE_SUBTREE = text("""
    UPDATE categories
    SET path = CAST(:above AS ltree) || subpath(path, nlevel(CAST(:was AS ltree)) - 1)
    WHERE path <@ CAST(:was AS ltree)
""")


def create_category(name: str, *, parent_id: int | None = None, description: str = "", position: int = 0) -> Category:
    """A new category with a slug of its own. Raises Invalid for an empty name or an unknown parent."""
    name, description = name_of(name), text_of(description, "description")
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

        category = with_free_slug(current, Category, name, make)
        category.path = f"{above}.{category.id}" if above else str(category.id)
    forget_menu()
    return category


def edit_category(
    category_id: int,
    *,
    name: str,
    slug: str,
    parent_id: int | None,
    description: str = "",
    position: int = 0,
    seen: str = "",
) -> Category:
    """Save a category, and move it with everything below it when the parent is another one.

    Its old address leads to the new one. `seen` is the mark of the CategoryFields that were shown. Raises Invalid with
    the field, NotFound, and Overtaken when somebody else saved other ones meanwhile.
    """
    name, description = name_of(name), text_of(description, "description")
    if not 0 <= position <= MOST_POSITION:
        raise Invalid(f"Enter a place from 0 to {MOST_POSITION}.", "position")
    with transaction() as current:
        current.execute(LOCK_TREE)
        category = _category(current, category_id)
        typed = CategoryFields(name, slug_from(category, slug), parent_id, description, position)
        refuse_other_mark(typed, seen, CategoryFields.of(category), "name")
        if parent_id != category.parent_id:
            _move(current, category, parent_id)
        category.name, category.description, category.position = name, description, position
        rename(current, category, slug)
    forget_menu()
    return category


def move_category(category_id: int, parent_id: int | None) -> None:
    """Put a category with everything below it somewhere else, or at the root with None.

    Raises Invalid when that place is the category itself or below it, NotFound for an unknown category.
    """
    with transaction() as current:
        current.execute(LOCK_TREE)
        _move(current, _category(current, category_id), parent_id)
    forget_menu()


def delete_category(category_id: int) -> None:
    """Remove a category in which nothing stands. Raises NotAllowed with the counts otherwise, NotFound."""
    with transaction() as current:
        current.execute(LOCK_TREE)
        category = _category(current, category_id)
        below = current.scalar(select(func.count()).where(Category.parent_id == category_id)) or 0
        if below:
            raise NotAllowed(
                f"{_many(below, 'category stands', 'categories stand')} below it. Move or delete them first."
            )
        inside = current.scalar(select(func.count()).where(Product.category_id == category_id)) or 0
        if inside:
            raise NotAllowed(
                f"{_many(inside, 'product stands', 'products stand')} in it. Give them another category first."
            )
        retire(current, category)
        current.delete(category)
    forget_menu()


def create_brand(name: str, *, description: str = "") -> Brand:
    """A new brand with a slug of its own. Raises Invalid for an empty name."""
    name, description = name_of(name), text_of(description, "description")
    with transaction() as current:
        return with_free_slug(current, Brand, name, lambda slug: Brand(name=name, slug=slug, description=description))


def edit_brand(brand_id: int, *, name: str, slug: str, description: str = "", seen: str = "") -> Brand:
    """Save a brand; its old address leads to the new one.

    `seen` is the mark of the BrandFields that were shown. Raises Invalid with the field, NotFound, and Overtaken when
    somebody else saved other ones meanwhile.
    """
    name, description = name_of(name), text_of(description, "description")
    with transaction() as current:
        brand = _brand(current, brand_id)
        typed = BrandFields(name, slug_from(brand, slug), description)
        refuse_other_mark(typed, seen, BrandFields.of(brand), "name")
        brand.name, brand.description = name, description
        rename(current, brand, slug)
    return brand


def delete_brand(brand_id: int) -> None:
    """Remove a brand that no product carries. Raises NotAllowed with the count otherwise."""
    with transaction() as current:
        brand = _brand(current, brand_id)
        count = current.scalar(select(func.count()).where(Product.brand_id == brand_id)) or 0
        if count:
            carriers = _many(count, "product carries", "products carry")
            raise NotAllowed(f"{carriers} the brand “{brand.name}”. Give them another brand first.")
        retire(current, brand)
        current.delete(brand)


def _many(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _category(current: Session, category_id: int) -> Category:
    category = current.get(Category, category_id, with_for_update=True, populate_existing=True)
    if category is None:
        raise NotFound("This category no longer exists.")
    return category


def _brand(current: Session, brand_id: int) -> Brand:
    brand = current.get(Brand, brand_id, with_for_update=True, populate_existing=True)
    if brand is None:
        raise NotFound("This brand no longer exists.")
    return brand


def _move(current: Session, category: Category, parent_id: int | None) -> None:
    above = _parent_path(current, parent_id)
    if above == category.path or above.startswith(f"{category.path}."):
        raise Invalid("A category cannot stand below itself. Choose another parent.", "parent_id")
    current.execute(MOVE_SUBTREE, {"above": above, "was": category.path})
    current.expire_all()
    category.parent_id = parent_id


def _parent_path(current: Session, parent_id: int | None) -> str:
    if parent_id is None:
        return ""
    path = current.scalar(select(Category.path).where(Category.id == parent_id))
    if path is None:
        raise Invalid("Choose a parent category that exists.", "parent_id")
    return path
