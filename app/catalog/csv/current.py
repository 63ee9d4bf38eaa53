"""What the shop says now, as cells: one row for each variant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from app.catalog.csv import cells
from app.catalog.csv.columns import WRITTEN
from app.catalog.csv.shelves import Shelves
from app.catalog.csv.words import Brands, OptionWords, Words
from app.lib.db import session
from app.lib.money import Money
from app.lib.storage import storage


@dataclass(frozen=True, slots=True)
class Current:
    """A variant with the cells of its row, its own and its product's.

    A product without variants has one as well, whose `variant_id` is none and whose own cells say nothing.
    """

    variant_id: int | None
    product_id: int
    cells: dict[str, str]


SELECT = """
    SELECT v.id, p.id AS product_id, v.sku, v.price_minor, v.compare_at_minor, v.sale_minor, v.sale_starts_at,
        v.sale_ends_at, v.currency, v.barcode, v.min_quantity, v.max_quantity, v.quantity_step, v.low_stock_at,
        v.supply, v.ships_on, v.weight_grams, v.is_active, v.position,
        coalesce(s.on_hand, 0) AS on_hand, coalesce(s.backorder_limit, 0) AS backorder_limit,
        (SELECT i.key FROM images i WHERE i.id = v.image_id) AS image,
        ARRAY(SELECT option_value_id FROM variant_values WHERE variant_id = v.id) AS value_ids,
        p.slug, p.name, p.description, p.details, p.status, p.published_at, p.is_featured, p.category_id, p.brand_id,
        p.tags, p.meta_title, p.meta_description,
        ARRAY(SELECT attribute_value_id FROM product_attributes WHERE product_id = p.id) AS fact_ids,
        (SELECT json_agg(json_build_array(i.key, i.alt, i.widths) ORDER BY i.position, i.id)
         FROM images i WHERE i.product_id = p.id) AS images
    FROM products p LEFT JOIN variants v ON v.product_id = p.id LEFT JOIN stock_items s ON s.variant_id = v.id
"""
OF_SKUS = text(f"{SELECT} WHERE v.sku = ANY(:wanted)").bindparams(bindparam("wanted", type_=ARRAY(Text)))
OF_SLUGS = text(f"{SELECT} WHERE p.slug = ANY(:wanted) ORDER BY p.id, v.position, v.id").bindparams(
    bindparam("wanted", type_=ARRAY(Text))
)
OF_PRODUCTS = text(
    f"{SELECT} WHERE p.id = ANY(:wanted) AND v.id IS NOT NULL ORDER BY p.id, v.position, v.id"
).bindparams(bindparam("wanted", type_=ARRAY(BigInteger)))
NEXT_PRODUCTS = text("SELECT id FROM products WHERE id > :after ORDER BY id LIMIT :limit")
CATEGORIES = text("""
    SELECT c.id, c.name, string_agg(a.slug, '/' ORDER BY nlevel(a.path)) AS way
    FROM categories c JOIN categories a ON a.path @> c.path GROUP BY c.id ORDER BY c.id
""")
BRANDS = text("SELECT id, slug, name FROM brands ORDER BY id")
OPTIONS = text("""
    SELECT o.code AS kind, o.name AS called, value.id, value.code, value.name
    FROM options o LEFT JOIN option_values value ON value.option_id = o.id ORDER BY o.id, value.id
""")
ATTRIBUTES = text("""
    SELECT a.code AS kind, a.name AS called, value.id, value.code, value.name
    FROM attributes a LEFT JOIN attribute_values value ON value.attribute_id = a.id ORDER BY a.id, value.id
""")
AT_ONCE = 500  # products of one statement of an export


class Names:
    """Categories, brands, options and attributes by id, read once for many rows."""

    def __init__(self) -> None:
        self.shelves = Shelves(session().execute(CATEGORIES))
        self.brands = Brands(session().execute(BRANDS))
        self.values = OptionWords(session().execute(OPTIONS))
        self.facts = Words(session().execute(ATTRIBUTES))


def of_skus(skus: Iterable[str], names: Names) -> dict[str, Current]:
    """By SKU; those nobody has are left out."""
    return {row.sku: _current(row, names) for row in _rows(OF_SKUS, list(skus))}


def of_slugs(slugs: Iterable[str], names: Names) -> dict[str, list[Current]]:
    """Every variant of these products, by the product's slug."""
    found: dict[str, list[Current]] = {}
    for row in _rows(OF_SLUGS, list(slugs)):
        found.setdefault(row.slug, []).append(_current(row, names))
    return found


def everything(after: int) -> Iterator[tuple[int, list[list[str]]]]:
    """Every variant's cells in the order of WRITTEN, those of products above `after`, and no transaction left open.

    A few thousand rows at a time, each time with the last product they speak of.
    """
    names = Names()
    while ids := list(session().scalars(NEXT_PRODUCTS, {"after": after, "limit": AT_ONCE})):
        rows = [_whole_row(row, names) for row in _rows(OF_PRODUCTS, ids)]
        session().rollback()
        after = ids[-1]
        yield after, [[row[name] for name in WRITTEN] for row in rows]


def _rows(statement: TextClause, wanted: Sequence[Any]) -> Iterable[Row[Any]]:
    return session().execute(statement, {"wanted": list(wanted)}) if wanted else ()


def _whole_row(row: Row[Any], names: Names) -> dict[str, str]:
    place = storage().url
    addresses = [place(f"{key}-{max(widths)}.webp") for key, _, widths in row.images or ()]
    return _current(row, names).cells | {"currency": row.currency, "image_urls": " ".join(addresses)}


def _current(row: Row[Any], names: Names) -> Current:
    return Current(row.id, row.product_id, _cells(row, names))


def _cells(row: Row[Any], names: Names) -> dict[str, str]:
    def money(minor: int | None) -> str:
        return "" if minor is None else Money(minor, row.currency).plain()

    return {
        "sku": row.sku or "",
        "product": row.slug,
        "name": row.name,
        "description": row.description,
        "details": cells.write_details(row.details),
        "status": row.status,
        "published_at": cells.write_moment(row.published_at),
        "featured": cells.write_flag(row.is_featured),
        "category": names.shelves.ways[row.category_id],
        "brand": names.brands.slugs[row.brand_id] if row.brand_id else "",
        "tags": cells.write_list(row.tags),
        "attributes": cells.write_pairs(sorted(names.facts.pairs[number] for number in row.fact_ids)),
        "meta_title": row.meta_title,
        "meta_description": row.meta_description,
        "images": cells.write_pairs([(key, alt) for key, alt, _ in row.images or ()]),
        "options": cells.write_pairs(sorted(names.values.pairs[number] for number in row.value_ids)),
        "price": money(row.price_minor),
        "compare_at": money(row.compare_at_minor),
        "sale_price": money(row.sale_minor),
        "sale_starts_at": cells.write_moment(row.sale_starts_at),
        "sale_ends_at": cells.write_moment(row.sale_ends_at),
        "barcode": row.barcode or "",
        "min_quantity": cells.write_whole(row.min_quantity),
        "max_quantity": cells.write_whole(row.max_quantity),
        "quantity_step": cells.write_whole(row.quantity_step),
        "low_stock_at": cells.write_whole(row.low_stock_at),
        "supply": row.supply or "",
        "ships_on": cells.write_day(row.ships_on),
        "weight_grams": cells.write_whole(row.weight_grams),
        "active": cells.write_flag(bool(row.is_active)),
        "position": cells.write_whole(row.position),
        "stock": cells.write_whole(row.on_hand),
        "backorder_limit": cells.write_whole(row.backorder_limit),
        "image": row.image or "",
    }
