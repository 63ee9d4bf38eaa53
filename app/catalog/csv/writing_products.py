"""Products of a file: made each once, changed, with their categories, brands, attributes and descriptions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger

from app.catalog import services
from app.catalog.attributes import value_of
from app.catalog.csv import cells
from app.catalog.csv.columns import BY_NAME, OF_PRODUCT
from app.catalog.csv.current import Current, Names
from app.catalog.csv.shelves import join
from app.catalog.csv.wanted import IDS, OF_ROWS, Wanted, cast, fields_of, says, sets
from app.catalog.models import Attribute
from app.lib.errors import Invalid

REFERENCES = (("category_id", "bigint"), ("brand_id", "bigint"))

MAKE_PRODUCTS = text(f"""
    INSERT INTO products (slug, category_id, brand_id, {", ".join(name for name, _ in fields_of(OF_PRODUCT))})
    SELECT r.slug, CAST(r.said->>'category_id' AS bigint), CAST(r.said->>'brand_id' AS bigint),
        {", ".join(cast("r.said", name, kind) for name, kind in fields_of(OF_PRODUCT))}
    FROM {OF_ROWS} RETURNING id, slug
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

CHANGE_PRODUCTS = text(f"""
    UPDATE products SET {sets(OF_PRODUCT, "products", REFERENCES)}, version = products.version + 1, updated_at = now()
    FROM {OF_ROWS} WHERE products.id = r.id
""").bindparams(bindparam("rows", type_=JSONB))  # noqa: S608

# What is on sale has a day from which it is; the services give it now.
ON_SALE_SINCE = text("""
    UPDATE products SET published_at = now() WHERE id = ANY(:ids) AND status = 'active' AND published_at IS NULL
""").bindparams(bindparam("ids", type_=IDS))


def make_products(db: Session, rows: Sequence[Wanted], product_ids: dict[str, int], names: Names) -> list[int]:
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


def change_products(db: Session, rows: Sequence[Wanted], families: dict[str, Current], names: Names) -> None:
    wanted: dict[int, dict[str, str]] = {}
    for row in rows:
        family = families.get(row.product)
        changes = {
            name: now
            for name, (was, now) in row.of_product().items()
            if family and not says(name, was, now, family.cells[name], names)
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


def _category(way: str, names: Names) -> int:
    found = names.shelves.find(way.split("/"))
    if found is not None:
        return names.shelves.ids[found]
    above, _, name = way.rpartition("/")
    parent_id = _category(above, names) if above else None
    made = services.create_category(name, parent_id=parent_id)
    names.shelves.add(made.id, join(names.shelves.ways[parent_id] if parent_id else "", made.slug), made.name)
    return made.id


def _brand(typed: str, names: Names) -> int:
    found = names.brands.kept(typed)
    if found is not None:
        return names.brands.ids[found]
    made = services.create_brand(typed)
    names.brands.add(made.id, made.slug, made.name)
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
