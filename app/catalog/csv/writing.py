"""Rows of an import become what the shop says: in bulk, by the rules the services keep.

Price events for every price that moves, stock by movements with the reason import and locked last, slugs from
`slug_of`, option keys as `variants.py` makes them, versions raised so that an open form at the desk notices.
Constraints have the last word: a batch they refuse is tried again in halves, until the row to blame stands alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Text

from app.catalog import search, services
from app.catalog.attributes import value_of
from app.catalog.csv import cells, current
from app.catalog.csv.columns import BY_NAME, OF_NEW, OF_PRODUCT, OF_VARIANT, PRODUCT_NAMES, Column
from app.catalog.csv.current import Current, Names
from app.catalog.models import Attribute
from app.catalog.variants import OptionChoice, values_of
from app.lib import runtime
from app.lib.db import violated
from app.lib.errors import Invalid
from app.lib.slugs import slug_of

IDS = ARRAY(BigInteger)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that passed its check: column -> [was, will be] as cells."""

    line: int
    sku: str
    product: str
    changes: dict[str, list[str]]

    def of_product(self) -> dict[str, list[str]]:
        return {name: change for name, change in self.changes.items() if name in PRODUCT_NAMES}

    def of_variant(self) -> dict[str, list[str]]:
        return {name: change for name, change in self.changes.items() if name not in PRODUCT_NAMES}


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
    made = _make_products(db, good, product_ids, names)
    _change_products(db, good, families, names)
    variant_ids = {sku: known.variant_id for sku, known in here.items() if known.variant_id is not None}
    variant_ids |= _make_variants(db, [row for row in good if row.sku not in here], product_ids, actor_id)
    _change_variants(db, [row for row in good if row.sku in here], variant_ids, actor_id)
    _link_options(db, good, variant_ids, names)
    _check_kinds(db, {product_ids[row.product] for row in good if "options" in row.changes})
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
        if source.cells[name] != was and not _says(name, was, now, source.cells[name], names):
            return (
                f"{name}: it has changed since the check, to {cells.short(source.cells[name])}. Check the file again."
            )
    return ""


def _says(name: str, was: str, now: str, cell: str, names: Names) -> bool:
    """Whether the shop says already what a row wants, which may name what did not exist when it was checked."""
    if now == cell:
        return True
    if name == "category":
        return _path(now) == cell
    if name == "brand":
        return bool(now) and slug_of(now) == cell
    if name in ("options", "attributes"):
        words = names.values if name == "options" else names.facts
        return {words.kept(pair) for pair in cells.read_pairs(now)} == set(cells.read_pairs(cell))
    return name == "published_at" and was == now == ""


# Products


def _cast(source: str, name: str, kind: str) -> str:
    if kind == "jsonb":
        return f"{source}->'{name}'"
    if kind == "text[]":
        return f"ARRAY(SELECT jsonb_array_elements_text({source}->'{name}'))"
    return f"CAST({source}->>'{name}' AS {kind})"


def _kept(columns: Iterable[Column]) -> list[tuple[str, str]]:
    return [column.kept for column in columns if column.kept]


def _sets(columns: Iterable[Column], table: str, more: Sequence[tuple[str, str]] = ()) -> str:
    """Every column as it is, or as the row says: one UPDATE, so that no CHECK sees half of a change."""
    return ", ".join(
        f"{name} = CASE WHEN r.said ? '{name}' THEN {_cast('r.said', name, kind)} ELSE {table}.{name} END"
        for name, kind in (*_kept(columns), *more)
    )


OF_ROWS = "jsonb_to_recordset(:rows) AS r (id bigint, slug text, sku text, said jsonb)"
REFERENCES = (("category_id", "bigint"), ("brand_id", "bigint"))

MAKE_PRODUCTS = text(f"""
    INSERT INTO products (slug, category_id, brand_id, {", ".join(name for name, _ in _kept(OF_PRODUCT))})
    SELECT r.slug, CAST(r.said->>'category_id' AS bigint), CAST(r.said->>'brand_id' AS bigint),
        {", ".join(_cast("r.said", name, kind) for name, kind in _kept(OF_PRODUCT))}
    FROM {OF_ROWS} RETURNING id, slug
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

CHANGE_PRODUCTS = text(f"""
    UPDATE products SET {_sets(OF_PRODUCT, "products", REFERENCES)}, version = products.version + 1, updated_at = now()
    FROM {OF_ROWS} WHERE products.id = r.id
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

# What is on sale has a day from which it is; the services give it now.
ON_SALE_SINCE = text("""
    UPDATE products SET published_at = now() WHERE id = ANY(:ids) AND status = 'active' AND published_at IS NULL
""").bindparams(bindparam("ids", type_=IDS))


def _make_products(db: Session, rows: Sequence[Wanted], product_ids: dict[str, int], names: Names) -> list[int]:
    """Products nobody has yet, each once; `product_ids` learns them."""
    firsts = {row.product: row for row in reversed(rows) if row.product not in product_ids}
    if not firsts:
        return []
    wanted = []
    for slug, row in firsts.items():
        said = {column.name: row.changes.get(column.name, ["", ""])[1] for column in OF_PRODUCT}
        if not said["name"] or not said["category"]:
            raise Invalid(f"product: {slug} is gone. Check the file again.")
        wanted.append({"slug": slug, "said": _said(said, names)})
    found = {row.slug: row.id for row in db.execute(MAKE_PRODUCTS, {"rows": wanted})}
    product_ids |= found
    db.execute(ON_SALE_SINCE, {"ids": list(found.values())})
    for slug, row in firsts.items():
        if "attributes" in row.changes:
            _set_attributes(db, found[slug], row.changes["attributes"][1], names)
    return list(found.values())


def _change_products(db: Session, rows: Sequence[Wanted], families: dict[str, Current], names: Names) -> None:
    wanted: dict[int, dict[str, str]] = {}
    for row in rows:
        family = families.get(row.product)
        changes = {
            name: now
            for name, (was, now) in row.of_product().items()
            if family and not _says(name, was, now, family.cells[name], names)
        }
        if family and changes:
            wanted.setdefault(family.product_id, {}).update(changes)
    if not wanted:
        return
    db.execute(CHANGE_PRODUCTS, {"rows": [{"id": n, "said": _said(said, names)} for n, said in wanted.items()]})
    db.execute(ON_SALE_SINCE, {"ids": list(wanted)})
    for product_id, said in wanted.items():
        if "attributes" in said:
            _set_attributes(db, product_id, said["attributes"], names)
        if "images" in said:
            pairs = cells.read_pairs(said["images"])
            places = [{"key": key, "alt": alt, "place": place} for place, (key, alt) in enumerate(pairs)]
            db.execute(DESCRIBE, {"rows": places, "product_id": product_id})


DESCRIBE = text("""
    UPDATE images SET alt = r.alt, position = r.place
    FROM jsonb_to_recordset(:rows) AS r (key text, alt text, place bigint)
    WHERE images.product_id = :product_id AND images.key = r.key
""").bindparams(bindparam("rows", type_=JSONB))


def _said(said: dict[str, str], names: Names) -> dict[str, Any]:
    """Cells as values by the names of the database's columns; categories and brands that are new are made."""
    values: dict[str, Any] = {}
    for name, cell in said.items():
        column = BY_NAME[name]
        if column.kept:
            values[column.kept[0]] = column.value(cell)
        elif name == "category":
            values["category_id"] = _category(cell, names)
        elif name == "brand":
            values["brand_id"] = _brand(cell, names) if cell else None
    return values


def _path(way: str) -> str:
    """As current.py writes the way to a category that exists."""
    return "/".join(slug_of(part) for part in way.split("/"))


def _category(way: str, names: Names) -> int:
    ids = {path: number for number, path in names.categories.items()}
    path = _path(way)
    if way in ids or path in ids:
        return ids[way] if way in ids else ids[path]
    above, _, name = way.rpartition("/")
    made = services.create_category(name, parent_id=_category(above, names) if above else None)
    names.categories[made.id] = path
    return made.id


def _brand(typed: str, names: Names) -> int:
    ids = {slug: number for number, slug in names.brands.items()}
    slug = slug_of(typed)
    if typed in ids or slug in ids:
        return ids[typed] if typed in ids else ids[slug]
    made = services.create_brand(typed)
    names.brands[made.id] = made.slug
    return made.id


def _set_attributes(db: Session, product_id: int, cell: str, names: Names) -> None:
    facts = names.facts
    ids = [facts.ids.get(facts.kept(pair)) or _attribute_value(db, *pair) for pair in cells.read_pairs(cell)]
    db.execute(UNLINK_FACTS, {"product_id": product_id, "ids": ids})
    db.execute(LINK_FACTS, {"product_id": product_id, "ids": ids})


UNLINK_FACTS = text("""
    DELETE FROM product_attributes WHERE product_id = :product_id AND attribute_value_id <> ALL(:ids)
""").bindparams(bindparam("ids", type_=IDS))
LINK_FACTS = text("""
    INSERT INTO product_attributes (product_id, attribute_value_id) SELECT :product_id, unnest(:ids)
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("ids", type_=IDS), bindparam("product_id", type_=BigInteger))


def _attribute_value(db: Session, name: str, value: str) -> int:
    """Of an attribute by its code or its name; both are made where there is none, as at the desk."""
    called = or_(Attribute.code == name, func.lower(Attribute.name) == name.lower())
    attribute = db.scalars(select(Attribute).where(called).order_by((Attribute.code == name).desc())).first()
    return value_of(db, attribute or services.create_attribute(name), value)


# Variants

MAKE_VARIANTS = text(f"""
    INSERT INTO variants (product_id, sku, option_key, currency, image_id,
        {", ".join(name for name, _ in _kept(OF_VARIANT))})
    SELECT r.id, r.sku, 'new:' || r.sku, :currency,
        (SELECT i.id FROM images i WHERE i.product_id = r.id AND i.key = r.said->>'image'),
        {", ".join(_cast("r.said", name, kind) for name, kind in _kept(OF_VARIANT))}
    FROM {OF_ROWS} RETURNING id, sku
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

CHANGE_VARIANTS = text(f"""
    UPDATE variants SET {_sets(OF_VARIANT, "variants")},
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


def _make_variants(
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


def _change_variants(db: Session, rows: Sequence[Wanted], ids: dict[str, int], actor_id: int | None) -> None:
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


def _link_options(db: Session, rows: Sequence[Wanted], ids: dict[str, int], names: Names) -> None:
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


def _check_kinds(db: Session, product_ids: set[int]) -> None:
    different = list(db.scalars(KINDS, {"ids": list(product_ids)})) if product_ids else []
    if different:
        raise Invalid(f"options: every variant of {different[0]} needs the same ones.")


# Stock

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
