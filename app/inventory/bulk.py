"""The bulk grid's save: prices, statuses and stock of many variants, all of it or nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, text
from sqlalchemy.types import BigInteger

from app.catalog import bulk, search
from app.catalog.bulk import MOST_ROWS, Edit, Refused, Saved
from app.inventory.services import IDS, LOCK, MOST
from app.lib import prepared
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid

STOCK = text("""
    SELECT variant_id, on_hand, reserved, backorder_limit FROM stock_items WHERE variant_id = ANY(:variants)
""").bindparams(bindparam("variants", type_=IDS))

CHANGE = text("""
    WITH typed AS (
        SELECT * FROM unnest(:variants, :changes) AS t (variant_id, change)
    ), written AS (
        INSERT INTO stock_items AS s (variant_id, on_hand) SELECT variant_id, greatest(change, 0) FROM typed
        ON CONFLICT (variant_id) DO UPDATE
        SET on_hand = s.on_hand + (SELECT change FROM typed t WHERE t.variant_id = s.variant_id)
    )
    INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note, actor_id)
    SELECT variant_id, change, 0, 'manual', :note, :actor_id FROM typed ORDER BY variant_id
""").bindparams(
    bindparam("variants", type_=IDS), bindparam("changes", type_=IDS), bindparam("actor_id", type_=BigInteger)
)


@retrying
def save(edits: Sequence[Edit], *, note: str = "", actor_id: int | None = None) -> int:
    """Save the rows somebody changed; returns how many. The number of statements does not depend on theirs.

    Nothing is saved unless every row can be: raises Refused with a sentence for each field that cannot, and with
    what is saved by now where somebody else was faster. Raises Invalid without a note when stock changes.
    """
    if len(edits) > MOST_ROWS:
        raise Invalid(f"At most {MOST_ROWS} rows are saved at once.")
    moved = [edit for edit in edits if edit.change]
    if moved and not note.strip():
        raise Invalid("Say why the stock changes, for example: counted, damaged, delivered.", "note")
    with transaction() as current:
        rows = bulk.locked(edits)
        stock = _stock([rows[edit.sku].id for edit in moved if edit.sku in rows])
        _check(edits, rows, stock)
        bulk.write([(edit, rows[edit.sku]) for edit in edits], actor_id)
        if moved:
            values: dict[str, Any] = {
                "variants": [rows[edit.sku].id for edit in moved],
                "changes": [edit.change for edit in moved],
                "note": note.strip()[:500],
                "actor_id": actor_id,
            }
            current.execute(CHANGE, values)
            search.refresh_variants(values["variants"])
    return len(edits)


def _stock(variants: list[int]) -> dict[int, Row[Any]]:
    if not variants:
        return {}
    prepared.run(LOCK, {"variants": sorted(variants)})
    return {row.variant_id: row for row in session().execute(STOCK, {"variants": variants})}


def _check(edits: Sequence[Edit], rows: dict[str, Row[Any]], stock: dict[int, Row[Any]]) -> None:
    errors: dict[str, dict[str, str]] = {}
    saved: dict[str, Saved] = {}
    statuses: dict[int, set[str]] = {}
    for edit in edits:
        if edit.status and edit.sku in rows:
            statuses.setdefault(rows[edit.sku].product_id, set()).add(edit.status)
    for edit in edits:
        row = rows.get(edit.sku)
        if row is None:
            errors[edit.sku] = {"sku": "No longer here."}
            continue
        now = bulk.overtaken(edit, row)
        wrong = bulk.complaints(edit, row, statuses) | _stock_complaint(edit, stock.get(row.id))
        if now is not None:
            saved[edit.sku] = now
            wrong.setdefault("sku", "Somebody else changed it meanwhile. Compare, then save again.")
        if wrong:
            errors[edit.sku] = wrong
    if errors:
        raise Refused(errors, saved)


def _stock_complaint(edit: Edit, row: Row[Any] | None) -> dict[str, str]:
    if abs(edit.change) > MOST:
        return {"change": "At most a million."}
    on_hand, least = (row.on_hand, max(row.reserved - row.backorder_limit, 0)) if row else (0, 0)
    if edit.change < 0 and on_hand + edit.change < least:
        return {"change": f"{on_hand} on hand, {row.reserved if row else 0} of them reserved."}
    return {}
