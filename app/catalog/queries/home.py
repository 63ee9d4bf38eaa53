"""What the home page shows, in two statements."""

from typing import NamedTuple

from sqlalchemy import text

from app.catalog.prices import WAS
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
             WHERE v.product_id = p.id AND v.is_active AND {WAS} IS NOT NULL)
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


class Panel(NamedTuple):
    """A wide picture with words and a button."""

    title: str
    text: str
    url: str
    action: str
    image: Picture | None


class Front(NamedTuple):
    """Panels by place (hero, feature), and the root categories, each with a picture of its first featured product."""

    panels: dict[str, Panel]
    tiles: list[Tile]


FRONT = text(f"""
    SELECT 0 AS number, place, title, text, url, action, key, widths, alt, formats FROM home_panels
    UNION ALL
    SELECT row_number() OVER (ORDER BY c.position, c.name, c.id), 'tile', c.name, '', c.slug, '',
        image.key, image.widths, '', image.formats
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
    ORDER BY number
""")  # noqa: S608


def front() -> Front:
    """What the home page shows beside its shelves, in one statement."""
    found = Front({}, [])
    for row in session().execute(FRONT):
        image = picture(row.key, row.widths, row.alt, formats=row.formats)
        if row.place == "tile":
            found.tiles.append(Tile(row.title, category_url(row.url, None), image))
        else:
            found.panels[row.place] = Panel(row.title, row.text, row.url, row.action, image)
    return found
