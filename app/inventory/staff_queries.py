"""Stock as staff see it: every variant with its counters, and the ledger of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from app.catalog.queries.cards import Picture, picture
from app.inventory.queries import AVAILABLE, ON_SHELF
from app.lib import runtime
from app.lib.db import session
from app.lib.paging import Page

VIEWS = ("", "low", "out")
LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class StockRow:
    """One variant. `available` counts holds that are over as free, and what may be promised before it is there.

    `on_shelf` is what is there and free; it is low from `low_at` down.
    """

    variant_id: int
    sku: str
    product: str
    slug: str
    words: str
    image: Picture | None
    on_hand: int
    reserved: int
    available: int
    on_shelf: int
    low_at: int

    @property
    def beyond(self) -> int:
        """Units that may be promised before they are there."""
        return self.available - self.on_shelf

    @property
    def tone(self) -> str:
        if self.on_shelf <= 0:
            return "bad"
        return "warn" if self.on_shelf <= self.low_at else ""


class StockList(NamedTuple):
    rows: list[StockRow]
    page: Page


COLUMNS = f"""
    v.id AS variant_id, v.sku, p.name AS product, p.slug, v.options_text AS words, image.key, image.widths,
    coalesce(stock_items.on_hand, 0) AS on_hand, coalesce(stock_items.reserved, 0) AS reserved,
    {AVAILABLE} AS available, {ON_SHELF} AS on_shelf, coalesce(v.low_stock_at, :low) AS low_at
"""

SOURCES = """
    FROM variants v
    JOIN products p ON p.id = v.product_id
    LEFT JOIN stock_items ON stock_items.variant_id = v.id
    LEFT JOIN LATERAL (
        SELECT key, widths FROM images WHERE product_id = p.id
        ORDER BY id = v.image_id DESC NULLS LAST, position, id LIMIT 1
    ) image ON true
"""

LIST = text(f"""
    SELECT {COLUMNS} {SOURCES}
    WHERE (:part = '' OR p.name ILIKE '%' || :part || '%' ESCAPE '\\'
                      OR v.sku ILIKE '%' || :part || '%' ESCAPE '\\' OR v.barcode = upper(:typed))
      AND CASE :view WHEN 'out' THEN {ON_SHELF} <= 0
                     WHEN 'low' THEN {ON_SHELF} BETWEEN 1 AND coalesce(v.low_stock_at, :low)
                     ELSE true END
    ORDER BY p.name, p.id, v.position, v.id LIMIT :limit OFFSET :offset
""")

ONE = text(f"SELECT {COLUMNS} {SOURCES} WHERE v.sku = :sku")


def stock_list(q: str, view: str, page: Page) -> StockList:
    """Variants by product name or SKU. Views: low, out; anything else shows all. One statement."""
    values = {
        "part": q.translate(LIKE_SPECIAL),
        "typed": q,
        "low": runtime.settings().low_stock_at,
        "view": view if view in VIEWS else "",
        "limit": page.size + 1,
        "offset": page.offset,
    }
    rows = session().execute(LIST, values).all()
    return StockList([_stock(row) for row in rows[: page.size]], Page(page.number, page.size, len(rows) > page.size))


def stock_of(sku: str) -> StockRow | None:
    row = session().execute(ONE, {"sku": sku, "low": runtime.settings().low_stock_at}).one_or_none()
    return None if row is None else _stock(row)


def _stock(row: Row[Any]) -> StockRow:
    return StockRow(
        variant_id=row.variant_id,
        sku=row.sku,
        product=row.product,
        slug=row.slug,
        words=row.words,
        image=picture(row.key, row.widths, ""),
        on_hand=row.on_hand,
        reserved=row.reserved,
        available=row.available,
        on_shelf=row.on_shelf,
        low_at=row.low_at,
    )


class MovementRow(NamedTuple):
    """One line of the ledger. `after` is what was on hand once it was written."""

    at: datetime
    reason: str
    note: str
    order_number: str | None
    actor: str | None
    on_hand_change: int
    reserved_change: int
    after: int


class Ledger(NamedTuple):
    rows: list[MovementRow]
    page: Page


# Orders and users by their tables' names: this domain stands below orders, but people read numbers and names.
MOVEMENTS = text("""
    SELECT m.created_at, m.reason, m.note, o.number, u.name, m.on_hand_change, m.reserved_change, m.after
    FROM (
        SELECT *, (sum(on_hand_change) OVER (ORDER BY id))::bigint AS after
        FROM stock_movements WHERE variant_id = :variant_id
        ORDER BY id DESC LIMIT :limit OFFSET :offset
    ) m
    LEFT JOIN orders o ON o.id = m.order_id
    LEFT JOIN users u ON u.id = m.actor_id
    ORDER BY m.id DESC
""")


def ledger_page(variant_id: int, page: Page) -> Ledger:
    """The movements of a variant, newest first, each with the count on hand after it. One statement."""
    values = {"variant_id": variant_id, "limit": page.size + 1, "offset": page.offset}
    rows = [MovementRow(*row) for row in session().execute(MOVEMENTS, values)]
    return Ledger(rows[: page.size], Page(page.number, page.size, len(rows) > page.size))
