"""Answering a listing or a search: one page of cards, the total, and what else could be chosen.

Four ways, so that none can take long however many products there are (measured at 1,000,000):
a whole category is read from the ends of its indexes and its counts were counted before; few matches are fetched by the
index of words and codes, then sorted and counted exactly; many are met by walking the index of the wanted order, as far
as WALK says, with counts scaled up from the sample; what a walk does not fill is fetched and sorted after all.
"""

import functools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Result, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.queries.filters import Filters
from app.catalog.queries.fragments import CARD, OFFER, for_sale
from app.catalog.search import codes
from app.catalog.search.conditions import Chosen, Scope
from app.catalog.search.cursor import Cursor
from app.lib import prepared, runtime
from app.lib.db import session

FEW = 3_000  # matches that are fetched, sorted and counted one by one
SMALL = 3_000  # a shop with so few products needs no estimate
WALK = {"d.in_stock": 10_000, "NOT d.in_stock": 2_000}  # products a walk looks at, in each half of an index
MOST_FETCHED = 5_000  # matches fetched when a walk filled no page
SAMPLED = 1024 / 51  # how many documents one of the sample stands for
MOST_OF_SAMPLE = 2_500  # matches in the sample beyond which nobody counts: "50,000+"
COUNTED_OF_SAMPLE = 800  # of them whose codes are counted
MOST_BRANDS = 40

# By sort: the column and its direction. Relevance ranks what is fetched, and walks by what sold best.
ORDERS = {
    "relevance": ("sold", "DESC"),
    "featured": ("featured_key", "DESC"),
    "newest": ("newest_key", "DESC"),
    "best": ("sold", "DESC"),
    "price": ("price_minor", "ASC"),
    "-price": ("price_minor", "DESC"),
}
FIRST = 1 << 61  # the key of an exact SKU, before every other


@dataclass(frozen=True)
class Words:
    """What is searched for: words in lower case, the whole as it was typed, and whether the last one is complete."""

    typed: str
    words: tuple[str, ...]
    is_exact: bool = False


@dataclass(frozen=True)
class Found:
    """Rows as JSON gave them. `is_about` says that total and counts are scaled up from the sample."""

    cards: list[list[Any]]
    total: int
    is_about: bool
    facets: list[list[Any]]
    price_from: int | None
    price_to: int | None
    has_more: bool
    after: str


@dataclass(frozen=True)
class Asked:
    """One request, and the pieces of SQL it is made of."""

    scope: Scope
    filters: Filters
    words: Words | None
    size: int
    offset: int
    cursor: Cursor | None

    @functools.cached_property
    def chosen(self) -> Chosen:
        return Chosen(self.filters)


_shop_size: int | None = None  # how many products there were when somebody last asked; only chooses between ways


def find(scope: Scope, filters: Filters, words: Words | None, size: int, offset: int, after: str) -> Found:
    """One page: `after` is the cursor of the page before, else `offset` rows are skipped. One or two statements."""
    bound = Cursor.bound_to(scope.values, scope.where, filters, words)
    cursor = Cursor.read(after, bound)
    asked = Asked(scope, filters, words, size, 0 if cursor else offset, cursor)
    if words is None and filters.are_none and scope.is_whole_shelf:
        found = _whole_shelf(asked)
        if found is not None:
            return _page(found, asked, bound)
    if is_small_shop():
        return _page(_fetch(asked, {}), asked, bound)
    estimate = _estimate(asked)
    if estimate["sets"]["found"]["n"] * SAMPLED <= FEW:
        return _page(_fetch(asked, estimate), asked, bound)
    walked = _walk(asked, estimate)
    if len(walked["cards"] or ()) <= size and estimate["sets"]["found"]["n"] * SAMPLED > asked.offset + size:
        walked = _fetch(asked, estimate, most=MOST_FETCHED) | {"is_about": True, "total": walked["total"]}
    return _page(walked, asked, bound)


CARDS = f"""
    (SELECT json_agg(json_build_array(t.key, t.in_stock, {CARD}) ORDER BY t.is_pinned DESC, {{order}})
     FROM top t JOIN search_documents d USING (product_id) {OFFER}) AS cards,
    (SELECT count(*) FROM top) AS shown,
    coalesce((SELECT n FROM search_facets WHERE category_id = 0 AND code = 0), 0) AS shop_size
"""

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

QUERY = "asked AS MATERIALIZED (SELECT search_query(:words, :is_exact) AS words)"
WORDS = "(SELECT words FROM asked)"
NO_WORDS = f"NOT coalesce(d.words @@ {WORDS}, false)"


def _whole_shelf(asked: Asked) -> dict[str, Any] | None:
    """Without words and filters: from the ends of the indexes. None while a category moves and its counts are late."""
    is_shop = not asked.scope.where
    branches = []
    for stock in _branches(asked):
        part = _ends(asked, stock)
        if not is_shop:
            order = _order(asked, by_stock=False)
            part = f"SELECT d.* FROM shelves s CROSS JOIN LATERAL ({part}) d ORDER BY {order} LIMIT :wanted"
        branches.append(f"({part})")
    shelves = (
        ""
        if is_shop
        else """
        shelves AS MATERIALIZED (
            SELECT below.id FROM categories self JOIN categories below ON below.path <@ self.path
            WHERE self.id = :scope_category),"""
    )
    n = "in_stock" if runtime.settings().sold_out == "hidden" else "n"
    asking = f"""
        WITH {shelves} {_top(asked, branches)},
        counted AS (
            SELECT 'found' AS part, code, {n} AS n FROM search_facets
            WHERE category_id = :counted_for AND code <> 0 AND {n} > 0)
        SELECT {CARDS.format(order=_order(asked))}, {NAMED},
            EXISTS (SELECT FROM search_moves) AS is_moving,
            coalesce((SELECT {n} FROM search_facets WHERE category_id = :counted_for AND code = 0), 0) AS total,
            {_price_ends(is_shop)}
    """
    values = asked.scope.values | {"counted_for": asked.scope.values.get("scope_category", 0)}
    row = _run(asking, asked, values)
    if row["is_moving"]:
        return None
    return row | {"is_about": False, "rows": _rows(row)}


def _ends(asked: Asked, stock: str) -> str:
    """The first rows by one index."""
    shelf = "AND d.category_id = s.id" if asked.scope.where else ""
    return f"""
        SELECT {_columns(asked)} FROM search_documents d
        WHERE {stock} {shelf} AND {for_sale()} AND {_begins(asked)} AND {_not_pinned(asked)} AND {_beyond(asked, stock)}
        ORDER BY {_order(asked, "d.", by_stock=False)} LIMIT :wanted"""


def _price_ends(is_shop: bool) -> str:
    """The cheapest and the dearest, read from the ends of the index of each shelf."""
    ends = []
    for name, pick, way in (("price_from", "min", ""), ("price_to", "max", "DESC")):
        probes = " UNION ALL ".join(
            f"""(SELECT d.price_minor FROM search_documents d
                WHERE {stock} {"" if is_shop else "AND d.category_id = s.id"} ORDER BY d.price_minor {way} LIMIT 1)"""
            for stock in ("d.in_stock", "NOT d.in_stock")
        )
        source = f"({probes}) p" if is_shop else f"shelves s CROSS JOIN LATERAL ({probes}) p"
        ends.append(f"(SELECT {pick}(p.price_minor) FROM {source}) AS {name}")
    return ", ".join(ends)


def _estimate(asked: Asked) -> dict[str, Any]:
    """How many of the sample match, with and without each kind of filter, and what they are."""
    global _shop_size
    sets = _sets(asked, "search_sample", "d.product_id, d.codes, d.price_minor", most=MOST_OF_SAMPLE)
    counted = _counted(asked, list(sets), of=COUNTED_OF_SAMPLE)
    figures = ", ".join(
        f"""'{name}', (SELECT json_build_object('n', count(*), 'from', min(price_minor), 'to', max(price_minor))
             FROM {name})"""
        for name in sets
    )
    asking = f"""
        WITH {QUERY if asked.words else "asked AS (SELECT 1)"}, {", ".join(sets.values())}, {counted}
        SELECT json_build_object({figures}) AS sets, {NAMED},
            coalesce((SELECT n FROM search_facets WHERE category_id = 0 AND code = 0), 0) AS shop_size
    """
    found = _run(asking, asked, asked.scope.values)
    rows = []
    for row in _rows(found):
        hits = found["sets"][row[0]]["n"] if row[0] in found["sets"] else 0
        scale = SAMPLED * max(1.0, hits / COUNTED_OF_SAMPLE)
        rows.append([*row[:6], _rounded(row[6] * scale)])
    return found | {"rows": rows}


def _fetch(asked: Asked, estimate: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """Everything that matches, by the index of words and codes; sorted, and counted exactly where that is few."""
    sample = estimate.get("sets", {})
    many = {name for name, found in sample.items() if found["n"] * SAMPLED > FEW}
    exact = [name for name in ("found", *_but(asked)) if name not in many and most is None]
    sets = _sets(asked, "search_documents", f"{_columns(asked)}, d.codes", most=most)
    kept = {name: sql for name, sql in sets.items() if name == "found" or name in exact}
    place = _beyond(asked, None).replace("d.", "f.")
    asking = f"""
        WITH {QUERY if asked.words else "asked AS (SELECT 1)"}, {", ".join(kept.values())},
        {_counted(asked, exact)},
        top AS MATERIALIZED (
            SELECT f.product_id, f.in_stock, f.key, f.is_pinned FROM found f
            WHERE {place} AND {"NOT f.is_pinned" if asked.cursor else "true"}
            ORDER BY f.is_pinned DESC, {_order(asked, "f.")} LIMIT :page OFFSET :offset)
        SELECT {CARDS.format(order=_order(asked))}, {NAMED},
            (SELECT count(*) FROM found) AS total,
            (SELECT min(price_minor) FROM {"but_price" if "but_price" in kept else "found"}) AS price_from,
            (SELECT max(price_minor) FROM {"but_price" if "but_price" in kept else "found"}) AS price_to
    """
    row = _run(asking, asked, asked.scope.values)
    rows = _rows(row) + [each for each in estimate.get("rows", ()) if each[0] not in exact]
    return row | {"rows": rows, "is_about": False}


def _walk(asked: Asked, estimate: dict[str, Any]) -> dict[str, Any]:
    """The first that match on the way down the index of the wanted order."""
    where = " AND ".join(_conditions(asked))
    column, _ = ORDERS[asked.filters.sort]
    near = [sql for sql in asked.chosen.where() if column == "price_minor" and sql.startswith("d.price_minor")]
    branches = [
        f"""(SELECT {_columns(asked, ranked=False)} FROM (
            SELECT * FROM search_documents d WHERE {" AND ".join([stock, _begins(asked), _beyond(asked, stock), *near])}
            ORDER BY {_order(asked, "d.", by_stock=False, column=column)} LIMIT {WALK[stock]}) d
        WHERE {where} AND {_not_pinned(asked)} LIMIT :wanted)"""
        for stock in _branches(asked)
    ]
    if asked.words and not asked.cursor:
        skus = f"(SELECT {_columns(asked)} FROM search_documents d WHERE {SKU_IS} AND {NO_WORDS})"
        branches.insert(0, skus)
    asking = f"""
        WITH {QUERY if asked.words else "asked AS (SELECT 1)"}, {_top(asked, branches, where)}
        SELECT {CARDS.format(order=_order(asked))}
    """
    row = _run(asking, asked, asked.scope.values)
    found = estimate["sets"]["found"]
    ends = estimate["sets"].get("but_price", found)
    return row | {
        "rows": estimate["rows"],
        "is_about": True,
        "total": _rounded(found["n"] * SAMPLED),
        "price_from": ends["from"],
        "price_to": ends["to"],
    }


def _but(asked: Asked) -> list[str]:
    """The sets in which the chosen kinds are counted: all conditions but those of one kind."""
    kinds = [f"but_{asked.chosen.names[kind]}" for kind in asked.chosen.all_kinds()]
    return [*kinds, "but_price"] if asked.chosen.has_price else kinds


def _sets(asked: Asked, table: str, columns: str, most: int | None) -> dict[str, str]:
    """What matches, and what would match without each chosen kind."""
    limit = f"LIMIT {most}" if most else ""
    found = {}
    kinds: list[str | None] = [None, *asked.chosen.all_kinds(), *(["price"] if asked.chosen.has_price else [])]
    for name, kind in zip(["found", *_but(asked)], kinds, strict=True):
        rest = " AND ".join(_conditions(asked, kind, with_words=False))
        selected = columns if name == "found" else "d.product_id, d.codes, d.price_minor"
        sql = f"SELECT {selected} FROM {table} d WHERE {rest}"
        if asked.words:
            skus = f"SELECT {selected} FROM {table} d WHERE {rest} AND {SKU_IS} AND {NO_WORDS}"
            sql = f"{sql} AND d.words @@ {WORDS} UNION ALL {skus}"
        found[name] = f"{name} AS MATERIALIZED ({sql} {limit})"
    return found


def _counted(asked: Asked, parts: list[str], of: int | None = None) -> str:
    """How many products of each set have each code. Options are counted by pairs when another option is chosen."""
    chosen = asked.chosen
    limit = f"LIMIT {of}" if of else ""
    option = codes.OPTION_IN_STOCK if asked.filters.in_stock else codes.OPTION
    counts = []
    for name, kind in [("found", None), *zip(_but(asked), chosen.all_kinds(), strict=False)]:
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


SKU_IS = """d.product_id IN (
    SELECT product_id FROM variants WHERE upper(sku) = upper(:typed) AND is_active
    UNION ALL SELECT product_id FROM variants WHERE barcode = :typed AND barcode <> '' AND is_active)"""

# Names and brands count more than categories and options, and those more than descriptions; what sells well a little.
RANK = f"""(1000000000 * ts_rank(CAST(ARRAY[0.05, 0.2, 0.5, 1] AS real[]), d.words, {WORDS}, 1)
    * (1 + ln(1 + greatest(d.sold, 0)) / 10)
    * CASE WHEN lower(d.name) = lower(:typed) THEN 2 ELSE 1 END
    * CASE WHEN d.in_stock THEN 1 ELSE {{out}} END)::bigint"""


def _columns(asked: Asked, *, ranked: bool = True) -> str:
    """What every way selects: the product and what it is sorted by."""
    key = f"d.{ORDERS[asked.filters.sort][0]}"
    if asked.filters.sort == "relevance" and asked.words and ranked:
        out = 1 if runtime.settings().sold_out == "mixed" else 0.5
        key = f"CASE WHEN {SKU_IS} THEN {FIRST} ELSE {RANK.format(out=out)} END"
    return f"d.product_id, d.in_stock, d.price_minor, {key} AS key, {_is_pinned(asked)} AS is_pinned"


def _top(asked: Asked, branches: list[str], where: str = "true") -> str:
    """The rows of this page and one more, the pinned ones first."""
    pinned = ""
    if _has_pins(asked) and not asked.cursor:
        pinned = f"""SELECT {_columns(asked)} FROM search_documents d
            WHERE {_is_pinned(asked)} AND {for_sale()} AND {where} UNION ALL """
    one_after_another = " UNION ALL ".join(branches)
    if _by_stock(asked) or asked.filters.sort == "relevance":
        one_after_another = f"SELECT * FROM ({one_after_another}) each LIMIT :wanted"
    return f"""top AS MATERIALIZED (
        SELECT product_id, in_stock, key, is_pinned FROM ({pinned}({one_after_another})) every
        ORDER BY is_pinned DESC, {_order(asked, "")} LIMIT :page OFFSET :offset)"""


def _order(asked: Asked, of: str = "t.", *, by_stock: bool = True, column: str = "key") -> str:
    way = ORDERS[asked.filters.sort][1]
    if of == "d." and column == "key":
        column = ORDERS[asked.filters.sort][0]
    if not by_stock and of == "t.":
        of = ""
    first = f"{of}in_stock DESC, " if by_stock and _by_stock(asked) else ""
    return f"{first}{of}{column} {way}, {of}product_id {way}"


def _by_stock(asked: Asked) -> bool:
    """Whether what is sold out stands last. Among the best matches it only counts less."""
    return runtime.settings().sold_out == "last" and asked.filters.sort != "relevance"


def _branches(asked: Asked) -> list[str]:
    """The halves of each index, which begins with what is in stock."""
    if asked.filters.in_stock or runtime.settings().sold_out == "hidden":
        return ["d.in_stock"]
    return ["d.in_stock", "NOT d.in_stock"]


def _begins(asked: Asked) -> str:
    """Where a walk down the index begins: what is still to come is the newest, and may be many."""
    return "d.newest_key <= extract(epoch FROM now())::bigint" if asked.filters.sort == "newest" else "true"


def _beyond(asked: Asked, stock: str | None) -> str:
    """Where the page before ended, in one half of an index or (None) over all rows."""
    cursor = asked.cursor
    if cursor is None:
        return "true"
    sign = "<" if ORDERS[asked.filters.sort][1] == "DESC" else ">"
    column = "key" if stock is None else ORDERS[asked.filters.sort][0]
    further = f"(d.{column}, d.product_id) {sign} (:after_key, :after_id)"
    if not _by_stock(asked):
        return further
    if stock is None:
        return f"(d.in_stock = :after_stock AND {further} OR d.in_stock < :after_stock)"
    if cursor.in_stock == (stock == "d.in_stock"):
        return further
    return "true" if cursor.in_stock else "false"


def _conditions(asked: Asked, but: str | None = None, *, with_words: bool = True) -> list[str]:
    found = [*asked.scope.where, *asked.chosen.where(but), for_sale()]
    if asked.words and with_words:
        found.append(f"d.words @@ {WORDS}")
    return found


def _has_pins(asked: Asked) -> bool:
    return asked.filters.sort == "featured" and "scope_category" in asked.scope.values


def _is_pinned(asked: Asked) -> str:
    if not _has_pins(asked):
        return "false"
    return "d.product_id = ANY(ARRAY(SELECT product_id FROM category_pins WHERE category_id = :scope_category))"


def _not_pinned(asked: Asked) -> str:
    return f"NOT {_is_pinned(asked)}" if _has_pins(asked) else "true"


def is_small_shop() -> bool:
    """Whether everything that matches may be looked at one by one."""
    return _shop_size is not None and _shop_size <= SMALL


def _run(sql: str, asked: Asked, values: dict[str, Any]) -> dict[str, Any]:
    """Without filters there are few ways to ask, which are worth a plan that is kept."""
    global _shop_size
    every = _values(asked, values)
    if asked.filters.are_none:
        found: Result[Any] = prepared.run(sql, every)
    else:
        asking = _statement(sql)
        found = session().execute(asking, {name: every[name] for name in _parameters(asking)})
    row = found.mappings().one()
    _shop_size = row["shop_size"]
    return dict(row)


@functools.lru_cache(maxsize=1024)
def _statement(sql: str) -> TextClause:
    """Kept, because asking the same way again then costs no compiling."""
    made = text(sql)
    if ":scope_brand" in sql:
        made = made.bindparams(bindparam("scope_brand", type_=ARRAY(BigInteger)))
    return made


@functools.lru_cache(maxsize=1024)
def _parameters(asking: TextClause) -> tuple[str, ...]:
    return tuple(asking.compile().params)


def _values(asked: Asked, values: dict[str, Any]) -> dict[str, Any]:
    """Everything a statement may want to know."""
    every = {
        **asked.scope.values,
        **asked.chosen.values(),
        **values,
        "parent_id": asked.scope.parent_id,
        "page": asked.size + 1,
        "offset": asked.offset,
        "wanted": asked.offset + asked.size + 1,
    }
    if asked.cursor:
        key, product_id, in_stock = asked.cursor
        every |= {"after_key": key, "after_id": product_id, "after_stock": in_stock}
    if asked.words:
        every |= {"words": list(asked.words.words), "typed": asked.words.typed, "is_exact": asked.words.is_exact}
    return every


def _rows(row: dict[str, Any]) -> list[list[Any]]:
    """What was counted: part, kind, title, value, words, colour and number of each."""
    found: list[list[Any]] = []
    for part in ("categories", "options", "brands", "attributes"):
        found += row[part] or ()
    return found


def _rounded(number: float) -> int:
    """Two figures that count: 12,345 is 12,000."""
    whole = int(number)
    digits = max(0, len(str(whole)) - 2)
    return round(whole, -digits)


def _page(row: dict[str, Any], asked: Asked, bound: str) -> Found:
    shown = (row["cards"] or [])[: asked.size]
    has_more = row["shown"] > asked.size
    after = ""
    if has_more and shown:
        key, in_stock, product_id = shown[-1][:3]
        after = Cursor(key, product_id, in_stock).written(bound)
    return Found(
        cards=shown,
        total=row["total"],
        is_about=row["is_about"],
        facets=_facets(row["rows"], asked),
        price_from=row["price_from"],
        price_to=row["price_to"],
        has_more=has_more,
        after=after,
    )


def _facets(rows: list[list[Any]], asked: Asked) -> list[list[Any]]:
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
