"""How many of what matches have each category, brand, option and attribute, and what those are called."""

from typing import Any

from app.catalog.search import codes, pieces
from app.catalog.search.conditions import Chosen
from app.catalog.search.pieces import Asked

MOST_BRANDS = 40

# The names of what was counted. `counted` has part, code and n; part says in which set it was counted.
NAMED = f"""
    (SELECT json_agg(named.row) FROM (
        SELECT json_build_array(x.part, 'category', 'Category', k.slug, k.name, '', x.n) AS row
        FROM counted x JOIN categories k ON k.id = x.code - (1::bigint << 56)
        WHERE x.code >> 56 = {codes.CATEGORY} AND (k.parent_id IS NOT DISTINCT FROM :parent_id OR x.part = 'chosen')
        ORDER BY k.position, k.name, k.id
    ) named) AS categories,
    (SELECT json_agg(named.row) FROM (
        SELECT json_build_array(x.part, o.code, o.name, value.code, value.name, value.swatch, x.n) AS row
        FROM counted x JOIN option_values value ON value.id = x.code & ((1::bigint << 56) - 1)
        JOIN options o ON o.id = value.option_id
        WHERE x.code >> 56 IN ({codes.OPTION}, {codes.OPTION_IN_STOCK})
        ORDER BY o.code <> 'size', o.position, o.id, value.position, value.name
    ) named) AS options,
    (SELECT json_agg(named.row) FROM (
        SELECT json_build_array(x.part, 'brand', 'Brand', b.slug, b.name, '', x.n) AS row, b.name
        FROM (SELECT * FROM counted WHERE code >> 56 = {codes.BRAND} ORDER BY n DESC LIMIT {MOST_BRANDS}) x
        JOIN brands b ON b.id = x.code - (2::bigint << 56)
        ORDER BY b.name
    ) named) AS brands,
    (SELECT json_agg(named.row) FROM (
        SELECT json_build_array(x.part, a.code, a.name, value.code, value.name, '', x.n) AS row
        FROM counted x JOIN attribute_values value ON value.id = x.code - (7::bigint << 56)
        JOIN attributes a ON a.id = value.attribute_id AND a.is_filterable
        WHERE x.code >> 56 = {codes.ATTRIBUTE}
        ORDER BY a.position, a.id, value.position, value.name
    ) named) AS attributes
"""


def but(asked: Asked) -> list[str]:
    """The sets in which the chosen kinds are counted: all conditions but those of one kind."""
    kinds = [f"but_{asked.chosen.names[kind]}" for kind in asked.chosen.all_kinds()]
    return [*kinds, "but_price"] if asked.chosen.has_price else kinds


def sets(asked: Asked, table: str, columns: str, most: int | None) -> dict[str, str]:
    """What matches, and what would match without each chosen kind."""
    limit = f"LIMIT {most}" if most else ""
    found = {}
    kinds: list[str | None] = [None, *asked.chosen.all_kinds(), *(["price"] if asked.chosen.has_price else [])]
    for name, kind in zip(["found", *but(asked)], kinds, strict=True):
        rest = " AND ".join(pieces.conditions(asked, kind, with_words=False))
        selected = columns if name == "found" else "d.product_id, d.codes, d.price_minor"
        sql = f"SELECT {selected} FROM {table} d WHERE {rest}"
        if asked.words:
            skus = f"SELECT {selected} FROM {table} d WHERE {rest} AND {pieces.SKU_IS} AND {pieces.NO_WORDS}"
            sql = f"{sql} AND d.words @@ {pieces.WORDS} UNION ALL {skus}"
        found[name] = f"{name} AS MATERIALIZED ({sql} {limit})"
    return found


def counted(asked: Asked, parts: list[str], of: int | None = None) -> str:
    """How many products of each set have each code. Options are counted by pairs when another option is chosen."""
    chosen = asked.chosen
    limit = f"LIMIT {of}" if of else ""
    option = codes.OPTION_IN_STOCK if asked.filters.in_stock else codes.OPTION
    counts = []
    for name, kind in [("found", None), *zip(but(asked), chosen.all_kinds(), strict=False)]:
        if name not in parts:
            continue
        source = f"(SELECT * FROM {name} {limit}) s"
        others = [each for each in chosen.options if each != kind]
        wanted = _codes_counted_in(chosen, kind, option, has_others=bool(others))
        if wanted:
            counts.append(f"""
                SELECT '{name}' AS part, code, count(*) AS n FROM {source} CROSS JOIN unnest(s.codes) code
                WHERE code >> 56 IN ({", ".join(map(str, wanted))}) GROUP BY code""")
        if others and (kind is None or kind in chosen.options):
            both = " INTERSECT ".join(_beside(asked, source, other) for other in others)
            counts.append(f"""
                SELECT '{name}', search_code({codes.OPTION}, value_id), count(*) FROM ({both}) x GROUP BY value_id""")
    for kind in chosen.all_kinds():
        counts.append(f"SELECT 'chosen', unnest({chosen.codes_of(kind)}), 0")
    named = "SELECT 'found' AS part, 0::bigint AS code, 0::bigint AS n WHERE false"
    return f"counted AS ({' UNION ALL '.join([named, *counts])})"


def _codes_counted_in(chosen: Chosen, kind: str | None, option: int, *, has_others: bool) -> list[int]:
    if kind is None:
        found = [codes.CATEGORY, codes.BRAND, codes.ATTRIBUTE]
        return found if has_others else [*found, option]
    if kind in chosen.options:
        return [] if has_others else [option]
    return [{"category": codes.CATEGORY, "brand": codes.BRAND}.get(kind, codes.ATTRIBUTE)]


def _beside(asked: Asked, source: str, other: str) -> str:
    """Each product with the option values that one of its variants has together with a chosen value of `other`."""
    pair = codes.PAIR_IN_STOCK if asked.filters.in_stock else codes.PAIR
    values = f"ARRAY(SELECT value.id {asked.chosen.values_of(other)})"
    half = (1 << 28) - 1
    return f"""
        SELECT s.product_id, CASE WHEN p.one = ANY({values}) THEN p.other ELSE p.one END AS value_id
        FROM {source} CROSS JOIN unnest(s.codes) code
        CROSS JOIN LATERAL (SELECT (code >> 28) & {half} AS one, code & {half} AS other OFFSET 0) p
        WHERE code >> 56 = {pair} AND (p.one = ANY({values}) OR p.other = ANY({values}))"""


def rows(row: dict[str, Any]) -> list[list[Any]]:
    """What was counted: part, kind, title, value, words, colour and number of each."""
    found: list[list[Any]] = []
    for part in ("categories", "options", "brands", "attributes"):
        found += row[part] or ()
    return found


def facets(rows: list[list[Any]], asked: Asked) -> list[list[Any]]:
    """Each value once, counted where its kind is not chosen; a chosen value that finds nothing stays with 0."""
    counted_in = {kind: f"but_{name}" for kind, name in asked.chosen.names.items()}
    found: dict[tuple[str, str], list[Any]] = {}
    for part, kind, *rest in rows:
        if part == counted_in.get(kind, "found"):
            found[kind, rest[1]] = [kind, *rest]
    for part, kind, *rest in rows:
        if part == "chosen":
            found.setdefault((kind, rest[1]), [kind, *rest])
    return list(found.values())
