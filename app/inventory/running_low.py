"""What is running out, for the first page of the day."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import text

from app.catalog.queries.cards import Picture, picture
from app.lib import runtime
from app.lib.db import session

MOST_LOOKED_AT = 1000  # beyond that the exact number helps nobody


@dataclass(frozen=True, slots=True)
class LowVariant:
    """A variant on sale with few or none left."""

    name: str
    slug: str
    words: str
    sku: str
    image: Picture | None
    available: int


class RunningLow(NamedTuple):
    """The lowest, then the sold out; and how many there are of each, counted up to MOST_LOOKED_AT."""

    rows: list[LowVariant]
    low: int
    out: int


# The inner query stops at its limit, so a shop of a million variants is not sorted for five of them. A variant's own
# threshold is looked at last: the highest of them, one look into an index, first leaves out what is low for nobody.
LOWEST = text("""
    SELECT found.*, count(*) FILTER (WHERE available > 0) OVER () AS low,
        count(*) FILTER (WHERE available <= 0) OVER () AS out, image.key, image.widths
    FROM (
        SELECT v.id, v.product_id, v.image_id, p.name, p.slug, v.options_text, v.sku,
            s.on_hand - s.reserved AS available
        FROM stock_items s
        JOIN variants v ON v.id = s.variant_id
        JOIN products p ON p.id = v.product_id
        WHERE s.on_hand - s.reserved <= greatest(:low, (SELECT max(low_stock_at) FROM variants))
          AND s.on_hand - s.reserved <= coalesce(v.low_stock_at, :low) AND v.is_active AND p.status = 'active'
        LIMIT :most
    ) found
    LEFT JOIN LATERAL (
        SELECT key, widths FROM images WHERE product_id = found.product_id
        ORDER BY id = found.image_id DESC NULLS LAST, position, id LIMIT 1
    ) image ON true
    ORDER BY available <= 0, available, found.id LIMIT :limit
""")


def running_low(limit: int = 5) -> RunningLow:
    """What staff should order again, in one statement."""
    rows = (
        session()
        .execute(LOWEST, {"low": runtime.settings().low_stock_at, "most": MOST_LOOKED_AT, "limit": limit})
        .all()
    )
    found = [
        LowVariant(row.name, row.slug, row.options_text, row.sku, picture(row.key, row.widths, ""), row.available)
        for row in rows
    ]
    return RunningLow(found, rows[0].low, rows[0].out) if rows else RunningLow([], 0, 0)
