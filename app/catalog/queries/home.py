"""What the home page shows, in three statements."""

from typing import NamedTuple

from sqlalchemy import text

from app.catalog.queries.cards import CardView, Picture, card, picture
from app.catalog.queries.fragments import CARD_COLUMNS, CARD_JOINS, ON_SALE
from app.catalog.queries.menu import category_url
from app.lib.db import session

ON_A_SHELF = 8


class Shelves(NamedTuple):
    """What the home page shows."""

    newest: list[CardView]
    featured: list[CardView]
    sale: list[CardView]


SHELVES = text(f"""
    WITH picks AS (
        (SELECT 'newest' AS shelf, p.id, row_number() OVER (ORDER BY p.published_at DESC, p.id DESC) AS place
         FROM products p WHERE {ON_SALE} ORDER BY p.published_at DESC, p.id DESC LIMIT :size)
        UNION ALL
        (SELECT 'featured', p.id, row_number() OVER (ORDER BY p.published_at DESC, p.id DESC)
         FROM products p WHERE {ON_SALE} AND p.is_featured
         ORDER BY p.published_at DESC, p.id DESC LIMIT :size)
        UNION ALL
        (SELECT 'sale', p.id, row_number() OVER (ORDER BY p.published_at DESC, p.id DESC)
         FROM products p
         WHERE {ON_SALE} AND EXISTS (
             SELECT FROM variants v
             WHERE v.product_id = p.id AND v.is_active AND v.compare_at_minor IS NOT NULL)
         ORDER BY p.published_at DESC, p.id DESC LIMIT :size)
    )
    SELECT picks.shelf, {CARD_COLUMNS}
    FROM picks JOIN products p ON p.id = picks.id
    {CARD_JOINS}
    ORDER BY picks.shelf, picks.place
""")  # noqa: S608


def shelves() -> Shelves:
    """The newest, the featured and the reduced products, up to eight each, in one statement."""
    found = Shelves([], [], [])
    for row in session().execute(SHELVES, {"size": ON_A_SHELF}):
        getattr(found, row.shelf).append(card(row))
    return found


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


class Panel(NamedTuple):
    """A wide picture with words and a button."""

    title: str
    text: str
    url: str
    action: str
    image: Picture | None


PANELS = text("SELECT place, title, text, url, action, key, widths, alt, formats FROM home_panels")


def panels() -> dict[str, Panel]:
    """By place: hero, feature."""
    return {
        row.place: Panel(
            row.title, row.text, row.url, row.action, picture(row.key, row.widths, row.alt, formats=row.formats)
        )
        for row in session().execute(PANELS)
    }
