"""Where synthetic products stand and what describes them: some hundred rows, there before the products are."""

import json
import random
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.catalog.demo.catalogue import stem_files
from app.catalog.synthetic import words
from app.catalog.synthetic.words import COLOURS, DEPARTMENTS, KINDS, SIZES, STYLES, Department
from app.lib.db import transaction
from app.lib.slugs import slug_of
from app.lib.storage import storage

SEED = 20240101
BRANDS = 500

ROWS = {
    "categories": """
        INSERT INTO categories (name, slug, parent_id, path, position)
        SELECT it.name, it.slug, parent.id, coalesce(parent.path, '0'::ltree), it.position
        FROM json_to_recordset(CAST(:rows AS json)) it (name text, slug text, parent text, position int)
        LEFT JOIN categories parent ON parent.slug = it.parent
        ON CONFLICT (slug) DO NOTHING""",
    "brands": """
        INSERT INTO brands (name, slug)
        SELECT name, slug FROM json_to_recordset(CAST(:rows AS json)) it (name text, slug text)
        ON CONFLICT (slug) DO NOTHING""",
    "options": """
        INSERT INTO options (code, name, position)
        SELECT code, name, position FROM json_to_recordset(CAST(:rows AS json)) it (code text, name text, position int)
        ON CONFLICT (code) DO NOTHING""",
    "option_values": """
        INSERT INTO option_values (option_id, code, name, swatch, position)
        SELECT o.id, it.code, it.name, it.swatch, it.position
        FROM json_to_recordset(CAST(:rows AS json))
            it (option text, code text, name text, swatch text, position int)
        JOIN options o ON o.code = it.option
        ON CONFLICT (option_id, code) DO NOTHING""",
    "attributes": """
        INSERT INTO attributes (code, name, is_filterable, position)
        SELECT code, name, is_filterable, position
        FROM json_to_recordset(CAST(:rows AS json)) it (code text, name text, is_filterable boolean, position int)
        ON CONFLICT (code) DO NOTHING""",
    "attribute_values": """
        INSERT INTO attribute_values (attribute_id, code, name, position)
        SELECT a.id, it.code, it.name, it.position
        FROM json_to_recordset(CAST(:rows AS json)) it (attribute text, code text, name text, position int)
        JOIN attributes a ON a.code = it.attribute
        ON CONFLICT (attribute_id, code) DO NOTHING""",
}

# A row's own id ends its path, so the path is completed once the row is there: level by level, parents first.
PATHS = """
    UPDATE categories c
    SET path = CASE WHEN parent.id IS NULL THEN text2ltree(c.id::text) ELSE parent.path || c.id::text END
    FROM categories self LEFT JOIN categories parent ON parent.id = self.parent_id
    WHERE self.id = c.id AND c.slug = ANY(:slugs)
"""

ATTRIBUTES = {
    "material": ("Material", True),
    "origin": ("Made in", True),
    "use": ("Made for", True),
    "guarantee": ("Guarantee", False),
}


@dataclass(frozen=True)
class Shelves:
    """`values` are the parameters that the statements of `rows` take."""

    values: dict[str, Any]


@dataclass(frozen=True)
class Leaf:
    """A category in which products stand, with the nouns they may be."""

    slug: str
    department: Department
    nouns: list[str]


def make_shelves() -> Shelves:
    """Categories, brands, options and attributes, unless they are there; the pictures too."""
    levels, leaves = _categories()
    for stem in sorted({stem for department in DEPARTMENTS for stem in department.pictures.split()}):
        for width, file in stem_files(stem).items():
            storage().put(f"{picture_key(stem)}-{width}.webp", file.read_bytes())
    with transaction() as current:
        for level in levels:
            _insert(current, "categories", level)
            current.execute(text(PATHS), {"slugs": [row["slug"] for row in level]})
        _insert(current, "brands", _brands())
        _insert(current, "options", [_named("Colour", 0), _named("Size", 1)])
        _insert(current, "option_values", _option_values())
        _insert(current, "attributes", _attributes())
        _insert(current, "attribute_values", _attribute_values())
        return _found(current, leaves)


def picture_key(stem: str) -> str:
    return f"synthetic/{stem}"


def _insert(current: Session, table: str, found: list[dict[str, Any]]) -> None:
    current.execute(text(ROWS[table]), {"rows": json.dumps(found)})


def _categories() -> tuple[list[list[dict[str, Any]]], list[Leaf]]:
    """Twelve departments, their ranges, the styles of each, and of every third style its kinds."""
    levels: list[list[dict[str, Any]]] = [[], [], [], []]
    leaves = []
    styles = 0

    def add(level: int, name: str, parent: str | None, place: str) -> str:
        slug = f"{slug_of(name)}-{place}"
        levels[level].append({"name": name, "slug": slug, "parent": parent, "position": len(levels[level])})
        return slug

    for d, department in enumerate(DEPARTMENTS, 1):
        root = add(0, department.name, None, str(d))
        for r, (name, nouns) in enumerate(department.ranges.items(), 1):
            below = add(1, name, root, f"{d}-{r}")
            for s, style in enumerate(STYLES, 1):
                styles += 1
                last = add(2, f"{style} {name.lower()}", below, f"{d}-{r}-{s}")
                if styles % 3:
                    leaves.append(Leaf(last, department, nouns.split()))
                    continue
                for k, kind in enumerate(KINDS, 1):
                    slug = add(3, f"{kind} {style.lower()} {name.lower()}", last, f"{d}-{r}-{s}-{k}")
                    leaves.append(Leaf(slug, department, nouns.split()))
    random.Random(SEED).shuffle(leaves)  # noqa: S311 - which category is the largest is no secret
    return levels, leaves


def _brands() -> list[dict[str, Any]]:
    chance = random.Random(SEED)  # noqa: S311
    names: dict[str, None] = {}
    while len(names) < BRANDS:
        word = "".join(chance.choice(words.SYLLABLES.split()) for _ in range(chance.randint(1, 2)))
        names[f"{word}{chance.choice(words.ENDINGS.split())}".capitalize()] = None
    return [{"name": name, "slug": slug_of(name)} for name in names]


def _named(name: str, position: int, **more: Any) -> dict[str, Any]:
    return {"code": slug_of(name), "name": name, "position": position, **more}


def _option_values() -> list[dict[str, Any]]:
    sizes = [size for scale in SIZES.values() for size in scale]
    return [
        _named(name, place, option="colour", swatch=swatch) for place, (name, swatch) in enumerate(COLOURS.items())
    ] + [_named(size, place, option="size", swatch="") for place, size in enumerate(sizes)]


def _attributes() -> list[dict[str, Any]]:
    return [
        {"code": code, "name": name, "is_filterable": filterable, "position": place}
        for place, (code, (name, filterable)) in enumerate(ATTRIBUTES.items())
    ]


def _attribute_values() -> list[dict[str, Any]]:
    materials = sorted({material for department in DEPARTMENTS for material in department.materials.split()})
    found = {
        "material": [material.replace("-", " ").capitalize() for material in materials],
        "origin": words.ORIGINS.split(";"),
        "use": [use.capitalize() for use in words.USES.split(";")],
        "guarantee": words.GUARANTEES.split(";"),
    }
    return [
        _named(name, place, attribute=attribute)
        for attribute, names in found.items()
        for place, name in enumerate(names)
    ]


def _found(current: Session, leaves: list[Leaf]) -> Shelves:
    """The ids by which products are made; arrays stand in the order in which their values are common."""
    categories = {row.slug: row.id for row in current.execute(text("SELECT slug, id FROM categories"))}
    brands = {row.slug: row.id for row in current.execute(text("SELECT slug, id FROM brands"))}
    values = {
        (row.kind, row.code): row.id
        for row in current.execute(
            text("""
                SELECT o.code AS kind, v.code, v.id FROM option_values v JOIN options o ON o.id = v.option_id
                UNION ALL
                SELECT a.code, v.code, v.id FROM attribute_values v JOIN attributes a ON a.id = v.attribute_id""")
        )
    }

    def ids(kind: str, names: list[str] | tuple[str, ...]) -> list[int]:
        return [values[kind, slug_of(name)] for name in names]

    made_by = _brands()
    return Shelves(
        {
            "leaves": json.dumps([_leaf(place, it, categories, ids) for place, it in enumerate(leaves, 1)]),
            "brand_ids": [brands[row["slug"]] for row in made_by],
            "brand_names": [row["name"] for row in made_by],
            "colour_ids": ids("colour", tuple(COLOURS)),
            "colours": list(COLOURS),
            "origin_ids": ids("origin", words.ORIGINS.split(";")),
            "use_ids": ids("use", words.USES.split(";")),
            "uses": words.USES.split(";"),
            "guarantee_ids": ids("guarantee", words.GUARANTEES.split(";")),
            "adjectives": words.ADJECTIVES.split(),
            "promises": words.PROMISES.split(";"),
            "syllables": words.SYLLABLES.split(),
            "endings": words.ENDINGS.split(),
        }
    )


def _leaf(place: int, leaf: Leaf, categories: dict[str, int], ids: Any) -> dict[str, Any]:
    department = leaf.department
    sizes = SIZES[department.sizes] if department.sizes else ()
    materials = department.materials.split()
    return {
        "place": place,
        "category_id": categories[leaf.slug],
        "nouns": [noun.replace("-", " ") for noun in leaf.nouns],
        "materials": [material.replace("-", " ") for material in materials],
        "material_ids": ids("material", materials),
        "size_ids": ids("size", sizes),
        "sizes": list(sizes),
        "keys": [picture_key(stem) for stem in department.pictures.split()],
        "lowest": department.lowest,
        "highest": department.highest,
    }
