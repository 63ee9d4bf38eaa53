"""Pieces of SQL that several reads share."""

from app.catalog.prices import NOW, WAS
from app.inventory.queries import AVAILABLE as AVAILABLE

ON_SALE = "p.status = 'active' AND p.published_at <= now()"

# `v` is a variant; a variant that never had stock has none.
STOCK = "LEFT JOIN stock_items ON stock_items.variant_id = v.id"

IMAGE = """
    LEFT JOIN LATERAL (
        SELECT key, widths, alt, formats FROM images WHERE product_id = p.id ORDER BY position, id LIMIT 1
    ) image ON true
"""

# What a card says about the variants of `p`: the cheapest one's prices, what is left, and the colours.
CARD_COLUMNS = """
    p.id, p.name, p.slug, p.published_at, image.key, image.widths, image.alt, image.formats,
    offer.price_minor, offer.top_minor, offer.compare_at_minor, offer.currency, offer.available,
    CASE WHEN offer.variants = 1 AND offer.by_one THEN offer.sku END AS only_sku, colour.swatches, colour.colours
"""

CARD_JOINS = f"""
    JOIN LATERAL (
        SELECT min({NOW}) AS price_minor, max({NOW}) AS top_minor,
               (array_agg({WAS} ORDER BY {NOW}, v.position, v.id))[1]
                   AS compare_at_minor,
               min(v.currency) AS currency, count(*) AS variants, min(v.sku) AS sku,
               bool_and(v.min_quantity = 1 AND v.quantity_step = 1) AS by_one,
               coalesce(sum(greatest({AVAILABLE}, 0)), 0)::bigint AS available
        FROM variants v {STOCK}
        WHERE v.product_id = p.id AND v.is_active
        HAVING count(*) > 0
    ) offer ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS colours, (array_agg(swatch ORDER BY position, id))[1:4] AS swatches
        FROM (
            SELECT DISTINCT value.id, value.swatch, value.position
            FROM variants v
            JOIN variant_values ON variant_values.variant_id = v.id
            JOIN option_values value ON value.id = variant_values.option_value_id
            WHERE v.product_id = p.id AND v.is_active AND value.swatch <> ''
        ) shown
    ) colour ON true
    {IMAGE}
"""  # noqa: S608
