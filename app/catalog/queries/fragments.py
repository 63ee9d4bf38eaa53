"""Pieces of SQL that several reads share. `d` is a search document, `p` a product, `v` a variant."""

from app.catalog.prices import NOW, WAS
from app.inventory.queries import AVAILABLE as AVAILABLE
from app.lib import runtime

ON_SALE = "p.status = 'active' AND p.published_at <= now()"

# A variant that never had stock has none.
STOCK = "LEFT JOIN stock_items ON stock_items.variant_id = v.id"

# What a card shows: most of it as the document says, but figures that must never be late as they are now.
CARD = """d.product_id, d.name, d.slug, d.image, offer.price_minor, offer.top_minor, offer.compare_at_minor,
    offer.currency, offer.available, d.published_at > now() - interval '30 days', d.swatches, d.colours,
    offer.only_sku"""

# The figures of a card: those of the cheapest variant, and what is left of all of them.
OFFER = f"""
    JOIN LATERAL (
        SELECT min({NOW}) AS price_minor, max({NOW}) AS top_minor,
            (array_agg({WAS} ORDER BY {NOW}, v.position, v.id))[1] AS compare_at_minor, min(v.currency) AS currency,
            CASE WHEN count(*) = 1 AND bool_and(v.min_quantity = 1 AND v.quantity_step = 1) THEN min(v.sku) END
                AS only_sku,
            coalesce(sum(greatest({AVAILABLE}, 0)), 0)::bigint AS available
        FROM variants v {STOCK} WHERE v.product_id = d.product_id AND v.is_active HAVING count(*) > 0
    ) offer ON true
"""  # noqa: S608


def for_sale() -> str:
    """Published, compared with the clock at read; and in stock in a shop that hides what is not."""
    return "d.published_at <= now()" + (" AND d.in_stock" if runtime.settings().sold_out == "hidden" else "")
