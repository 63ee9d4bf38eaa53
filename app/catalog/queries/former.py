"""Where an address that was leads to now."""

from typing import NamedTuple

from sqlalchemy import text

from app.catalog.queries.menu import category_url
from app.lib.db import session


class Former(NamedTuple):
    """`url` is where its row stands today; none when that is gone for good."""

    url: str | None


# `is_shown` of a product: shoppers may see it, so that no address tells them of a draft.
FORMER = text("""
    SELECT f.row_id, coalesce(p.slug, c.slug, b.slug) AS slug, above.slug AS parent,
        p.id IS NULL OR p.status = 'active' AND p.published_at <= now() AS is_shown
    FROM former_slugs f
    LEFT JOIN products p ON f.kind = 'product' AND p.id = f.row_id
    LEFT JOIN categories c ON f.kind = 'category' AND c.id = f.row_id
    LEFT JOIN categories above ON above.id = c.parent_id
    LEFT JOIN brands b ON f.kind = 'brand' AND b.id = f.row_id
    WHERE f.kind = :kind AND f.slug = :slug
""")
PLACES = {"product": "/p/", "brand": "/brands/"}


def former(kind: str, slug: str) -> Former | None:
    """For an address at which nothing stands: None when nothing ever did, or when shoppers may not know."""
    row = session().execute(FORMER, {"kind": kind, "slug": slug}).one_or_none()
    if row is None or (row.row_id is not None and not row.is_shown):
        return None
    if row.slug is None:
        return Former(None)
    return Former(category_url(row.slug, row.parent) if kind == "category" else PLACES[kind] + row.slug)
