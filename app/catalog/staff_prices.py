"""Prices as staff see them: what a variant costs now and when that changes, and what it did cost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select, text

from app.catalog.models import Product, Variant
from app.catalog.price_history import Period, Set, lowest_before, periods
from app.catalog.prices import CHANGES_AT, NOW, WAS
from app.lib.db import session
from app.lib.money import Money


class Costs(NamedTuple):
    """What is to be paid now, what is struck through beside it, and the moment at which that changes by itself."""

    now: Money
    was: Money | None
    changes_at: datetime | None


COSTS = text(f"SELECT {NOW} AS now, {WAS} AS was, {CHANGES_AT} AS changes_at FROM variants v WHERE v.id = :id")  # noqa: S608


def costs_of(variant: Variant) -> Costs:
    row = session().execute(COSTS, {"id": variant.id}).one()
    was = None if row.was is None else Money(row.was, variant.currency)
    return Costs(Money(row.now, variant.currency), was, row.changes_at)


class Span(NamedTuple):
    """A price and the time it was in force; `until` is none while it is."""

    price: Money
    since: datetime
    until: datetime | None


class Change(NamedTuple):
    """What somebody set, and who it was; the shop itself when it was nobody."""

    at: datetime
    price: Money
    sale: Money | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    actor: str


@dataclass(frozen=True)
class VariantHistory:
    """Newest first. `lowest_before` is the lowest price of the 30 days before the present one began."""

    sku: str
    words: str
    spans: list[Span]
    changes: list[Change]
    lowest_before: Money | None


@dataclass(frozen=True)
class ProductHistory:
    name: str
    variants: list[VariantHistory]


SHOWN = 50  # changes of a variant

EVENTS = text("""
    SELECT v.id AS variant_id, v.sku, v.options_text, e.created_at, e.now_minor, e.sale_minor, e.sale_starts_at,
        e.sale_ends_at, e.currency, u.name AS actor
    FROM variants v
    JOIN LATERAL (
        SELECT * FROM price_events WHERE variant_id = v.id ORDER BY id DESC LIMIT :most
    ) e ON true
    LEFT JOIN users u ON u.id = e.actor_id
    WHERE v.product_id = :product_id ORDER BY v.position, v.id, e.id
""")


def price_history(slug: str) -> ProductHistory | None:
    """Every price of a product's variants, worked out from their events and the clock; None for an unknown product."""
    product = (
        session()
        .execute(select(Product.id, Product.name, Product.published_at).where(Product.slug == slug))
        .one_or_none()
    )
    if product is None:
        return None
    by_variant: dict[int, list[Row[Any]]] = {}
    for row in session().execute(EVENTS, {"product_id": product.id, "most": SHOWN}):
        by_variant.setdefault(row.variant_id, []).append(row)
    now = session().scalar(select(func.now())) or datetime.now(UTC)
    return ProductHistory(product.name, [_history(rows, now, product.published_at) for rows in by_variant.values()])


def _history(rows: list[Row[Any]], now: datetime, on_sale_since: datetime | None) -> VariantHistory:
    currency = rows[0].currency
    sets = [Set(row.created_at, row.now_minor, row.sale_minor, row.sale_starts_at, row.sale_ends_at) for row in rows]
    lowest = lowest_before(periods(sets, now, on_sale_since))
    return VariantHistory(
        sku=rows[0].sku,
        words=rows[0].options_text,
        spans=[_span(period, currency) for period in reversed(periods(sets, now))],
        changes=[_change(row) for row in reversed(rows)],
        lowest_before=None if lowest is None else Money(lowest, currency),
    )


def _span(period: Period, currency: str) -> Span:
    return Span(Money(period.minor, currency), period.since, period.until)


def _change(row: Row[Any]) -> Change:
    return Change(
        at=row.created_at,
        price=Money(row.now_minor, row.currency),
        sale=None if row.sale_minor is None else Money(row.sale_minor, row.currency),
        sale_starts_at=row.sale_starts_at,
        sale_ends_at=row.sale_ends_at,
        actor=row.actor or "The shop",
    )
