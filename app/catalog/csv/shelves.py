"""Categories as a file calls them: by the way to them, in names or in slugs."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from app.lib.slugs import slug_of


class Shelves:
    """`ways` are the slugs down to a category, joined by slashes, by its id; `ids` the other way round."""

    def __init__(self, rows: Iterable[Row[Any]]):
        """`rows` are id, way and name."""
        self.ways: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self.called: dict[tuple[str, str], str] = {}
        for row in rows:
            self.add(row.id, row.way, row.name)

    def add(self, number: int, way: str, name: str) -> None:
        self.ways[number], self.ids[way] = way, number
        self.called.setdefault((way.rpartition("/")[0], name.lower()), way)

    def find(self, parts: Sequence[str]) -> str | None:
        """The way to what these names or slugs lead to. A slug may differ from its name: another had it first."""
        here = ""
        for part in parts:
            found = self._below(here, part)
            if found is None:
                return None
            here = found
        return here or None

    def _below(self, here: str, part: str) -> str | None:
        if (way := join(here, part)) in self.ids:
            return way
        if found := self.called.get((here, part.lower())):
            return found
        return way if (way := join(here, slug_of(part))) in self.ids else None


def join(here: str, part: str) -> str:
    return f"{here}/{part}" if here else part
