"""A listing: how many match, what else could be chosen, and one page of cards. One statement, or two."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from app.catalog.queries.cards import CardView, card_of
from app.catalog.queries.filters import SHELVES, Filters
from app.catalog.search.conditions import Scope
from app.catalog.search.find import Found, find, is_small_shop
from app.catalog.search.pieces import Words
from app.lib.paging import Page

__all__ = ["Facet", "FacetValue", "Listing", "Scope", "listing", "listing_of"]

# Further pages are reached from the one before; an address that names one shows the first. Each page before the one
# that is named has to be read.
LAST_NUMBERED, LAST_NUMBERED_OF_MANY = 40, 10


def last_numbered() -> int:
    return LAST_NUMBERED if is_small_shop() else LAST_NUMBERED_OF_MANY


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value that could be chosen, and how many products it would show under the other filters."""

    value: str
    words: str
    count: int
    colour: str
    is_chosen: bool

    @property
    def is_empty(self) -> bool:
        return self.count == 0


class Facet(NamedTuple):
    """One kind of filter. Styles: list, sizes, swatches."""

    name: str
    title: str
    style: str
    values: tuple[FacetValue, ...]
    is_open: bool


@dataclass(frozen=True)
class Listing:
    """One page of what matches. `price_from` and `price_to` are minor units, none when nothing is there.

    `after` leads to the next page, which then has no row of this one, whatever changed meanwhile. `is_about` says
    that total and counts are estimated. `corrected` are the words that were searched instead of the typed ones.
    """

    cards: list[CardView]
    total: int
    page: Page
    facets: list[Facet]
    price_from: int | None
    price_to: int | None
    after: str = ""
    is_about: bool = False
    corrected: str = ""


def listing(scope: Scope, filters: Filters, page: Page, *, words: Words | None = None) -> Listing:
    """What matches, on sale only. A page beyond the last one, or one far on without its cursor, is the first one."""
    is_numbered = page.number <= last_numbered()
    if not is_numbered and not page.after:
        page = Page(1, page.size)
    found = find(scope, filters, words, page.size, page.offset if is_numbered else 0, page.after)
    if page.number > 1 and not found.cards:
        page = Page(1, page.size)
        found = find(scope, filters, words, page.size, 0, "")
    return listing_of(found, scope, filters, page)


def listing_of(found: Found, scope: Scope, filters: Filters, page: Page) -> Listing:
    return Listing(
        cards=[card_of(row[2:]) for row in found.cards],
        total=found.total,
        page=Page(page.number, page.size, found.has_more, page.after),
        facets=_facets(found.facets, scope, filters),
        price_from=found.price_from,
        price_to=found.price_to,
        after=found.after,
        is_about=found.is_about,
    )


STYLES = {"size": "sizes", "colour": "swatches"}


def _facets(rows: list[list[Any]], scope: Scope, filters: Filters) -> list[Facet]:
    """Category, size, colour, other options, brand, attributes: each with the values that are there."""
    facets: dict[str, tuple[str, list[FacetValue]]] = {}
    for kind, title, value, words, colour, number in rows:
        if kind == "brand" and not scope.has_brands:
            continue
        chosen = {each.lower() for each in filters.chosen.get(kind, ())}
        # Options and attributes answer to their code and to their name; categories and brands to their slug.
        is_chosen = value.lower() in chosen or (kind not in SHELVES and words.lower() in chosen)
        _, values = facets.setdefault(kind, (title, []))
        values.append(FacetValue(value, words, number, colour, is_chosen))
    return [
        Facet(kind, title, STYLES.get(kind, "list"), tuple(values), kind != "brand" or bool(filters.chosen.get(kind)))
        for kind, (title, values) in facets.items()
    ]
