"""What a variant costs at this moment. Every page, cart and order reads it here, so that none disagrees.

A sale is compared with the clock at read: it begins and ends at its moment, whether or not any job has run.
"""

from sqlalchemy import ColumnElement, and_, case, func, or_

from app.catalog.models import Variant

# SQL over a variant `v`.
IS_REDUCED = """(v.sale_minor IS NOT NULL
    AND (v.sale_starts_at IS NULL OR v.sale_starts_at <= now())
    AND (v.sale_ends_at IS NULL OR v.sale_ends_at > now()))"""

# Minor units to pay now.
NOW = f"CASE WHEN {IS_REDUCED} THEN v.sale_minor ELSE v.price_minor END"

# Minor units struck through beside it, or null: the price without the sale, or the higher one staff compare with.
WAS = f"CASE WHEN {IS_REDUCED} THEN greatest(v.compare_at_minor, v.price_minor) ELSE v.compare_at_minor END"

# The next moment at which NOW changes, or null.
CHANGES_AT = """least(
    CASE WHEN v.sale_minor IS NOT NULL AND v.sale_starts_at > now() THEN v.sale_starts_at END,
    CASE WHEN v.sale_minor IS NOT NULL AND v.sale_ends_at > now() THEN v.sale_ends_at END)"""


def _is_reduced() -> ColumnElement[bool]:
    return and_(
        Variant.sale_minor.is_not(None),
        or_(Variant.sale_starts_at.is_(None), Variant.sale_starts_at <= func.now()),
        or_(Variant.sale_ends_at.is_(None), Variant.sale_ends_at > func.now()),
    )


def now_expression() -> ColumnElement[int]:
    """NOW for statements over the model."""
    return case((_is_reduced(), Variant.sale_minor), else_=Variant.price_minor)


def was_expression() -> ColumnElement[int | None]:
    """WAS for statements over the model."""
    return case(
        (_is_reduced(), func.greatest(Variant.compare_at_minor, Variant.price_minor)), else_=Variant.compare_at_minor
    )
