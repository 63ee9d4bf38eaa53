"""Pins: the products staff put first in a category."""

from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.catalog.models import Category, CategoryPin, Product
from app.lib.db import session, transaction
from app.lib.errors import Invalid, NotFound

MOST_PINS = 24

STANDS_THERE = text("""
    SELECT EXISTS (
        SELECT FROM products p JOIN categories below ON below.id = p.category_id
        JOIN categories c ON below.path <@ c.path
        WHERE p.id = :product_id AND c.id = :category_id)
""")


def pin(category_id: int, product_id: int) -> None:
    """Put a product after those that are pinned already; pinned twice is pinned once.

    Raises Invalid for a product that does not stand in the category, or when there are too many.
    """
    with transaction() as current:
        pinned = _locked(current, category_id)
        if product_id in pinned:
            return
        if len(pinned) >= MOST_PINS:
            raise Invalid(f"At most {MOST_PINS} products stand first. Take one away before.", "product")
        if not current.scalar(STANDS_THERE, {"product_id": product_id, "category_id": category_id}):
            raise Invalid("This product stands neither in this category nor below it.", "product")
        _write(current, category_id, [*pinned, product_id])


def move_pin(category_id: int, product_id: int, by: int) -> None:
    """One place up (-1) or down (1); at an end it stays. Raises NotFound."""
    with transaction() as current:
        pinned = _locked(current, category_id)
        if product_id not in pinned:
            raise NotFound("This product is not pinned any more.")
        place = pinned.index(product_id)
        pinned.insert(max(0, min(len(pinned) - 1, place + by)), pinned.pop(place))
        _write(current, category_id, pinned)


def unpin(category_id: int, product_id: int) -> None:
    """Nothing happens when it is not pinned."""
    with transaction() as current:
        pinned = _locked(current, category_id)
        _write(current, category_id, [each for each in pinned if each != product_id])


def pinned_products(category_id: int) -> list[Product]:
    """In their order, on sale or not."""
    rows = select(Product).join(CategoryPin, CategoryPin.product_id == Product.id)
    return list(session().scalars(rows.where(CategoryPin.category_id == category_id).order_by(*ORDER)))


def pin_counts() -> dict[int, int]:
    """How many products are pinned, by category."""
    counts = select(CategoryPin.category_id, func.count().label("number")).group_by(CategoryPin.category_id)
    return {row.category_id: row.number for row in session().execute(counts)}


ORDER = (CategoryPin.position, CategoryPin.product_id)


def _locked(current: Session, category_id: int) -> list[int]:
    """The ids in order; whoever changes them takes turns."""
    if current.scalar(select(Category.id).where(Category.id == category_id).with_for_update()) is None:
        raise NotFound("This category no longer exists.")
    pins = select(CategoryPin.product_id).where(CategoryPin.category_id == category_id).order_by(*ORDER)
    return list(current.scalars(pins))


def _write(current: Session, category_id: int, product_ids: list[int]) -> None:
    current.execute(delete(CategoryPin).where(CategoryPin.category_id == category_id))
    rows: list[dict[str, Any]] = [
        {"category_id": category_id, "product_id": product_id, "position": position}
        for position, product_id in enumerate(product_ids)
    ]
    if rows:
        current.execute(insert(CategoryPin).values(rows))
