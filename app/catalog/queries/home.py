"""What the front page shows of the catalogue: shelves by rule or by hand, and the categories. A statement each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import text

from app.catalog.queries.cards import CardView, Picture, card, picture
from app.catalog.queries.fragments import CARD_COLUMNS, CARD_JOINS, ON_SALE
from app.catalog.queries.menu import category_url
from app.catalog.queries.rules import Rule, matching
from app.lib.db import session

ON_A_SHELF = 8
SHELF_SORTS = {"newest": "Newest first", "best": "Best sellers of the last 90 days"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """What stands on a shelf: products chosen by hand in their order, else the first that fit a rule."""

    rule: Rule = Rule()
    sort: str = "newest"
    product_ids: tuple[int, ...] = ()


# Only what sold in the last three months, so that this asks a part of the ledger and not all of it.
SOLD = """
    JOIN (
        SELECT s.product_id, -sum(m.on_hand_change) AS sold
        FROM stock_movements m JOIN variants s ON s.id = m.variant_id
        WHERE m.reason = 'sale' AND m.created_at > now() - interval '90 days'
        GROUP BY s.product_id
    ) sales ON sales.product_id = p.id
"""
ORDER = {"newest": "p.published_at DESC, p.id DESC", "best": "sales.sold DESC, p.id DESC"}


def shelves(wanted: Sequence[Shelf]) -> list[list[CardView]]:
    """The cards of each shelf, only what is on sale, up to eight; in one statement however many there are."""
    found: list[list[CardView]] = [[] for _ in wanted]
    if not wanted:
        return found
    picks: list[str] = []
    values: dict[str, Any] = {}
    for number, shelf in enumerate(wanted):
        sql, named = _picks(number, shelf)
        picks.append(f"({sql})")
        values |= named
    statement = text(f"""
        WITH picks AS ({" UNION ALL ".join(picks)})
        SELECT picks.shelf, {CARD_COLUMNS}
        FROM picks JOIN products p ON p.id = picks.id
        {CARD_JOINS}
        ORDER BY picks.shelf, picks.place
    """)  # noqa: S608
    for row in session().execute(statement, values):
        found[row.shelf].append(card(row))
    return found


def _picks(number: int, shelf: Shelf) -> tuple[str, dict[str, Any]]:
    if shelf.product_ids:
        sql = f"""
            SELECT {number} AS shelf, p.id, wanted.place
            FROM unnest(CAST(:ids_{number} AS bigint[])) WITH ORDINALITY AS wanted (id, place)
            JOIN products p ON p.id = wanted.id
            WHERE {ON_SALE} ORDER BY wanted.place LIMIT {ON_A_SHELF}
        """  # noqa: S608
        return sql, {f"ids_{number}": list(shelf.product_ids)}
    fits, values = matching(shelf.rule, f"rule_{number}_")
    order = ORDER[shelf.sort]
    sql = f"""
        SELECT {number} AS shelf, p.id, row_number() OVER (ORDER BY {order}) AS place
        FROM products p {SOLD if shelf.sort == "best" else ""}
        WHERE {ON_SALE} AND {fits} ORDER BY {order} LIMIT {ON_A_SHELF}
    """  # noqa: S608
    return sql, values


class Tile(NamedTuple):
    """A root category with a picture of something in it."""

    name: str
    url: str
    image: Picture | None


TILES = text(f"""
    SELECT c.name, c.slug, image.key, image.widths, image.formats
    FROM categories c
    LEFT JOIN LATERAL (
        SELECT i.key, i.widths, i.formats
        FROM categories below
        JOIN products p ON p.category_id = below.id
        JOIN images i ON i.product_id = p.id
        WHERE below.path <@ c.path AND {ON_SALE}
        ORDER BY p.is_featured DESC, p.id, i.position, i.id LIMIT 1
    ) image ON true
    WHERE c.parent_id IS NULL
    ORDER BY c.position, c.name, c.id
""")  # noqa: S608


def category_tiles() -> list[Tile]:
    """The root categories, each with the picture of its first featured product."""
    rows = session().execute(TILES)
    return [
        Tile(row.name, category_url(row.slug, None), picture(row.key, row.widths, "", formats=row.formats))
        for row in rows
    ]
