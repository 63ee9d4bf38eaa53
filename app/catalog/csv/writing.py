"""Rows of an import become what the shop says: in bulk, by the rules the services keep.

Price events for every price that moves, stock by movements with the reason import and locked last, slugs from
`slug_of`, option keys as `variants.py` makes them, versions raised so that an open form at the desk notices.
Constraints have the last word: a batch they refuse is tried again in halves, until the row to blame stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Text

from app.catalog import search
from app.catalog.csv import cells, current
from app.catalog.csv.columns import PRODUCT_NAMES
from app.catalog.csv.current import Current, Names
from app.catalog.csv.wanted import Wanted, says
from app.catalog.csv.writing_products import change_products, make_products
from app.catalog.csv.writing_variants import change_variants, check_kinds, link_options, make_variants
from app.lib.db import violated
from app.lib.errors import Invalid


@dataclass(slots=True)
class Outcome:
    """What became of a batch: how many rows are done, and a sentence for each line that is not."""

    done: list[int]
    wrong: dict[int, str]


SENTENCES = {
    "uq_variants_sku": "sku: somebody else has made a variant with it meanwhile. Check the file again.",
    "uq_variants_product_id_option_key": "options: another variant of the product has the same ones.",
    "uq_variants_barcode": "barcode: another variant has it.",
    "uq_products_slug": "product: somebody else has made it meanwhile. Check the file again.",
    "ck_stock_items_reserved_within_on_hand": "stock: less than is reserved for orders would be left.",
    "ck_stock_items_on_hand_not_negative": "stock: less than nothing would be left.",
}

LOCK_PRODUCTS = text("SELECT id FROM products WHERE slug = ANY(:slugs) ORDER BY id FOR NO KEY UPDATE").bindparams(
    bindparam("slugs", type_=ARRAY(Text))
)
LOCK_VARIANTS = text("SELECT id FROM variants WHERE sku = ANY(:skus) ORDER BY id FOR NO KEY UPDATE").bindparams(
    bindparam("skus", type_=ARRAY(Text))
)


def write(db: Session, rows: Sequence[Wanted], actor_id: int | None, *, with_stock: bool = True) -> Outcome:
    """Write these rows inside the caller's transaction; those that cannot be are named, the others are done."""
    if not rows:
        return Outcome([], {})
    try:
        with db.begin_nested():
            outcome = _write_all(db, rows, actor_id, with_stock)
    except (IntegrityError, DataError, Invalid) as error:
        if len(rows) == 1:
            return Outcome([], {rows[0].line: sentence_of(error)})
        middle = len(rows) // 2
        first = write(db, rows[:middle], actor_id, with_stock=with_stock)
        second = write(db, rows[middle:], actor_id, with_stock=with_stock)
        return Outcome(first.done + second.done, first.wrong | second.wrong)
    return outcome


def sentence_of(error: Exception) -> str:
    """Why the shop does not take a row, in words."""
    if isinstance(error, Invalid):
        return error.sentence
    name = violated(error) if isinstance(error, IntegrityError) else None
    return SENTENCES.get(name or "", f"The shop's rules refuse it ({name or 'a value is out of range'}).")


def _write_all(db: Session, rows: Sequence[Wanted], actor_id: int | None, with_stock: bool) -> Outcome:
    db.execute(LOCK_PRODUCTS, {"slugs": sorted({row.product for row in rows})})
    db.execute(LOCK_VARIANTS, {"skus": [row.sku for row in rows]})
    names = Names()
    here = current.of_skus([row.sku for row in rows], names)
    families = {slug: found[0] for slug, found in current.of_slugs({row.product for row in rows}, names).items()}
    wrong = {row.line: sentence for row in rows if (sentence := _moved_on(row, here.get(row.sku), families, names))}
    good = [row for row in rows if row.line not in wrong]

    product_ids = {slug: found.product_id for slug, found in families.items()}
    made = make_products(db, good, product_ids, names)
    change_products(db, good, families, names)
    variant_ids = {sku: known.variant_id for sku, known in here.items() if known.variant_id is not None}
    variant_ids |= make_variants(db, [row for row in good if row.sku not in here], product_ids, actor_id)
    change_variants(db, [row for row in good if row.sku in here], variant_ids, actor_id)
    link_options(db, good, variant_ids, names)
    check_kinds(db, {product_ids[row.product] for row in good if "options" in row.changes})
    if with_stock:
        write_stock(db, good, actor_id)
    search.refresh({*made, *(product_ids[row.product] for row in good)})
    return Outcome([row.line for row in good], wrong)


def _moved_on(row: Wanted, known: Current | None, families: dict[str, Current], names: Names) -> str:
    """A sentence when what the check saw is not so any more: nobody's later work is overwritten unseen."""
    if known is None and row.changes.get("price", ["x"])[0] != "":
        return f"sku: {row.sku} is gone. Check the file again."
    if known is not None and known.cells["product"] != row.product:
        return f"product: {row.sku} is another product's by now. Check the file again."
    family = known or families.get(row.product)
    for name, (was, now) in row.changes.items():
        source = family if name in PRODUCT_NAMES else known
        if source is None or name == "stock":
            continue
        if source.cells[name] != was and not says(name, was, now, source.cells[name], names):
            return (
                f"{name}: it has changed since the check, to {cells.short(source.cells[name])}. Check the file again."
            )
    return ""


# By as much as the file wants more or less than the check saw, so that what was sold meanwhile stays sold.
MOVE_STOCK = text("""
    WITH wanted AS (
        SELECT v.id AS variant_id, r.change, r.backorder
        FROM jsonb_to_recordset(:rows) AS r (sku text, change bigint, backorder bigint) JOIN variants v ON v.sku = r.sku
    ), locked AS (
        SELECT variant_id FROM stock_items WHERE variant_id IN (SELECT variant_id FROM wanted)
        ORDER BY variant_id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE stock_items s SET on_hand = s.on_hand + w.change,
            backorder_limit = coalesce(w.backorder, s.backorder_limit)
        FROM wanted w JOIN locked USING (variant_id) WHERE s.variant_id = w.variant_id
        RETURNING s.variant_id
    ), shelved AS (
        INSERT INTO stock_items (variant_id, on_hand, backorder_limit)
        SELECT variant_id, change, coalesce(backorder, 0) FROM wanted
        WHERE variant_id NOT IN (SELECT variant_id FROM locked) ORDER BY variant_id
        RETURNING variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note, actor_id)
        SELECT variant_id, change, 0, 'import', 'file', :actor_id FROM wanted WHERE change <> 0
    )
    SELECT (SELECT count(*) FROM moved) + (SELECT count(*) FROM shelved)
""").bindparams(bindparam("rows", type_=JSONB), bindparam("actor_id", type_=BigInteger))


def write_stock(db: Session, rows: Sequence[Wanted], actor_id: int | None) -> None:
    """The counters with their lines of the ledger, last in a transaction, because everybody waits for these rows."""
    wanted: list[dict[str, Any]] = []
    for row in rows:
        is_new = row.changes.get("price", ["x"])[0] == ""
        if not is_new and "stock" not in row.changes and "backorder_limit" not in row.changes:
            continue
        was, now = row.changes.get("stock", ["0", "0"])
        limit = row.changes.get("backorder_limit", [None, None])[1]
        wanted.append(
            {"sku": row.sku, "change": int(now) - int(was or 0), "backorder": None if limit is None else int(limit)}
        )
    if wanted:
        db.execute(MOVE_STOCK, {"rows": sorted(wanted, key=lambda it: it["sku"]), "actor_id": actor_id})
