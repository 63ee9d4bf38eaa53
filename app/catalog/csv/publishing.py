"""Whether what a file puts on sale can be bought, as `publish` asks it: known once all of its rows are."""

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from app.catalog.csv.models import CatalogImport

REASON = "status: add a variant with a price that is active first: there is nothing to buy yet."
TEXTS = ARRAY(Text)

# Products that shall be on sale although the file makes nothing of them active, with what it switches off.
DOUBTFUL = text("""
    SELECT product, array_agg(sku) FILTER (WHERE changes->'active'->>1 = 'no') AS off
    FROM catalog_import_rows WHERE import_id = :id AND verdict IN ('new', 'changed')
    GROUP BY product HAVING bool_or(changes->'status'->>1 = 'active')
        AND NOT bool_or(coalesce(changes->'active'->>1, CASE verdict WHEN 'new' THEN 'yes' END, 'no') = 'yes')
""")
BUYABLE = text("""
    SELECT DISTINCT p.slug FROM products p JOIN variants v ON v.product_id = p.id
    WHERE p.slug = ANY(:products) AND v.is_active AND v.sku <> ALL(:off)
""").bindparams(bindparam("products", type_=TEXTS), bindparam("off", type_=TEXTS))
COUNT = text("""
    SELECT count(*) FILTER (WHERE verdict = 'new') AS new, count(*) FILTER (WHERE verdict = 'changed') AS changed
    FROM catalog_import_rows WHERE import_id = :id AND verdict IN ('new', 'changed')
        AND product = ANY(:products) AND changes->'status'->>1 = 'active'
""").bindparams(bindparam("products", type_=TEXTS))
REFUSE = text("""
    UPDATE catalog_import_rows SET verdict = 'wrong', reason = :reason,
        cells = jsonb_build_object('sku', sku, 'product', product) ||
            (SELECT jsonb_object_agg(name, change->1) FROM jsonb_each(changes) AS c (name, change))
    WHERE import_id = :id AND verdict IN ('new', 'changed')
        AND product = ANY(:products) AND changes->'status'->>1 = 'active'
""").bindparams(bindparam("products", type_=TEXTS))


def refuse_unbuyable(db: Session, found: CatalogImport) -> None:
    """The rows of products that would be on sale without an active variant are wrong."""
    doubtful = {row.product: row.off or [] for row in db.execute(DOUBTFUL, {"id": found.id})}
    if not doubtful:
        return
    asked = {"products": list(doubtful), "off": [sku for off in doubtful.values() for sku in off]}
    refused = list(doubtful.keys() - set(db.scalars(BUYABLE, asked)))
    counted = db.execute(COUNT, {"id": found.id, "products": refused}).one()
    db.execute(REFUSE, {"id": found.id, "products": refused, "reason": REASON})
    found.new -= counted.new
    found.changed -= counted.changed
    found.wrong += counted.new + counted.changed
