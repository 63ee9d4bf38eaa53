"""The product feed of merchants (RSS 2.0 with Google's names): an item for each variant, as the shop sells it now."""

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from sqlalchemy import text

from app.catalog.prices import IS_REDUCED, NOW, WAS
from app.catalog.quantities import Quantities
from app.catalog.queries.cards import picture
from app.catalog.queries.fragments import AVAILABLE, ON_SALE, STOCK
from app.catalog.structured import availability
from app.lib import runtime
from app.lib.db import session
from app.lib.head import absolute
from app.lib.money import Money

BATCH = 1_000
LONGEST_TITLE = 150
LONGEST_DESCRIPTION = 5_000
GTIN = re.compile(r"\d{8}|\d{12,14}")
# What XML 1.0 cannot hold, however it is written.
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The next variants by id, then what is said of each; the variant's own picture before the product's first.
ITEMS = text(f"""
    SELECT v.id, v.sku, v.barcode, v.options_text, v.currency, v.supply, v.ships_on, v.weight_grams,
           v.min_quantity, v.max_quantity, v.quantity_step,
           {NOW} AS price_minor, {WAS} AS was_minor,
           CASE WHEN {IS_REDUCED} THEN v.sale_starts_at END AS sale_starts_at,
           CASE WHEN {IS_REDUCED} THEN v.sale_ends_at END AS sale_ends_at,
           {AVAILABLE} AS available, {AVAILABLE} - coalesce(stock_items.backorder_limit, 0) AS on_shelf,
           p.name, p.slug, p.description, b.name AS brand, image.key, image.widths, image.formats,
           (SELECT string_agg(a.name, ' > ' ORDER BY nlevel(a.path))
            FROM categories a WHERE a.path @> c.path) AS way,
           (SELECT json_object_agg(o.code, value.name)
            FROM variant_values
            JOIN option_values value ON value.id = variant_values.option_value_id
            JOIN options o ON o.id = value.option_id AND o.code IN ('colour', 'size')
            WHERE variant_values.variant_id = v.id) AS options
    FROM (
        SELECT v.* FROM variants v JOIN products p ON p.id = v.product_id
        WHERE v.id > :after AND v.is_active AND {ON_SALE}
        ORDER BY v.id LIMIT {BATCH}
    ) v
    JOIN products p ON p.id = v.product_id
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN brands b ON b.id = p.brand_id
    {STOCK}
    LEFT JOIN LATERAL (
        SELECT i.key, i.widths, i.formats FROM images i
        WHERE i.product_id = p.id ORDER BY i.id <> coalesce(v.image_id, 0), i.position, i.id LIMIT 1
    ) image ON true
    ORDER BY v.id
""")  # noqa: S608


def products() -> Iterator[str]:
    """The whole feed, in constant memory. No transaction stays open while a slow reader takes its time."""
    shop = runtime.settings().shop_name
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
        f"<title>{_words(shop)}</title><link>{_words(absolute('/'))}</link>"
        f"<description>{_words(f'Everything on sale at {shop}')}</description>\n"
    )
    after = 0
    while rows := session().execute(ITEMS, {"after": after}).all():
        session().rollback()
        yield "".join(_item(row) for row in rows)
        after = rows[-1].id
    yield "</channel></rss>\n"


def _item(row: Any) -> str:
    title = f"{row.name}, {row.options_text}" if row.options_text else row.name
    options = row.options or {}
    image = picture(row.key, row.widths, "", formats=row.formats)
    quantities = Quantities(row.min_quantity, row.max_quantity, row.quantity_step)
    can_be_bought = quantities.highest(row.available) > 0
    state = availability(row.supply, row.available if can_be_bought else 0, row.on_shelf)
    is_later = state in ("backorder", "preorder") and row.ships_on
    fields = {
        "g:id": row.sku,
        "g:item_group_id": row.slug,
        "title": title[:LONGEST_TITLE],
        "description": (row.description or title)[:LONGEST_DESCRIPTION],
        "link": absolute(f"/p/{row.slug}?sku={row.sku}"),
        "g:image_link": absolute(image.src) if image else "",
        "g:availability": state,
        "g:availability_date": f"{row.ships_on.isoformat()}T00:00:00Z" if is_later else "",
        **_prices(row),
        "g:brand": row.brand,
        "g:gtin": row.barcode if GTIN.fullmatch(row.barcode) else "",
        "g:mpn": row.sku,
        "g:product_type": row.way,
        "g:color": options.get("colour", ""),
        "g:size": options.get("size", ""),
        "g:condition": "new",
        "g:shipping_weight": f"{row.weight_grams} g" if row.weight_grams else "",
    }
    inner = "".join(f"<{name}>{_words(value)}</{name}>" for name, value in fields.items() if value)
    return f"<item>{inner}</item>\n"


def _prices(row: Any) -> dict[str, str]:
    """What it costs; when that is reduced, what it cost before and until when."""
    now = _price(row.price_minor, row.currency)
    if row.was_minor is None or row.was_minor <= row.price_minor:
        return {"g:price": now}
    prices = {"g:price": _price(row.was_minor, row.currency), "g:sale_price": now}
    if row.sale_starts_at and row.sale_ends_at:
        span = (row.sale_starts_at, row.sale_ends_at)
        prices["g:sale_price_effective_date"] = "/".join(at.isoformat(timespec="seconds") for at in span)
    return prices


def _price(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).plain()} {currency}"


def _words(text_: str) -> str:
    return escape(UNPRINTABLE.sub("", text_))
