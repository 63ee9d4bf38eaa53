"""A section of the front page as it is stored: one JSON for the draft, one for what is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.catalog.queries import Rule, Shelf


@dataclass(frozen=True, kw_only=True)
class Section:
    """The fields of every kind. `picture` has key, widths and formats; `body` is Markdown.

    hero, feature: title, text, url, action, picture, alt. tiles: title. text: title, body.
    shelf: title, url (where "See all" leads), rule and sort, or `products` (ids) chosen by hand; `is_grid` shows
    all of it, otherwise it scrolls sideways.
    """

    title: str = ""
    text: str = ""
    body: str = ""
    url: str = ""
    action: str = ""
    picture: Mapping[str, Any] | None = None
    alt: str = ""
    rule: Rule = Rule()
    sort: str = "newest"
    products: tuple[int, ...] = ()
    is_grid: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @staticmethod
    def of(stored: Mapping[str, Any]) -> "Section":
        """From JSON; fields it does not know are left out."""
        known = {name: stored[name] for name in Section.__dataclass_fields__ if name in stored}
        if "rule" in known:
            known["rule"] = Rule.of(known["rule"])
        if "products" in known:
            known["products"] = tuple(known["products"])
        for name in ("starts_at", "ends_at"):
            if known.get(name):
                known[name] = datetime.fromisoformat(known[name])
        return Section(**known)

    def stored(self) -> dict[str, Any]:
        """For a JSON column, without what is empty."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["rule"] = self.rule.stored() if self.rule != Rule() else None
        values["products"] = list(self.products)
        values["starts_at"] = self.starts_at.isoformat() if self.starts_at else None
        values["ends_at"] = self.ends_at.isoformat() if self.ends_at else None
        values["sort"] = self.sort if self.sort != "newest" else None
        return {name: value for name, value in values.items() if value}

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.rule, self.sort, self.products)

    def runs(self, at: datetime) -> bool:
        """Compared at read: it begins and ends at its moment without any job."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or self.ends_at > at)


# What a front page begins with, before staff make it theirs.
FIRST = (
    ("tiles", Section(title="Shop by category")),
    ("shelf", Section(title="New arrivals", is_grid=True)),
    ("shelf", Section(title="Popular right now", rule=Rule(is_featured=True))),
    ("shelf", Section(title="Reduced", rule=Rule(is_reduced=True))),
)
