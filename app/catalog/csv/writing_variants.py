"""Variants of a file: made and changed, with their price events and their options."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger

from app.catalog.csv import cells
from app.catalog.csv.columns import BY_NAME, OF_NEW, OF_VARIANT
from app.catalog.csv.current import Names
from app.catalog.csv.wanted import IDS, OF_ROWS, Wanted, cast, fields_of, sets
from app.catalog.variants import OptionChoice, values_of
from app.lib import runtime
from app.lib.errors import Invalid

MAKE_VARIANTS = text(f"""
    INSERT INTO variants (product_id, sku, option_key, currency, image_id,
        {", ".join(name for name, _ in fields_of(OF_VARIANT))})
    SELECT r.id, r.sku, 'new:' || r.sku, :currency,
        (SELECT i.id FROM images i WHERE i.product_id = r.id AND i.key = r.said->>'image'),
        {", ".join(cast("r.said", name, kind) for name, kind in fields_of(OF_VARIANT))}
    FROM {OF_ROWS} RETURNING id, sku
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

CHANGE_VARIANTS = text(f"""
    UPDATE variants SET {sets(OF_VARIANT, "variants")},
        image_id = CASE WHEN r.said ? 'image' THEN (
            SELECT i.id FROM images i WHERE i.product_id = variants.product_id AND i.key = r.said->>'image'
        ) ELSE variants.image_id END
    FROM {OF_ROWS} WHERE variants.id = r.id
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

PRICING = {"price", "sale_price", "sale_starts_at", "sale_ends_at"}
NOTE_PRICES = text("""
    INSERT INTO price_events (
        variant_id, was_minor, now_minor, sale_minor, sale_starts_at, sale_ends_at, currency, actor_id)
    SELECT v.id, CASE WHEN r.is_new THEN NULL ELSE coalesce(r.was, v.price_minor) END, v.price_minor,
        v.sale_minor, v.sale_starts_at, v.sale_ends_at, v.currency, :actor_id
    FROM jsonb_to_recordset(:rows) AS r (id bigint, was bigint, is_new boolean) JOIN variants v ON v.id = r.id
""").bindparams(bindparam("rows", type_=JSONB), bindparam("actor_id", type_=BigInteger))


def make_variants(
    db: Session, rows: Sequence[Wanted], product_ids: dict[str, int], actor_id: int | None
) -> dict[str, int]:
    """Those of new SKUs, by SKU. Their option keys follow in _link_options."""
    if not rows:
        return {}
    wanted: list[dict[str, Any]] = []
    for row in rows:
        said = {column.name: OF_NEW.get(column.name, "") for column in OF_VARIANT}
        said |= {name: now for name, (_, now) in row.of_variant().items()}
        wanted.append({"id": product_ids[row.product], "sku": row.sku, "said": _variant(said)})
    currency = runtime.settings().currency
    found = {row.sku: row.id for row in db.execute(MAKE_VARIANTS, {"rows": wanted, "currency": currency})}
    prices = [{"id": found[it["sku"]], "was": None, "is_new": True} for it in wanted]
    db.execute(NOTE_PRICES, {"rows": prices, "actor_id": actor_id})
    return found


def change_variants(db: Session, rows: Sequence[Wanted], ids: dict[str, int], actor_id: int | None) -> None:
    changed = [
        {"id": ids[row.sku], "said": said}
        for row in rows
        if (said := _variant({name: now for name, (_, now) in row.of_variant().items()}))
    ]
    if changed:
        db.execute(CHANGE_VARIANTS, {"rows": changed})
    price = BY_NAME["price"].value
    moved = [
        {"id": ids[row.sku], "was": price(row.changes["price"][0]) if "price" in row.changes else None, "is_new": False}
        for row in rows
        if not PRICING.isdisjoint(row.changes)
    ]
    if moved:
        db.execute(NOTE_PRICES, {"rows": moved, "actor_id": actor_id})


def _variant(said: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {"image": said["image"]} if "image" in said else {}
    for name, cell in said.items():
        column = BY_NAME[name]
        if column.kept:
            values[column.kept[0]] = column.value(cell)
    return values


UNLINK = text("DELETE FROM variant_values WHERE variant_id = ANY(:ids)").bindparams(bindparam("ids", type_=IDS))
LINK = text("""
    INSERT INTO variant_values (variant_id, option_value_id)
    SELECT r.id, unnest(ARRAY(SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(r.values)))
    FROM jsonb_to_recordset(:rows) AS r (id bigint, values jsonb)
""").bindparams(bindparam("rows", type_=JSONB))
NAME_OPTIONS = text("""
    UPDATE variants SET option_key = r.key, options_text = r.words
    FROM jsonb_to_recordset(:rows) AS r (id bigint, key text, words text) WHERE variants.id = r.id
""").bindparams(bindparam("rows", type_=JSONB))


def link_options(db: Session, rows: Sequence[Wanted], ids: dict[str, int], names: Names) -> None:
    """Option values, the key that no two variants of a product share, and the words shoppers read."""
    wanted = [row for row in rows if "options" in row.changes or row.changes.get("price", ["x"])[0] == ""]
    if not wanted:
        return
    kept: dict[str, list[Any]] = {}
    linked = []
    for row in wanted:
        cell = row.changes.get("options", ["", ""])[1]
        if cell not in kept:
            # The file says codes; values are found by their names.
            choices = [OptionChoice(pair[0], names.values.name_of(pair)) for pair in cells.read_pairs(cell)]
            kept[cell] = values_of(db, choices)
        values = kept[cell]
        linked.append(
            {
                "id": ids[row.sku],
                "values": [value.id for value in values],
                "key": ",".join(str(number) for number in sorted(value.id for value in values)),
                "words": ", ".join(value.name for value in values),
            }
        )
    db.execute(UNLINK, {"ids": [it["id"] for it in linked]})
    db.execute(LINK, {"rows": linked})
    db.execute(NAME_OPTIONS, {"rows": linked})


KINDS = text("""
    SELECT DISTINCT p.slug FROM (
        SELECT v.product_id, v.id, ARRAY(
            SELECT value.option_id FROM variant_values
            JOIN option_values value ON value.id = variant_values.option_value_id
            WHERE variant_values.variant_id = v.id ORDER BY 1) AS kinds
        FROM variants v WHERE v.product_id = ANY(:ids)
    ) each JOIN products p ON p.id = each.product_id
    GROUP BY p.id, p.slug HAVING count(DISTINCT kinds) > 1
""").bindparams(bindparam("ids", type_=IDS))


def check_kinds(db: Session, product_ids: set[int]) -> None:
    different = list(db.scalars(KINDS, {"ids": list(product_ids)})) if product_ids else []
    if different:
        raise Invalid(f"options: every variant of {different[0]} needs the same ones.")
