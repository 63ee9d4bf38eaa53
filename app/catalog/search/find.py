"""Answering a listing or a search: one page of cards, the total, and what else could be chosen.

Four ways, so that none can take long however many products there are (measured at 1,000,000):
a whole category is read from the ends of its indexes and its counts were counted before; few matches are fetched by the
index of words and codes, then sorted and counted exactly; many are met by walking the index of the wanted order, as far
as WALK says, with counts scaled up from the sample; what a walk does not fill is fetched and sorted after all.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Result, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.queries.filters import Filters
from app.catalog.queries.fragments import CARD, OFFER, for_sale
from app.catalog.search import counting, pieces
from app.catalog.search.conditions import Scope
from app.catalog.search.cursor import Cursor
from app.catalog.search.pieces import Asked, Words
from app.lib import prepared, runtime
from app.lib.db import session

FEW = 3_000  # matches that are fetched, sorted and counted one by one
SMALL = 3_000  # a shop with so few products needs no estimate
WALK = {"d.in_stock": 10_000, "NOT d.in_stock": 2_000}  # products a walk looks at, in each half of an index
MOST_FETCHED = 5_000  # matches fetched when a walk filled no page
SAMPLED = 1024 / 51  # how many documents one of the sample stands for
MOST_OF_SAMPLE = 2_500  # matches in the sample beyond which nobody counts: "50,000+"
COUNTED_OF_SAMPLE = 800  # of them whose codes are counted


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


def _whole_shelf(asked: Asked) -> dict[str, Any] | None:
    """Without words and filters: from the ends of the indexes. None while a category moves and its counts are late."""
    is_shop = not asked.scope.where
    branches = []
    for stock in pieces.branches(asked):
        part = _ends(asked, stock)
        if not is_shop:
            order = pieces.order(asked, by_stock=False)
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
        WITH {shelves} {pieces.top(asked, branches)},
        counted AS (
            SELECT 'found' AS part, code, {n} AS n FROM search_facets
            WHERE category_id = :counted_for AND code <> 0 AND {n} > 0)
        SELECT {CARDS.format(order=pieces.order(asked))}, {counting.NAMED},
            EXISTS (SELECT FROM search_moves) AS is_moving,
            coalesce((SELECT {n} FROM search_facets WHERE category_id = :counted_for AND code = 0), 0) AS total,
            {_price_ends(is_shop)}
    """
    values = asked.scope.values | {"counted_for": asked.scope.values.get("scope_category", 0)}
    row = _run(asking, asked, values)
    if row["is_moving"]:
        return None
    return row | {"is_about": False, "rows": counting.rows(row)}


def _ends(asked: Asked, stock: str) -> str:
    """The first rows by one index."""
    shelf = "AND d.category_id = s.id" if asked.scope.where else ""
    return f"""
        SELECT {pieces.columns(asked)} FROM search_documents d
        WHERE {stock} {shelf} AND {for_sale()} AND {pieces.begins(asked)} AND {pieces.not_pinned(asked)}
            AND {pieces.beyond(asked, stock)}
        ORDER BY {pieces.order(asked, "d.", by_stock=False)} LIMIT :wanted"""


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
    sets = counting.sets(asked, "search_sample", "d.product_id, d.codes, d.price_minor", most=MOST_OF_SAMPLE)
    counted = counting.counted(asked, list(sets), of=COUNTED_OF_SAMPLE)
    figures = ", ".join(
        f"""'{name}', (SELECT json_build_object('n', count(*), 'from', min(price_minor), 'to', max(price_minor))
             FROM {name})"""
        for name in sets
    )
    asking = f"""
        WITH {pieces.QUERY if asked.words else "asked AS (SELECT 1)"}, {", ".join(sets.values())}, {counted}
        SELECT json_build_object({figures}) AS sets, {counting.NAMED},
            coalesce((SELECT n FROM search_facets WHERE category_id = 0 AND code = 0), 0) AS shop_size
    """
    found = _run(asking, asked, asked.scope.values)
    rows = []
    for row in counting.rows(found):
        hits = found["sets"][row[0]]["n"] if row[0] in found["sets"] else 0
        scale = SAMPLED * max(1.0, hits / COUNTED_OF_SAMPLE)
        rows.append([*row[:6], _rounded(row[6] * scale)])
    return found | {"rows": rows}


def _fetch(asked: Asked, estimate: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """Everything that matches, by the index of words and codes; sorted, and counted exactly where that is few."""
    sample = estimate.get("sets", {})
    many = {name for name, found in sample.items() if found["n"] * SAMPLED > FEW}
    exact = [name for name in ("found", *counting.but(asked)) if name not in many and most is None]
    sets = counting.sets(asked, "search_documents", f"{pieces.columns(asked)}, d.codes", most=most)
    kept = {name: sql for name, sql in sets.items() if name == "found" or name in exact}
    place = pieces.beyond(asked, None).replace("d.", "f.")
    asking = f"""
        WITH {pieces.QUERY if asked.words else "asked AS (SELECT 1)"}, {", ".join(kept.values())},
        {counting.counted(asked, exact)},
        top AS MATERIALIZED (
            SELECT f.product_id, f.in_stock, f.key, f.is_pinned FROM found f
            WHERE {place} AND {"NOT f.is_pinned" if asked.cursor else "true"}
            ORDER BY f.is_pinned DESC, {pieces.order(asked, "f.")} LIMIT :page OFFSET :offset)
        SELECT {CARDS.format(order=pieces.order(asked))}, {counting.NAMED},
            (SELECT count(*) FROM found) AS total,
            (SELECT min(price_minor) FROM {"but_price" if "but_price" in kept else "found"}) AS price_from,
            (SELECT max(price_minor) FROM {"but_price" if "but_price" in kept else "found"}) AS price_to
    """
    row = _run(asking, asked, asked.scope.values)
    rows = counting.rows(row) + [each for each in estimate.get("rows", ()) if each[0] not in exact]
    return row | {"rows": rows, "is_about": False}


def _walk(asked: Asked, estimate: dict[str, Any]) -> dict[str, Any]:
    """The first that match on the way down the index of the wanted order."""
    where = " AND ".join(pieces.conditions(asked))
    column, _ = pieces.ORDERS[asked.filters.sort]
    near = [sql for sql in asked.chosen.where() if column == "price_minor" and sql.startswith("d.price_minor")]
    branches = [
        f"""(SELECT {pieces.columns(asked, ranked=False)} FROM (
            SELECT * FROM search_documents d
            WHERE {" AND ".join([stock, pieces.begins(asked), pieces.beyond(asked, stock), *near])}
            ORDER BY {pieces.order(asked, "d.", by_stock=False, column=column)} LIMIT {WALK[stock]}) d
        WHERE {where} AND {pieces.not_pinned(asked)} LIMIT :wanted)"""
        for stock in pieces.branches(asked)
    ]
    if asked.words and not asked.cursor:
        skus = f"(SELECT {pieces.columns(asked)} FROM search_documents d WHERE {pieces.SKU_IS} AND {pieces.NO_WORDS})"
        branches.insert(0, skus)
    asking = f"""
        WITH {pieces.QUERY if asked.words else "asked AS (SELECT 1)"}, {pieces.top(asked, branches, where)}
        SELECT {CARDS.format(order=pieces.order(asked))}
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


def is_small_shop() -> bool:
    """Whether everything that matches may be looked at one by one."""
    return _shop_size is not None and _shop_size <= SMALL


def _run(sql: str, asked: Asked, values: dict[str, Any]) -> dict[str, Any]:
    """Without filters there are few ways to ask, which are worth a plan that is kept."""
    global _shop_size
    every = _values(asked, values)
    if not asked.offset:
        sql = _of_first_page(sql, every["page"])
    if asked.filters.are_none:
        found: Result[Any] = prepared.run(sql, every)
    else:
        asking = _statement(sql)
        found = session().execute(asking, {name: every[name] for name in _parameters(asking)})
    row = found.mappings().one()
    _shop_size = row["shop_size"]
    return dict(row)


@functools.lru_cache(maxsize=1024)
def _of_first_page(sql: str, most: int) -> str:
    """With its limits written out: a plan for all values is kept only if it is known how little is asked for.

    Without them each listing and search of 1,000,000 products was planned anew, which took 3 ms.
    """
    return re.sub(r":(wanted|page|offset)\b", lambda limit: "0" if limit[1] == "offset" else str(most), sql)


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
        facets=counting.facets(row["rows"], asked),
        price_from=row["price_from"],
        price_to=row["price_to"],
        has_more=has_more,
        after=after,
    )
