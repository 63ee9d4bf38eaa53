"""Sitemaps by the rules of sitemaps.org: an index of parts, each at most 50,000 addresses, read a little at a time.

A part holds the rows whose ids lie in one span of PART, so its borders need no counting and never move.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from sqlalchemy import text

from app.catalog.queries.fragments import ON_SALE
from app.catalog.queries.menu import category_url
from app.content.queries import OWN_PAGES
from app.lib.db import session
from app.lib.head import absolute

PART = 50_000  # the most addresses of one file
BATCH = 5_000
OWN = ("/", *(f"/{slug}" for slug in OWN_PAGES))

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

HAS_PRODUCTS = f"""EXISTS (
    SELECT FROM products p JOIN categories below ON below.id = p.category_id
    WHERE below.path <@ c.path AND {ON_SALE})"""

# Of each kind: id, slug, parent (of a category) and the moment it changed, of rows that shoppers can open.
SOURCES = {
    "products": f"SELECT p.id, p.slug, NULL AS parent, greatest(p.updated_at, p.published_at) AS changed_at "  # noqa: S608
    f"FROM products p WHERE {ON_SALE}",
    "categories": f"""
        SELECT c.id, c.slug, above.slug AS parent, CAST(NULL AS timestamptz) AS changed_at
        FROM categories c LEFT JOIN categories above ON above.id = c.parent_id WHERE {HAS_PRODUCTS}""",  # noqa: S608
    "brands": f"""
        SELECT b.id, b.slug, NULL AS parent, CAST(NULL AS timestamptz) AS changed_at FROM brands b
        WHERE EXISTS (SELECT FROM products p WHERE p.brand_id = b.id AND {ON_SALE})""",  # noqa: S608
    "collections": "SELECT id, slug, NULL AS parent, updated_at AS changed_at FROM collections WHERE is_published",
    "pages": f"""
        SELECT id, slug, NULL AS parent, updated_at AS changed_at
        FROM pages WHERE live IS NOT NULL AND slug NOT IN {OWN_PAGES}""",  # noqa: S608
}
PLACES = {"products": "/p/{}", "brands": "/brands/{}", "collections": "/collections/{}", "pages": "/pages/{}"}


class Part(NamedTuple):
    """One file of the index. `changed_at` is the last change in it, where that is known."""

    kind: str
    number: int
    changed_at: Any


PARTS = text(
    " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, (id - 1) / {PART} + 1 AS number, max(changed_at) AS changed_at "  # noqa: S608
        f"FROM ({source}) {kind} GROUP BY 2"
        for kind, source in SOURCES.items()
    )
    + " ORDER BY 1, 2"
)


def parts() -> list[Part]:
    """Every part that has an address; that of the shop's own pages is not among them."""
    return [Part(*row) for row in session().execute(PARTS)]


def index() -> Iterator[str]:
    """/sitemap.xml"""
    yield f'{HEAD}<sitemapindex xmlns="{SPACE}">\n'
    yield f"<sitemap><loc>{escape(absolute('/sitemaps/shop-1.xml'))}</loc></sitemap>\n"
    for part in parts():
        place = absolute(f"/sitemaps/{part.kind}-{part.number}.xml")
        yield f"<sitemap><loc>{escape(place)}</loc>{_changed(part.changed_at)}</sitemap>\n"
    yield "</sitemapindex>\n"


def is_there(kind: str, number: int) -> bool:
    """Whether a part has any address."""
    if kind == "shop":
        return number == 1
    return kind in SOURCES and 1 <= number <= PART and bool(_rows(kind, *_span(number), limit=1))


def urlset(kind: str, number: int) -> Iterator[str]:
    """One part, in constant memory. No transaction stays open while a slow reader takes its time."""
    yield f'{HEAD}<urlset xmlns="{SPACE}">\n'
    if kind == "shop":
        yield "".join(f"<url><loc>{escape(absolute(path))}</loc></url>\n" for path in OWN)
    else:
        after, last = _span(number)
        while rows := _rows(kind, after, last, limit=BATCH):
            session().rollback()
            yield "".join(_url(kind, row) for row in rows)
            after = rows[-1].id
    yield "</urlset>\n"


def _span(number: int) -> tuple[int, int]:
    """The ids of a part: above the first, up to the last."""
    return (number - 1) * PART, number * PART


STATEMENTS = {
    kind: text(f"SELECT * FROM ({source}) it WHERE id > :after AND id <= :last ORDER BY id LIMIT :limit")  # noqa: S608
    for kind, source in SOURCES.items()
}


def _rows(kind: str, after: int, last: int, *, limit: int) -> Any:
    return session().execute(STATEMENTS[kind], {"after": after, "last": last, "limit": limit}).all()


def _url(kind: str, row: Any) -> str:
    path = category_url(row.slug, row.parent) if kind == "categories" else PLACES[kind].format(row.slug)
    return f"<url><loc>{escape(absolute(path))}</loc>{_changed(row.changed_at)}</url>\n"


def _changed(at: Any) -> str:
    return f"<lastmod>{at.isoformat(timespec='seconds')}</lastmod>" if at else ""
