"""Search and suggestions: an exact SKU or barcode first, then words, then what was probably meant."""

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.catalog import prices
from app.catalog.queries.cards import Picture, picture_of
from app.catalog.queries.filters import Filters
from app.catalog.queries.fragments import for_sale
from app.catalog.queries.listing import Listing, Scope, listing
from app.catalog.queries.menu import category_url
from app.catalog.search import find, misses, pieces, spelling
from app.catalog.search.pieces import Words
from app.lib import prepared
from app.lib.money import Money
from app.lib.paging import Page

LONGEST = 100
MOST_WORDS = 8
WORD = re.compile(r"[^\W_]+", re.UNICODE)


def search(q: str, filters: Filters, page: Page, *, is_exact: bool = False) -> Listing:
    """What matches the words and the filters, best first unless sorted otherwise. One statement, or two.

    When nothing does, what was probably meant is searched instead, unless `is_exact`; `corrected` says so.
    """
    words = _words(q, is_exact)
    if not words.words:
        return Listing([], 0, Page(1, page.size), [], None, None)
    found = listing(Scope(), filters, page, words=words)
    if found.total or found.cards:
        return found
    better = None if is_exact else spelling.corrected(words.words)
    if filters.are_none and page.number == 1:
        misses.note(q)
    if better is None:
        return found
    instead = " ".join(better)
    return replace(listing(Scope(), filters, page, words=_words(instead)), corrected=instead)


def _words(q: str, is_exact: bool = False) -> Words:
    typed = " ".join(q[:LONGEST].split())
    return Words(typed, tuple(WORD.findall(typed.lower())[:MOST_WORDS]), is_exact)


class SuggestedProduct(NamedTuple):
    name: str
    url: str
    image: Picture | None
    price: Money
    category: str


@dataclass(frozen=True)
class Suggestions:
    """What a search box offers. `total` is how many products a search would find, 0 when nobody counted."""

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
QUERIES = 4
WALKED = 2_000  # best sellers looked through first
FETCHED = 300  # matches ranked when those are not enough

SUGGEST = f"""
    WITH asked AS MATERIALIZED (SELECT search_query(:words, false) AS words), walked AS MATERIALIZED (
        SELECT d.product_id, d.sold AS rank FROM (
            SELECT * FROM search_documents d WHERE d.in_stock ORDER BY d.sold DESC, d.product_id DESC LIMIT {{walk}}
        ) d WHERE d.words @@ (SELECT words FROM asked) AND d.published_at <= now() LIMIT {PRODUCTS}
    ), fetched AS MATERIALIZED (
        SELECT d.product_id, {pieces.RANK.format(out=0.5)} AS rank FROM search_documents d
        WHERE (SELECT count(*) FROM walked) < {PRODUCTS} AND d.words @@ {pieces.WORDS} AND {{on_sale}} LIMIT {FETCHED}
    ), exact AS (
        SELECT d.product_id, {pieces.FIRST} AS rank FROM search_documents d WHERE {pieces.SKU_IS} AND {{on_sale}}
    ), best AS (
        SELECT product_id, max(rank) AS rank FROM (
            SELECT * FROM exact UNION ALL SELECT * FROM fetched
            UNION ALL SELECT * FROM walked WHERE NOT EXISTS (SELECT FROM fetched)
        ) every GROUP BY product_id ORDER BY rank DESC, product_id DESC LIMIT {PRODUCTS}
    )
    SELECT (SELECT count(*) FROM fetched) AS total,
        (SELECT json_agg(json_build_array(d.name, d.slug, d.image, offer.price_minor, offer.currency, c.name)
                         ORDER BY best.rank DESC, best.product_id DESC)
         FROM best JOIN search_documents d USING (product_id) JOIN categories c ON c.id = d.category_id
         JOIN LATERAL (
             SELECT min({prices.NOW}) AS price_minor, min(v.currency) AS currency FROM variants v
             WHERE v.product_id = d.product_id AND v.is_active HAVING count(*) > 0) offer ON true) AS products,
        (SELECT json_agg(json_build_array(k.name, k.slug, k.above, k.n)) FROM (
            SELECT c.name, c.slug, above.slug AS above, f.n
            FROM categories c LEFT JOIN categories above ON above.id = c.parent_id
            JOIN search_facets f ON f.category_id = c.id AND f.code = 0 AND f.n > 0
            WHERE starts_with(unaccent(lower(c.name)), unaccent(:start))
               OR strpos(unaccent(lower(c.name)), ' ' || unaccent(:start)) > 0
            ORDER BY f.n DESC, c.id LIMIT {CATEGORIES}) k) AS categories,
        (SELECT json_agg(w.word) FROM (
            SELECT w.word FROM (
                SELECT w.word, w.n FROM search_words w, unaccent(:last) start
                WHERE w.word > start AND w.word < start || chr(1114111) ORDER BY w.n DESC, w.word LIMIT 8
            ) w
            WHERE :is_alone OR EXISTS (
                SELECT FROM {{some}} d
                WHERE d.words @@ (search_query(:before, true) && plainto_tsquery('shop', w.word)))
            ORDER BY w.n DESC, w.word LIMIT {QUERIES}) w) AS completions
"""  # noqa: S608


def suggest(q: str) -> Suggestions:
    """Products, categories and searches for what has been typed so far; nothing under two characters.

    One statement, and one more when nothing was found: then the word that was probably meant is offered.
    """
    words = _words(q)
    if len(words.typed) < SHORTEST or not words.words:
        return Suggestions()
    *before, last = words.words
    is_small = find.is_small_shop()
    asking = SUGGEST.format(
        walk=0 if is_small else WALKED,
        on_sale=for_sale(),
        some="search_documents" if is_small else "search_sample",
    )
    row = prepared.run(
        asking,
        {
            "words": list(words.words),
            "typed": words.typed,
            "start": words.typed.lower(),
            "last": last,
            "before": before,
            "is_alone": not before,
        },
    ).one()
    products = [_product(*each) for each in row.products or ()]
    categories = [
        SuggestedCategory(name, category_url(slug, above), count) for name, slug, above, count in row.categories or ()
    ]
    queries = [" ".join([*before, word]) for word in row.completions or ()]
    if not products and not queries:
        meant = spelling.corrected(words.words)
        queries = [" ".join(meant)] if meant else []
    return Suggestions(products, categories, queries, total=row.total if row.total < FETCHED else 0)


def _product(
    name: str, slug: str, image: dict[str, object] | None, price: int, currency: str, category: str
) -> SuggestedProduct:
    shown = picture_of(image, "")
    return SuggestedProduct(name, f"/p/{slug}", shown, Money(price, currency), category)
