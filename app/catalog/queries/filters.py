"""What a shopper may narrow a listing by: any of the values of one kind, all of the kinds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import text

from app.lib.db import session

SORTS = {
    "relevance": "Best match",
    "featured": "Featured",
    "newest": "Newest",
    "price": "Price, low to high",
    "-price": "Price, high to low",
    "best": "Best sellers",
}

SHELVES = ("category", "brand")
RESERVED = frozenset(
    {"q", "sort", "page", "after", "exact", "price_min", "price_max", "in_stock", *SHELVES, "sku", "quantity", "key"}
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Chosen values by kind, prices in minor units of the shop's currency.

    A kind is category, brand, the code of an option (size, colour) or of an attribute that is marked filterable.
    """

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()  # which of the chosen kinds are attributes
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    sort: str = "featured"

    def without(self, kind: str, value: str | None = None) -> "Filters":
        """The same without one value of a kind, or without the whole kind."""
        if kind == "in_stock":
            return replace(self, in_stock=False)
        if kind in ("price_min", "price_max"):
            nothing: dict[str, Any] = {kind: None}
            return replace(self, **nothing)
        kept = () if value is None else tuple(each for each in self.chosen.get(kind, ()) if each != value)
        rest = {name: values for name, values in self.chosen.items() if name != kind}
        return replace(self, chosen=rest | {kind: kept} if kept else rest)

    @property
    def options(self) -> list[str]:
        """The chosen kinds that variants differ by."""
        return [kind for kind in self.chosen if kind not in SHELVES and kind not in self.attributes]

    @property
    def are_none(self) -> bool:
        return not self.chosen and self.price_min is None and self.price_max is None and not self.in_stock


KEEP_FIELDS = 2.0  # seconds: how long another process may not know a new option or attribute
_kept: tuple[float, dict[str, str]] | None = None

FIELDS = text("""
    SELECT code, 'option' AS what FROM options
    UNION ALL SELECT code, 'attribute' FROM attributes WHERE is_filterable
""")


def kinds_of(names: set[str]) -> dict[str, str]:
    """Which of these names of an address are filters: "shelf", "option" or "attribute" by name, the others left out.

    One statement every two seconds, and only when an address has names that not every shop knows.
    """
    found = {name: "shelf" for name in SHELVES if name in names} | {
        name: "option" for name in ("size", "colour") if name in names
    }
    if names <= RESERVED | found.keys():
        return found
    return found | {name: what for name, what in _fields().items() if name in names and name not in RESERVED}


def _fields() -> dict[str, str]:
    global _kept
    if _kept is None or _kept[0] < time.monotonic():
        rows = session().execute(FIELDS)
        _kept = time.monotonic() + KEEP_FIELDS, {row.code: row.what for row in reversed(rows.all())}
    return _kept[1]
