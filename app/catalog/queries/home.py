"""What the front page shows of the catalogue: shelves by rule or by hand, and the categories. A statement each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.catalog.queries.cards import CardView, Picture, card_of, picture_of
from app.catalog.queries.fragments import CARD, OFFER, for_sale
from app.catalog.queries.menu import category_url
from app.catalog.queries.rules import Rule
from app.catalog.search.conditions import Scope
from app.lib import prepared

ON_A_SHELF = 8
WALKED = 3_000  # products looked at on the way down an index
FETCHED = 5_000  # matches sorted when those do not fill a shelf
SHELF_SORTS = {"newest": "Newest first", "best": "Best sellers first"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """What stands on a shelf: products chosen by hand in their order, else the first that fit a rule."""

    rule: Rule = Rule()
    sort: str = "newest"
    product_ids: tuple[int, ...] = ()


# By sort: the key of the index that is walked, best first; and where the walk begins. What is to come is the newest.
KEYS = {"newest": "newest_key", "best": "sold"}
BEGINS = {"newest": "d.newest_key <= extract(epoch FROM now())::bigint", "best": "true"}


def shelves(wanted: Sequence[Shelf]) -> list[list[CardView]]:
    """The cards of each shelf, only what is on sale, up to eight; in one statement however many there are."""
    found: list[list[CardView]] = [[] for _ in wanted]
    if not wanted:
        return found
    picks: list[str] = []
    values: dict[str, Any] = {}
    for number, shelf in enumerate(wanted):
        sql, named = _chosen(number, shelf) if shelf.product_ids else _fitting(number, shelf)
        picks.append(f"({sql})")
        values |= named
    asking = f"""
        WITH picks AS MATERIALIZED ({" UNION ALL ".join(picks)})
        SELECT picks.shelf, {CARD} FROM picks JOIN search_documents d USING (product_id) {OFFER}
        ORDER BY picks.shelf, picks.place
    """  # noqa: S608
    for row in prepared.run(asking, values):
        found[row.shelf].append(card_of(row[1:]))
    return found


def _chosen(number: int, shelf: Shelf) -> tuple[str, dict[str, Any]]:
    """By hand, in that order."""
    sql = f"""
        SELECT {number} AS shelf, d.product_id, wanted.place
        FROM unnest(CAST(:ids_{number} AS bigint[])) WITH ORDINALITY AS wanted (id, place)
        JOIN search_documents d ON d.product_id = wanted.id
        WHERE {for_sale()} ORDER BY wanted.place LIMIT {ON_A_SHELF}
    """  # noqa: S608
    return sql, {f"ids_{number}": list(shelf.product_ids)}


def _fitting(number: int, shelf: Shelf) -> tuple[str, dict[str, Any]]:
    """What fits the rule, in stock first: met on the way down the index of the order, else fetched and sorted.

    Both ways look at so many and no more, so that no rule takes long; of many that fit but are far down, some stand
    for all.
    """
    rule = Scope.of_rule(shelf.rule, f"rule_{number}")
    key = KEYS[shelf.sort]
    fits = " AND ".join([for_sale(), *rule.where, *(["d.sold > 0"] if shelf.sort == "best" else [])])
    sql = f"""
        WITH walked AS MATERIALIZED (
            SELECT product_id, in_stock, {key} AS key FROM (
                SELECT * FROM search_documents d WHERE d.in_stock AND {BEGINS[shelf.sort]}
                ORDER BY d.{key} DESC, d.product_id DESC LIMIT {WALKED}
            ) d WHERE {fits} LIMIT {ON_A_SHELF}
        ), fetched AS MATERIALIZED (
            SELECT product_id, in_stock, {key} AS key FROM search_documents d
            WHERE (SELECT count(*) FROM walked) < {ON_A_SHELF} AND {fits} LIMIT {FETCHED}
        )
        SELECT {number} AS shelf, product_id,
            row_number() OVER (ORDER BY in_stock DESC, key DESC, product_id DESC) AS place
        FROM (SELECT * FROM walked UNION SELECT * FROM fetched) either ORDER BY place LIMIT {ON_A_SHELF}
    """  # noqa: S608
    return sql, rule.values


class Tile(NamedTuple):
    """A root category with a picture of something in it."""

    name: str
    url: str
    image: Picture | None


# Of each shelf below, its first with a picture; of those, the first.
TILES = """
    SELECT c.name, c.slug, first.image
    FROM categories c
    LEFT JOIN LATERAL (
        SELECT d.image FROM categories below
        CROSS JOIN LATERAL (
            (SELECT d.* FROM search_documents d
             WHERE d.category_id = below.id AND d.in_stock AND d.image IS NOT NULL AND {for_sale}
             ORDER BY d.featured_key DESC, d.product_id DESC LIMIT 1)
            UNION ALL
            (SELECT d.* FROM search_documents d
             WHERE d.category_id = below.id AND NOT d.in_stock AND d.image IS NOT NULL AND {for_sale}
             ORDER BY d.featured_key DESC, d.product_id DESC LIMIT 1)
            LIMIT 1
        ) d
        WHERE below.path <@ c.path ORDER BY d.in_stock DESC, d.featured_key DESC, d.product_id DESC LIMIT 1
    ) first ON true
    WHERE c.parent_id IS NULL
    ORDER BY c.position, c.name, c.id
"""


def category_tiles() -> list[Tile]:
    """The root categories, each with the picture of its first featured product."""
    rows = prepared.run(TILES.format(for_sale=for_sale()), {})
    return [Tile(row.name, category_url(row.slug, None), picture_of(row.image, "")) for row in rows]
