"""A listing: how many match, what else could be chosen, and one page of cards. Two statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import text

from app.catalog.queries.cards import CardView, card
from app.catalog.queries.filters import Filters, conditions
from app.catalog.queries.fragments import AVAILABLE, CARD_COLUMNS, CARD_JOINS, ON_SALE, STOCK
from app.catalog.queries.rules import Rule, matching
from app.lib.db import session
from app.lib.paging import Page


@dataclass(frozen=True)
class Scope:
    """Which products a listing is about: SQL over `p`, `b` and `c`, with the parameters it names.

    `parent_id` is the category whose children are offered as a filter; none offers the roots. `before` holds
    common table expressions; `rank` is what "relevance" sorts by.
    """

    where: str = "true"
    values: dict[str, Any] = field(default_factory=dict)
    parent_id: int | None = None
    has_brands: bool = True
    before: str = ""
    joins: str = ""
    rank: str = "0"

    @staticmethod
    def of_category(category_id: int, path: str) -> "Scope":
        """A category with everything below it."""
        return Scope("c.path <@ CAST(:path AS ltree)", {"path": path}, parent_id=category_id)

    @staticmethod
    def of_brand(brand_id: int) -> "Scope":
        return Scope("p.brand_id = :brand_id", {"brand_id": brand_id}, has_brands=False)

    @staticmethod
    def of_rule(rule: Rule) -> "Scope":
        """What fits a rule, whatever category it stands in."""
        return Scope(*matching(rule))


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value that could be chosen, and how many products it would show under the other filters."""

    value: str
    words: str
    count: int
    colour: str
    is_chosen: bool

    @property
    def is_empty(self) -> bool:
        return self.count == 0


class Facet(NamedTuple):
    """One kind of filter. Styles: list, sizes, swatches."""

    name: str
    title: str
    style: str
    values: list[FacetValue]
    is_open: bool


@dataclass(frozen=True)
class Listing:
    """One page of what matches. `price_from` and `price_to` are minor units, none when nothing is there."""

    cards: list[CardView]
    total: int
    page: Page
    facets: list[Facet]
    price_from: int | None
    price_to: int | None


def listing(scope: Scope, filters: Filters, page: Page) -> Listing:
    """What matches, on sale only. A page beyond the last one is the first one."""
    found = _counts(scope, filters)
    if page.offset >= found.total:
        page = Page(1, page.size)
    shown = _page(scope, filters, page) if found.total else []
    has_more = page.offset + len(shown) < found.total
    return Listing(
        cards=shown,
        total=found.total,
        page=Page(page.number, page.size, has_more),
        facets=_facets(found.values, scope, filters),
        price_from=found.price_from,
        price_to=found.price_to,
    )


SOURCES = f"""
    FROM products p
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN brands b ON b.id = p.brand_id
    JOIN variants v ON v.product_id = p.id AND v.is_active
    {STOCK}
"""


class _Counts(NamedTuple):
    total: int
    price_from: int | None
    price_to: int | None
    values: dict[str, list[Any]]


def _counts(scope: Scope, filters: Filters) -> _Counts:
    """Exact counts of every value. A value of a kind is counted under the filters of the other kinds only."""
    chosen = conditions(filters)
    if filters.in_stock:
        chosen["stock"] = f"{AVAILABLE} > 0"
    fits = {kind: f"fits_{kind}" for kind in chosen}
    flags = "".join(f", ({sql}) AS {fits[kind]}" for kind, sql in chosen.items())

    def but(*kinds: str) -> str:
        return " AND ".join(name for kind, name in fits.items() if kind not in kinds) or "true"

    statement = text(f"""
        WITH {scope.before} offers AS MATERIALIZED (
            SELECT p.id AS product_id, p.brand_id, c.path, v.id AS variant_id, v.price_minor {flags}
            {SOURCES} {scope.joins}
            WHERE {ON_SALE} AND {scope.where}
        )
        SELECT 'total' AS kind, '' AS value, '' AS words, '' AS colour, count(DISTINCT product_id) AS number,
               min(price_minor) AS price_from, max(price_minor) AS price_to, 0 AS place
        FROM offers WHERE {but()}
        UNION ALL
        SELECT 'price', '', '', '', 0, min(price_minor), max(price_minor), 0 FROM offers WHERE {but("price")}
        UNION ALL
        SELECT 'category', k.slug, k.name, '', count(DISTINCT product_id) FILTER (WHERE {but("category")}),
               NULL, NULL, k.position
        FROM offers JOIN categories k ON k.path @> offers.path AND k.parent_id IS NOT DISTINCT FROM :parent_id
        GROUP BY k.id
        UNION ALL
        SELECT 'brand', k.slug, k.name, '', count(DISTINCT product_id) FILTER (WHERE {but("brand")}),
               NULL, NULL, 0
        FROM offers JOIN brands k ON k.id = offers.brand_id
        GROUP BY k.id
        UNION ALL
        SELECT o.code, value.code, value.name, value.swatch,
               count(DISTINCT product_id) FILTER (
                   WHERE CASE o.code WHEN 'size' THEN {but("size")} ELSE {but("colour")} END),
               NULL, NULL, value.position
        FROM offers
        JOIN variant_values USING (variant_id)
        JOIN option_values value ON value.id = variant_values.option_value_id
        JOIN options o ON o.id = value.option_id AND o.code IN ('size', 'colour')
        GROUP BY o.id, value.id
        ORDER BY kind, place, words
    """)  # noqa: S608
    values = {**filters.values(), **scope.values, "parent_id": scope.parent_id}
    total, price_from, price_to = 0, None, None
    by_kind: dict[str, list[Any]] = {}
    for row in session().execute(statement, _named(statement, values)):
        if row.kind == "total":
            total = row.number
        elif row.kind == "price":
            price_from, price_to = row.price_from, row.price_to
        else:
            by_kind.setdefault(row.kind, []).append(row)
    return _Counts(total, price_from, price_to, by_kind)


TITLES = {
    "category": ("Category", "list"),
    "size": ("Size", "sizes"),
    "colour": ("Colour", "swatches"),
    "brand": ("Brand", "list"),
}


def _facets(rows: dict[str, list[Any]], scope: Scope, filters: Filters) -> list[Facet]:
    facets = []
    for kind, (title, style) in TITLES.items():
        if kind == "brand" and not scope.has_brands:
            continue
        chosen = {value.lower() for value in getattr(filters, kind)}
        values = [
            FacetValue(row.value, row.words, row.number, row.colour, _is_chosen(row, chosen))
            for row in rows.get(kind, ())
        ]
        if values:
            facets.append(Facet(kind, title, style, values, is_open=kind != "brand" or bool(chosen)))
    return facets


def _is_chosen(row: Any, chosen: set[str]) -> bool:
    """Options answer to their code and to their name; categories and brands to their slug."""
    by_name = row.kind in ("size", "colour") and row.words.lower() in chosen
    return by_name or row.value.lower() in chosen


ORDER = {
    "relevance": "rank DESC, published_at DESC, id DESC",
    "featured": "is_featured DESC, published_at DESC, id DESC",
    "newest": "published_at DESC, id DESC",
    "price": "price_minor, id",
    "-price": "price_minor DESC, id DESC",
    "best": "sold DESC, published_at DESC, id DESC",
}

# Units that left the shelf for good. Only "best sellers" asks, so only it pays for the sum.
SOLD = """
    coalesce((
        SELECT -sum(m.on_hand_change) FROM stock_movements m JOIN variants s ON s.id = m.variant_id
        WHERE s.product_id = p.id AND m.reason = 'sale'), 0)
"""


def _page(scope: Scope, filters: Filters, page: Page) -> list[CardView]:
    chosen = list(conditions(filters).values())
    if filters.in_stock:
        chosen.append(f"{AVAILABLE} > 0")
    where = " AND ".join([ON_SALE, scope.where, *(f"({sql})" for sql in chosen)])
    order = ORDER[filters.sort]
    statement = text(f"""
        WITH {scope.before} matching AS MATERIALIZED (
            SELECT p.id, p.is_featured, p.published_at, min(v.price_minor) AS price_minor,
                   {scope.rank} AS rank, {SOLD if filters.sort == "best" else "0"} AS sold
            {SOURCES} {scope.joins}
            WHERE {where}
            GROUP BY p.id
            ORDER BY {order} LIMIT :limit OFFSET :offset
        ), placed AS (
            SELECT id, row_number() OVER (ORDER BY {order}) AS place FROM matching
        )
        SELECT {CARD_COLUMNS}
        FROM placed JOIN products p USING (id)
        {CARD_JOINS}
        ORDER BY placed.place
    """)  # noqa: S608
    values = {**filters.values(), **scope.values, "limit": page.size, "offset": page.offset}
    return [card(row) for row in session().execute(statement, _named(statement, values))]


def _named(statement: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Only the parameters this statement names."""
    names: Sequence[str] = statement.compile().params.keys()
    return {name: values[name] for name in names}
