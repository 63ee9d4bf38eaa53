"""The rows of the bulk grid: variants side by side, those of a product together, the newest product first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from app.catalog.bulk import Saved
from app.catalog.queries.fragments import STOCK
from app.catalog.staff_queries import LIKE_SPECIAL, STATUSES
from app.lib.db import session
from app.lib.money import Money
from app.lib.paging import Page


@dataclass(frozen=True, slots=True)
class GridRow:
    """One variant. `is_first` of its product on the page: there its status is chosen."""

    sku: str
    product: str
    slug: str
    words: str
    saved: Saved
    currency: str
    on_hand: int
    reserved: int
    is_first: bool

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)


class Grid(NamedTuple):
    rows: list[GridRow]
    page: Page


COLUMNS = """
    v.sku, p.name, p.slug, v.options_text, v.price_minor, v.compare_at_minor, p.status, v.currency,
    coalesce(stock_items.on_hand, 0) AS on_hand, coalesce(stock_items.reserved, 0) AS reserved
"""

PAGE = text(f"""
    SELECT {COLUMNS}
    FROM products p JOIN variants v ON v.product_id = p.id {STOCK}
    WHERE (:status = '' OR p.status = :status)
      AND (:part = '' OR p.name ILIKE '%' || :part || '%' ESCAPE '\\' OR v.sku ILIKE '%' || :part || '%' ESCAPE '\\'
           OR v.barcode = upper(:typed))
    ORDER BY p.id DESC, v.position, v.id LIMIT :limit OFFSET :offset
""")  # noqa: S608

SOME = text(f"""
    SELECT {COLUMNS} FROM variants v JOIN products p ON p.id = v.product_id {STOCK} WHERE v.sku = ANY(:skus)
    ORDER BY p.id DESC, v.position, v.id
""").bindparams(bindparam("skus", type_=ARRAY(Text)))  # noqa: S608


def grid(q: str, status: str, page: Page) -> Grid:
    """Variants by product name, SKU or barcode, of products of a status; an unknown one shows all. One statement."""
    values = {
        "status": status if status in STATUSES else "",
        "part": q.translate(LIKE_SPECIAL),
        "typed": q,
        "limit": page.size + 1,
        "offset": page.offset,
    }
    rows = _rows(session().execute(PAGE, values).all())
    return Grid(rows[: page.size], Page(page.number, page.size, len(rows) > page.size))


def grid_rows(skus: Sequence[str]) -> list[GridRow]:
    """These variants as they are saved now; those that are gone are left out."""
    return _rows(session().execute(SOME, {"skus": list(skus)}).all())


def _rows(rows: Sequence[Row[Any]]) -> list[GridRow]:
    found: list[GridRow] = []
    for row in rows:
        found.append(
            GridRow(
                sku=row.sku,
                product=row.name,
                slug=row.slug,
                words=row.options_text,
                saved=Saved(row.price_minor, row.compare_at_minor, row.status),
                currency=row.currency,
                on_hand=row.on_hand,
                reserved=row.reserved,
                is_first=not found or found[-1].slug != row.slug,
            )
        )
    return found
