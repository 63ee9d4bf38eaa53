"""Addresses that stay good: a row that is renamed leaves its old one behind, a row that is gone says so."""

from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.models import Brand, Category, FormerSlug, Product
from app.lib.db import violated
from app.lib.errors import Invalid
from app.lib.slugs import slug_of

Kind = Literal["product", "category", "brand"]
Row = Product | Category | Brand
# Taken by pages of the staff desk, which stand beside those of products.
RESERVED = {"new", "bulk", "csv"}
KINDS: dict[type[Row], Kind] = {Product: "product", Category: "category", Brand: "brand"}


def rename(current: Session, row: Row, typed: str) -> None:
    """Give a row another slug; its old one leads to it from now on. Raises Invalid for one that another row has.

    An address that was somebody else's once may be taken: it stops leading there.
    """
    slug = slug_from(row, typed)
    if slug == row.slug:
        return
    kind, was = KINDS[type(row)], row.slug
    if kind == "product" and slug in RESERVED:
        raise Invalid(f"The shop itself uses “{slug}”. Choose another address.", "slug")
    row.slug = slug
    try:
        with current.begin_nested():
            current.flush()
    except IntegrityError as error:
        if violated(error) != f"uq_{row.__tablename__}_slug":
            raise
        raise Invalid(f"Another {kind} has the address “{slug}”. Choose another one.", "slug") from None
    current.execute(delete(FormerSlug).where(FormerSlug.kind == kind, FormerSlug.slug == slug))
    _remember(current, kind, was, row.id)


def slug_from(row: Row, typed: str) -> str:
    """The slug somebody means who typed this; nothing typed leaves the one there is."""
    return slug_of(typed) if typed.strip() else row.slug


def retire(current: Session, row: Row) -> None:
    """The row is about to be deleted: all addresses it ever had answer that it is gone."""
    kind = KINDS[type(row)]
    mine = (FormerSlug.kind == kind, FormerSlug.row_id == row.id)
    current.execute(update(FormerSlug).where(*mine).values(row_id=None))
    _remember(current, kind, row.slug, None)


def not_free(current: Session, model: type[Row], base: str) -> set[str]:
    """Slugs made from this one that the shop uses, or that lead to a row that is still there.

    A new row does not take them by itself.
    """
    alike = (FormerSlug.slug == base) | FormerSlug.slug.regexp_match(f"^{base}-[0-9]+$")
    known = select(FormerSlug.slug).where(FormerSlug.kind == KINDS[model], FormerSlug.row_id.is_not(None), alike)
    return set(current.scalars(known)) | (RESERVED if model is Product else set())


def _remember(current: Session, kind: Kind, slug: str, row_id: int | None) -> None:
    row = insert(FormerSlug).values(kind=kind, slug=slug, row_id=row_id)
    current.execute(row.on_conflict_do_update(index_elements=["kind", "slug"], set_={"row_id": row_id}))
