"""One request of a listing or a search, and the pieces of SQL that say which products it means and in which order."""

import functools
from dataclasses import dataclass

from app.catalog.queries.filters import Filters
from app.catalog.queries.fragments import for_sale
from app.catalog.search.conditions import Chosen, Scope
from app.catalog.search.cursor import Cursor
from app.lib import runtime

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


QUERY = "asked AS MATERIALIZED (SELECT search_query(:words, :is_exact) AS words)"
WORDS = "(SELECT words FROM asked)"
NO_WORDS = f"NOT coalesce(d.words @@ {WORDS}, false)"

SKU_IS = """d.product_id IN (
    SELECT product_id FROM variants WHERE upper(sku) = upper(:typed) AND is_active
    UNION ALL SELECT product_id FROM variants WHERE barcode = :typed AND barcode <> '' AND is_active)"""

# Names and brands count more than categories and options, and those more than descriptions; what sells well a little.
RANK = f"""(1000000000 * ts_rank(CAST(ARRAY[0.05, 0.2, 0.5, 1] AS real[]), d.words, {WORDS}, 1)
    * (1 + ln(1 + greatest(d.sold, 0)) / 10)
    * CASE WHEN lower(d.name) = lower(:typed) THEN 2 ELSE 1 END
    * CASE WHEN d.in_stock THEN 1 ELSE {{out}} END)::bigint"""


def columns(asked: Asked, *, ranked: bool = True) -> str:
    """What every way selects: the product and what it is sorted by."""
    key = f"d.{ORDERS[asked.filters.sort][0]}"
    if asked.filters.sort == "relevance" and asked.words and ranked:
        out = 1 if runtime.settings().sold_out == "mixed" else 0.5
        key = f"CASE WHEN {SKU_IS} THEN {FIRST} ELSE {RANK.format(out=out)} END"
    return f"d.product_id, d.in_stock, d.price_minor, {key} AS key, {is_pinned(asked)} AS is_pinned"


def top(asked: Asked, branches: list[str], where: str = "true") -> str:
    """The rows of this page and one more, the pinned ones first."""
    pinned = ""
    if has_pins(asked) and not asked.cursor:
        pinned = f"""SELECT {columns(asked)} FROM search_documents d
            WHERE {is_pinned(asked)} AND {for_sale()} AND {where} UNION ALL """
    one_after_another = " UNION ALL ".join(branches)
    if puts_sold_out_last(asked) or asked.filters.sort == "relevance":
        one_after_another = f"SELECT * FROM ({one_after_another}) each LIMIT :wanted"
    return f"""top AS MATERIALIZED (
        SELECT product_id, in_stock, key, is_pinned FROM ({pinned}({one_after_another})) every
        ORDER BY is_pinned DESC, {order(asked, "")} LIMIT :page OFFSET :offset)"""


def order(asked: Asked, of: str = "t.", *, by_stock: bool = True, column: str = "key") -> str:
    """The wanted order of rows that `of` names; what is sold out stands last where the shop says so."""
    way = ORDERS[asked.filters.sort][1]
    if of == "d." and column == "key":
        column = ORDERS[asked.filters.sort][0]
    if not by_stock and of == "t.":
        of = ""
    first = f"{of}in_stock DESC, " if by_stock and puts_sold_out_last(asked) else ""
    return f"{first}{of}{column} {way}, {of}product_id {way}"


def puts_sold_out_last(asked: Asked) -> bool:
    """Whether what is sold out stands last. Among the best matches it only counts less."""
    return runtime.settings().sold_out == "last" and asked.filters.sort != "relevance"


def branches(asked: Asked) -> list[str]:
    """The halves of each index, which begins with what is in stock."""
    if asked.filters.in_stock or runtime.settings().sold_out == "hidden":
        return ["d.in_stock"]
    return ["d.in_stock", "NOT d.in_stock"]


def begins(asked: Asked) -> str:
    """Where a walk down the index begins: what is still to come is the newest, and may be many."""
    return "d.newest_key <= extract(epoch FROM now())::bigint" if asked.filters.sort == "newest" else "true"


def beyond(asked: Asked, stock: str | None) -> str:
    """Where the page before ended, in one half of an index or (None) over all rows."""
    cursor = asked.cursor
    if cursor is None:
        return "true"
    sign = "<" if ORDERS[asked.filters.sort][1] == "DESC" else ">"
    column = "key" if stock is None else ORDERS[asked.filters.sort][0]
    further = f"(d.{column}, d.product_id) {sign} (:after_key, :after_id)"
    if not puts_sold_out_last(asked):
        return further
    if stock is None:
        return f"(d.in_stock = :after_stock AND {further} OR d.in_stock < :after_stock)"
    if cursor.in_stock == (stock == "d.in_stock"):
        return further
    return "true" if cursor.in_stock else "false"


def conditions(asked: Asked, but: str | None = None, *, with_words: bool = True) -> list[str]:
    """Everything a product must fulfil, but for what was chosen of the kind `but`."""
    found = [*asked.scope.where, *asked.chosen.where(but), for_sale()]
    if asked.words and with_words:
        found.append(f"d.words @@ {WORDS}")
    return found


def has_pins(asked: Asked) -> bool:
    """Whether products that staff pinned in this category come first."""
    return asked.filters.sort == "featured" and "scope_category" in asked.scope.values


def is_pinned(asked: Asked) -> str:
    if not has_pins(asked):
        return "false"
    return "d.product_id = ANY(ARRAY(SELECT product_id FROM category_pins WHERE category_id = :scope_category))"


def not_pinned(asked: Asked) -> str:
    return f"NOT {is_pinned(asked)}" if has_pins(asked) else "true"
