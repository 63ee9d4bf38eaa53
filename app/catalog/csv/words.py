"""Brands, options and attributes as a file calls them: by name, as people do, or by code, as an export does."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from app.lib.slugs import slug_of

Pair = tuple[str, str]


class Called:
    """What things are called: their codes by their names."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # by code
        self.codes: dict[str, str] = {}
        self.in_any_case: dict[str, str] = {}

    def add(self, code: str, name: str) -> None:
        self.names[code] = name
        self.codes.setdefault(name, code)
        self.in_any_case.setdefault(name.lower(), code)

    def typed(self, word: str) -> str | None:
        """The code of what somebody calls so. Two names may make one code, so a name counts before a code."""
        return self.codes.get(word) or self.kept(word)

    def kept(self, word: str) -> str | None:
        """The code of what a checked row calls so: a code, unless there was none when it was checked."""
        return word if word in self.names else self.codes.get(word) or self.in_any_case.get(word.lower())


class Brands:
    """`slugs` by id, and what they are called."""

    def __init__(self, rows: Iterable[Row[Any]]):
        """`rows` are id, slug and name."""
        self.called = Called()
        self.slugs: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        for row in rows:
            self.add(row.id, row.slug, row.name)

    def add(self, number: int, slug: str, name: str) -> None:
        self.called.add(slug, name)
        self.slugs[number], self.ids[slug] = slug, number

    def typed(self, word: str) -> str | None:
        """The slug of what somebody calls so."""
        return self.called.typed(word) or self._like(word)

    def kept(self, word: str) -> str | None:
        """The slug of what a checked row calls so."""
        return self.called.kept(word) or self._like(word)

    def _like(self, word: str) -> str | None:
        slug = slug_of(word)
        return slug if slug in self.ids else None


class Words:
    """The options, or the attributes, with their values; `pairs` are the codes of both by the id of a value."""

    def __init__(self, rows: Iterable[Row[Any]]):
        """`rows` are an option's code and name as kind and called, with its value's id, code and name, or none."""
        self.kinds = Called()
        self.values: dict[str, Called] = {}
        self.pairs: dict[int, Pair] = {}
        self.ids: dict[Pair, int] = {}
        for row in rows:
            self.kinds.add(row.kind, row.called)
            values = self.values.setdefault(row.kind, Called())
            if row.id is not None:
                values.add(row.code, row.name)
                pair = (row.kind, row.code)
                self.pairs[row.id], self.ids[pair] = pair, row.id

    def typed(self, kind: str, value: str) -> Pair:
        """The codes of what somebody typed; what there is none of stays as it is typed."""
        code = self._kind_typed(kind)
        return (kind, value) if code is None else (code, self.values[code].typed(value) or value)

    def kept(self, pair: Pair) -> Pair:
        """The codes, by now, of a pair as a checked row has it."""
        kind = self._kind_kept(pair[0])
        return pair if kind is None else (kind, self.values[kind].kept(pair[1]) or pair[1])

    def name_of(self, pair: Pair) -> str:
        """What the value of a checked row is called."""
        kind, value = self.kept(pair)
        return self.values[kind].names.get(value, value) if kind in self.values else value

    def _kind_typed(self, word: str) -> str | None:
        return self.kinds.typed(word)

    def _kind_kept(self, word: str) -> str | None:
        return self.kinds.kept(word)


class OptionWords(Words):
    """An option is known by the code that its name makes, whatever name came first."""

    def _kind_typed(self, word: str) -> str | None:
        return self._kind_kept(word)

    def _kind_kept(self, word: str) -> str | None:
        code = slug_of(word)
        return code if code in self.values else None
