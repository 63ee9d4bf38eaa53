"""What a shopper types into an address: filters and options. Nonsense is left out, never refused."""

from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from app.catalog.queries import SORTS, Filters
from app.catalog.queries.filters import SHELVES, kinds_of
from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.money import Money

# The fields of a listing's address that every shop knows; a page with a filter of the shop's own is made anew.
FILTERS = (*SHELVES, "size", "colour", "price_min", "price_max", "in_stock", "sort", "page", "after")
MOST_KINDS = 4  # of options and attributes: each pair of options is a condition
MOST_VALUES = 30  # of one kind
LONGEST = 100


def filters_from(args: MultiDict[str, str], *, sort: str = "featured") -> Filters:
    """The filters of an address. An unknown value stays and finds nothing; no amount is no limit."""
    asked = args.get("sort", "")
    is_known = asked in SORTS and (asked != "relevance" or sort == "relevance")
    kinds = kinds_of({name for name in args if len(name) <= LONGEST})
    shelves = [kind for kind, what in kinds.items() if what == "shelf"]
    others = [kind for kind, what in kinds.items() if what != "shelf"][:MOST_KINDS]
    chosen = {kind: values for kind in (*shelves, *others) if (values := _values(args, kind))}
    return Filters(
        chosen=chosen,
        attributes=tuple(sorted(kind for kind in chosen if kinds[kind] == "attribute")),
        price_min=_amount(args.get("price_min", "")),
        price_max=_amount(args.get("price_max", "")),
        in_stock=args.get("in_stock") == "1",
        sort=asked if is_known else sort,
    )


def words_from(args: Mapping[str, str]) -> str:
    """What was typed into the search box."""
    return " ".join(args.get("q", "")[:LONGEST].split())


def options_from(args: Mapping[str, str]) -> dict[str, str]:
    """What may be an option of a product's address: ?colour=moss&size=m."""
    return {name: value[:LONGEST] for name, value in args.items() if value}


def _values(args: MultiDict[str, str], kind: str) -> tuple[str, ...]:
    given = dict.fromkeys(value.strip()[:LONGEST] for value in args.getlist(kind))
    return tuple(value for value in given if value)[:MOST_VALUES]


def _amount(typed: str) -> int | None:
    settings = runtime.settings()
    try:
        return Money.parse(typed[:LONGEST], settings.currency).minor
    except Invalid:
        return None
