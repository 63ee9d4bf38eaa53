"""What the templates of a listing need beside its rows: chips, addresses, pages, words."""

from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from babel.numbers import get_currency_symbol

from app.catalog.queries import SORTS, Filters, Listing, category_names
from app.catalog.queries.listing import last_numbered
from app.lib import runtime
from app.lib.money import Money

AROUND = 1  # page numbers shown on each side of the current one


class Chip(NamedTuple):
    words: str
    url: str


class PageLink(NamedTuple):
    """A numbered link, or a gap when `number` is none."""

    number: int | None
    url: str = ""
    is_current: bool = False


class Narrowing(NamedTuple):
    """A chip that narrows a search to one category, or to none; `number` is none where nobody counted."""

    name: str
    url: str
    number: int | None
    is_current: bool


def narrowing(found: Listing, filters: Filters, q: str, *, is_exact: bool) -> list[Narrowing]:
    """All of a search, and each category that has some of it; nothing when it is one."""
    values = next((facet.values for facet in found.facets if facet.name == "category"), ())
    if len(values) < 2:
        return []
    is_narrowed = any(it.is_chosen for it in values)

    def address(chosen: Filters) -> str:
        return _address("/search", chosen, q, "relevance", 1, "", is_exact)

    def only(category: str) -> Filters:
        return replace(filters, chosen={**filters.chosen, "category": (category,)})

    total = None if is_narrowed else found.total
    every = Narrowing("All", address(filters.without("category")), total, not is_narrowed)
    return [every, *(Narrowing(it.words, address(only(it.value)), it.count, it.is_chosen) for it in values)]


def results(
    found: Listing, filters: Filters, here: str, *, q: str = "", sort: str = "featured", is_exact: bool = False
) -> dict[str, Any]:
    """The context of _results.html, _facets.html, _grid.html and _pager.html. `sort` is the default one."""
    settings = runtime.settings()

    def address(chosen: Filters, page: int = 1, after: str = "") -> str:
        return _address(here, chosen, q, sort, page, after, is_exact)

    pages = min(last_numbered(), -(-found.total // found.page.size))
    about = "about " if found.is_about else ""
    first = found.page.offset + 1
    last = found.page.offset + len(found.cards)
    return {
        "here": here,
        "q": q,
        "count": f"{about}{found.total:,}",
        "is_about": found.is_about,
        "is_exact": is_exact,
        "is_one": found.total == 1,
        "products": found.cards,
        "page_number": found.page.number,
        "chips": [Chip(words, address(fewer)) for words, fewer in _chips(found, filters)],
        "clear_url": address(Filters(sort=filters.sort)),
        "sorts": [
            {"value": value, "words": words}
            for value, words in SORTS.items()
            if value != "relevance" or sort == "relevance"
        ],
        "sort": filters.sort,
        "facets": found.facets,
        "filters": {
            "price_min": _plain(filters.price_min),
            "price_max": _plain(filters.price_max),
            "in_stock": filters.in_stock,
            "price_from": _money(found.price_from),
            "price_to": _money(found.price_to),
        },
        "currency_symbol": get_currency_symbol(settings.currency, settings.locale),
        "shown_words": f"Showing {first:,} to {last:,} of {about}{found.total:,}" if found.cards else "",
        "shown": last,
        "total": found.total,
        "next_url": address(filters, found.page.number + 1, found.after) if found.page.has_more else None,
        "pages": _pages(found.page.number, pages, lambda number: address(filters, number)),
    }


def _chips(found: Listing, filters: Filters) -> list[tuple[str, Filters]]:
    """Each active filter in words, with the filters that stay when it goes."""
    words = {(facet.name, value.value.lower()): value.words for facet in found.facets for value in facet.values}
    categories = category_names()
    chips = []
    for kind, values in filters.chosen.items():
        for value in values:
            name = words.get((kind, value.lower()))
            if name is None and kind == "category" and value in categories:
                name = categories[value].name
            label = f"Size {name or value}" if kind == "size" else name or value
            chips.append((label, filters.without(kind, value)))
    if filters.price_min is not None:
        chips.append((f"From {_money(filters.price_min)}", filters.without("price_min")))
    if filters.price_max is not None:
        chips.append((f"Up to {_money(filters.price_max)}", filters.without("price_max")))
    if filters.in_stock:
        chips.append(("In stock", filters.without("in_stock")))
    return chips


def _address(here: str, filters: Filters, q: str, default_sort: str, page: int, after: str, is_exact: bool) -> str:
    fields: list[tuple[str, str]] = [("q", q)] if q else []
    if is_exact:
        fields.append(("exact", "1"))
    fields += [(kind, value) for kind, values in filters.chosen.items() for value in values]
    for name in ("price_min", "price_max"):
        if getattr(filters, name) is not None:
            fields.append((name, _plain(getattr(filters, name))))
    if filters.in_stock:
        fields.append(("in_stock", "1"))
    if filters.sort != default_sort:
        fields.append(("sort", filters.sort))
    if page > 1:
        fields.append(("page", str(page)))
        if after:
            fields.append(("after", after))
    return f"{here}?{urlencode(fields)}" if fields else here


def _money(minor: int | None) -> Money | None:
    return None if minor is None else Money(minor, runtime.settings().currency)


def _plain(minor: int | None) -> str:
    amount = _money(minor)
    return amount.plain() if amount is not None else ""


def _pages(current: int, pages: int, address: Any) -> list[PageLink]:
    """1 … 4 5 6 … 9"""
    near = {1, pages, *range(current - AROUND, current + AROUND + 1)}
    links: list[PageLink] = []
    before = 0
    for number in sorted(number for number in near if 1 <= number <= pages):
        if number - before > 1:
            links.append(PageLink(None))
        links.append(PageLink(number, address(number), number == current))
        before = number
    return links
