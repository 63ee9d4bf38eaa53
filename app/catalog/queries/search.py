"""Plain search: an exact SKU first, then words of name, brand, category, options and description."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import text

from app.catalog.queries.cards import Picture, picture
from app.catalog.queries.filters import Filters
from app.catalog.queries.fragments import CARD_COLUMNS, CARD_JOINS, ON_SALE
from app.catalog.queries.listing import Listing, Scope, listing
from app.catalog.queries.menu import MenuEntry, category_names
from app.lib.db import session
from app.lib.money import Money
from app.lib.paging import Page
from app.lib.slugs import slug_of

LONGEST = 100
MOST_WORDS = 8
WORD = re.compile(r"\w+", re.UNICODE)

# Every word may be the beginning of one, as typed or without accents; a slug is the name without accents.
FOUND = f"""
    shelf AS (
        SELECT leaf.id, string_agg(above.name, ' ') AS names
        FROM categories leaf JOIN categories above ON above.path @> leaf.path GROUP BY leaf.id
    ), asked AS (
        SELECT to_tsquery('english', :typed) || to_tsquery('english', :plain) AS words
    ), document AS (
        SELECT p.id, p.slug,
            setweight(to_tsvector('english', p.name || ' ' || replace(p.slug, '-', ' ')), 'A')
            || setweight(to_tsvector('english', coalesce(brands.name, '')), 'B')
            || setweight(to_tsvector('english', shelf.names || ' ' || coalesce(variety.names, '')), 'C')
            || setweight(to_tsvector('english', p.description), 'D') AS words,
            variety.skus
        FROM products p
        JOIN shelf ON shelf.id = p.category_id
        LEFT JOIN brands ON brands.id = p.brand_id
        LEFT JOIN LATERAL (
            SELECT string_agg(v.options_text, ' ') AS names, array_agg(upper(v.sku)) AS skus
            FROM variants v WHERE v.product_id = p.id AND v.is_active
        ) variety ON true
        WHERE {ON_SALE}
    ), found AS MATERIALIZED (
        SELECT document.id,
            CASE WHEN upper(:sku) = ANY(skus) THEN 10
                 ELSE ts_rank('{{0.05, 0.2, 0.5, 1}}', document.words, asked.words) END AS rank
        FROM document, asked
        WHERE document.words @@ asked.words OR upper(:sku) = ANY(skus)
           OR (length(:part) >= 3 AND document.slug LIKE '%' || :part || '%')
    )
"""  # noqa: S608


def search(q: str, filters: Filters, page: Page) -> Listing:
    """What matches the words and the filters, best first unless sorted otherwise. Two statements."""
    return listing(_scope(q), filters, page)


def _scope(q: str) -> Scope:
    return Scope(
        where="true",
        values=_values(q),
        before=f"{FOUND},",
        joins="JOIN found ON found.id = p.id",
        rank="max(found.rank)",
    )


def _values(q: str) -> dict[str, str]:
    """Parameters of FOUND; `part` is letters, digits and hyphens only, so LIKE needs no escaping."""
    typed = q[:LONGEST]
    plain = slug_of(typed) if WORD.search(typed) else ""
    return {
        "typed": _prefixes(WORD.findall(typed)),
        "plain": _prefixes(plain.split("-")),
        "part": plain,
        "sku": typed.strip(),
    }


def _prefixes(words: list[str]) -> str:
    """`'red':* & 'sho':*`; words are letters, digits and underscores, so quoting cannot be broken."""
    return " & ".join(f"'{word}':*" for word in words[:MOST_WORDS] if word)


class SuggestedProduct(NamedTuple):
    name: str
    url: str
    image: Picture | None
    price: Money
    category: str


@dataclass(frozen=True)
class Suggestions:
    """What a search box offers. `total` is how many products a search would find."""

    products: list[SuggestedProduct] = field(default_factory=list)
    categories: list["SuggestedCategory"] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True, slots=True)
class SuggestedCategory:
    name: str
    url: str
    count: int | None = None


SHORTEST = 2
PRODUCTS = 5
CATEGORIES = 4

SUGGEST = text(f"""
    WITH {FOUND}, best AS (
        SELECT id, rank, count(*) OVER () AS total FROM found ORDER BY rank DESC, id DESC LIMIT {PRODUCTS}
    )
    SELECT {CARD_COLUMNS}, c.name AS category, best.total
    FROM best JOIN products p ON p.id = best.id JOIN categories c ON c.id = p.category_id
    {CARD_JOINS}
    ORDER BY best.rank DESC, best.id DESC
""")  # noqa: S608


def suggest(q: str) -> Suggestions:
    """Products and categories for what has been typed so far; nothing under two characters. One statement."""
    typed = q.strip()[:LONGEST]
    if len(typed) < SHORTEST:
        return Suggestions()
    rows = session().execute(SUGGEST, _values(typed)).all()
    products = [
        SuggestedProduct(
            row.name,
            f"/p/{row.slug}",
            picture(row.key, row.widths, ""),
            Money(row.price_minor, row.currency),
            row.category,
        )
        for row in rows
    ]
    return Suggestions(products, _categories(typed), total=rows[0].total if rows else 0)


def _categories(typed: str) -> list[SuggestedCategory]:
    start = typed.casefold()

    def fits(entry: MenuEntry) -> bool:
        name = entry.name.casefold()
        return name.startswith(start) or f" {start}" in name

    matching = [entry for entry in category_names().values() if fits(entry)]
    return [SuggestedCategory(entry.name, entry.url) for entry in matching[:CATEGORIES]]
