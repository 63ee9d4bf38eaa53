"""Whether what a file puts on sale can be bought, as `publish` asks it: known once all of its rows are."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.catalog.csv.models import CatalogImport

REASON = "status: add a variant with a price that is active first: there is nothing to buy yet."

# Of each product that shall be on sale: what is active in the shop and stays so, and what the file makes active.
REFUSE = text("""
    WITH said AS MATERIALIZED (
        SELECT line, sku, product, verdict, changes->'status'->>1 AS status, changes->'active'->>1 AS active
        FROM catalog_import_rows WHERE import_id = :id AND verdict IN ('new', 'changed')
    ), live AS MATERIALIZED (
        SELECT DISTINCT product FROM said WHERE status = 'active'
    ), buyable AS MATERIALIZED (
        SELECT product FROM said WHERE coalesce(active, CASE verdict WHEN 'new' THEN 'yes' END) = 'yes'
        UNION
        SELECT p.slug FROM live JOIN products p ON p.slug = live.product JOIN variants v ON v.product_id = p.id
        WHERE v.is_active AND v.sku NOT IN (SELECT sku FROM said WHERE active = 'no')
    ), refused AS (
        UPDATE catalog_import_rows r SET verdict = 'wrong', reason = :reason,
            cells = jsonb_build_object('sku', r.sku, 'product', r.product) ||
                (SELECT jsonb_object_agg(name, change->1) FROM jsonb_each(r.changes) AS c (name, change))
        FROM said WHERE r.import_id = :id AND r.line = said.line AND said.status = 'active'
            AND said.product NOT IN (SELECT product FROM buyable)
        RETURNING said.verdict
    )
    SELECT count(*) FILTER (WHERE verdict = 'new') AS new, count(*) FILTER (WHERE verdict = 'changed') AS changed
    FROM refused
""")


def refuse_unbuyable(db: Session, found: CatalogImport) -> None:
    """The rows of products that would be on sale without an active variant are wrong."""
    refused = db.execute(REFUSE, {"id": found.id, "reason": REASON}).one()
    found.new -= refused.new
    found.changed -= refused.changed
    found.wrong += refused.new + refused.changed
