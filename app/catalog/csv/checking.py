"""A row of a file against what the shop says: new, changed, unchanged, or wrong and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.catalog.addresses import RESERVED
from app.catalog.attributes import MOST_VALUES
from app.catalog.csv import cells, current, rules
from app.catalog.csv.columns import BY_NAME, OF_NEW, OF_PRODUCT, OF_VARIANT, Column
from app.catalog.csv.current import Current, Names
from app.catalog.csv.reading import Line
from app.catalog.csv.shelves import join
from app.catalog.csv.words import Pair
from app.catalog.variants import LONGEST_VALUE, MOST_VARIANTS, SKU
from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.slugs import slug_of

Changes = dict[str, tuple[str, str]]
# What something stocked has none of, so it goes when something becomes stocked.
NOT_STOCKED = {"backorder_limit": "0", "ships_on": ""}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is new, changed, unchanged or wrong; `changes` is column -> (was, will be), as cells."""

    line: Line
    sku: str
    product: str
    word: str
    changes: Changes = field(default_factory=dict)
    reason: str = ""


class Seen:
    """What the rows above have said, so that two of them do not contradict each other. Grows with the file."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.products: dict[str, tuple[int, int]] = {}
        self.kinds: dict[str, frozenset[str]] = {}
        self.sets: dict[tuple[str, str], str] = {}
        self.added: dict[str, int] = {}

    def note(self, sku: str, line: Line) -> None:
        """Raises Invalid for a SKU that stands further up."""
        if sku in self.lines:
            raise Invalid(f"sku: {sku} stands in line {self.lines[sku]} already.")
        self.lines[sku] = line.number

    def agree(self, product: str, line: Line) -> None:
        """Raises Invalid when a row above says something else about the same product."""
        said = hash(tuple(line.cells.get(column.name) for column in OF_PRODUCT))
        before, where = self.products.setdefault(product, (said, line.number))
        if before != said:
            raise Invalid(f"product: line {where} says something else about {product}. Make both say the same.")


def sku_of(line: Line) -> str:
    return line.cells.get("sku", "").strip().upper()


class Checker:
    """Checks one batch of rows, having read what the shop says about all of them in a few statements."""

    def __init__(self, batch: list[Line], seen: Seen):
        self.batch, self.seen, self.names = batch, seen, Names()
        self.here = current.of_skus([sku_of(line) for line in batch if cells.is_text(sku_of(line))], self.names)
        self.ways = {way.rpartition("/")[2]: way for way in self.names.shelves.ids}
        self.families = current.of_slugs(self._families(), self.names)

    def verdicts(self) -> list[Verdict]:
        return [self._verdict(line) for line in self.batch]

    def _families(self) -> set[str]:
        """The products of which every variant must be known: those with a new one, or with other options."""
        wanted = set()
        for line in self.batch:
            known = self.here.get(sku_of(line))
            if known is None:
                wanted.add(slug_of(line.cells.get("product", "")))
            elif line.cells.get("options", known.cells["options"]) != known.cells["options"]:
                wanted.add(known.cells["product"])
        return wanted

    def _verdict(self, line: Line) -> Verdict:
        sku = sku_of(line)
        known = self.here.get(sku)
        typed = line.cells.get("product", "").strip()
        product = known.cells["product"] if known else slug_of(typed) if typed else ""
        try:
            if line.problem:
                raise Invalid(line.problem)
            self._whose(line, sku, typed, known)
            self.seen.agree(product, line)
            changes = self._changes_of(line, known) if known else self._new(line, product)
            if "options" in changes or known is None:
                self._check_options(sku, product, changes.get("options", ("", ""))[1], known is None)
        except Invalid as error:
            return Verdict(line, sku[:40], product[:80], "wrong", reason=error.sentence)
        word = "new" if known is None else "changed" if changes else "unchanged"
        return Verdict(line, sku, product, word, changes)

    def _whose(self, line: Line, sku: str, typed: str, known: Current | None) -> None:
        if not SKU.fullmatch(sku):
            raise Invalid("sku: it is 1 to 40 letters, digits, dots, hyphens or underscores.")
        self.seen.note(sku, line)
        if known and typed and typed != known.cells["product"]:
            raise Invalid(f"product: {sku} belongs to {known.cells['product']}, which a file does not change.")
        if not known and not typed:
            raise Invalid(f"product: nobody has {sku} yet. Say which product it belongs to, such as field-jacket.")
        currency = line.cells.get("currency", "").strip()
        if currency and currency != runtime.settings().currency:
            raise Invalid(f"currency: this shop sells in {runtime.settings().currency}.")

    def _changes_of(self, line: Line, known: Current) -> Changes:
        changes = {
            column.name: (known.cells[column.name], now)
            for column in (*OF_PRODUCT, *OF_VARIANT)
            if (now := self._now(line, column, known)) != known.cells[column.name]
        }
        if changes.get("supply", ("", ""))[1] == "stocked":
            for name, none in NOT_STOCKED.items():
                if name not in changes and known.cells[name] != none:
                    changes[name] = (known.cells[name], none)
        cells_then = known.cells | {name: now for name, (_, now) in changes.items()}
        rules.check(changes, lambda name: BY_NAME[name].value(cells_then[name]))
        return changes

    def _new(self, line: Line, product: str) -> Changes:
        """Everything the row says; what it does not say is as OF_NEW has it."""
        family = self.families.get(product)
        if not family and product in RESERVED:
            raise Invalid(f"product: the shop itself uses {product}. Choose another address.")
        changes = {}
        for column in OF_VARIANT:
            now = self._now(line, column, family[0] if family else None, is_new=True)
            if column.name == "price" or now != OF_NEW.get(column.name, ""):
                changes[column.name] = ("", now)
        for column in OF_PRODUCT:
            if family:
                was = family[0].cells[column.name]
                if (now := self._now(line, column, family[0])) != was:
                    changes[column.name] = (was, now)
            else:
                changes[column.name] = ("", self._now(line, column, None, is_new=True))
        rules.check(BY_NAME, lambda name: BY_NAME[name].value(changes.get(name, ("", OF_NEW.get(name, "")))[1]))
        return changes

    def _now(self, line: Line, column: Column, known: Current | None, *, is_new: bool = False) -> str:
        """The cell as the shop would write it; what the file does not say stays."""
        was = OF_NEW.get(column.name, "") if is_new or known is None else known.cells[column.name]
        cell = line.cells.get(column.name, was)
        if is_new and not cell.strip():
            cell = was
        if cell == was and not (is_new and not cell):
            return was
        value = column.value(cell)
        name = column.name
        if name == "category":
            return self._category(value)
        if name == "brand":
            return self._brand(value)
        if name in ("options", "attributes"):
            return self._pairs(name, value, was)
        if name == "images":
            return _pictures(value, known)
        if name == "image":
            return _picture(value, known)
        return "" if value is None else column.write(value)

    def _category(self, typed: str) -> str:
        """The way to it; of one that does not exist yet the last parts stay as they are typed."""
        parts = [part.strip() for part in typed.split("/") if part.strip()]
        if not parts:
            raise Invalid("category: it is empty.")
        there = self.names.shelves.find(parts)
        if there is not None:
            return there
        if len(parts) == 1 and (found := self.ways.get(slug_of(parts[0]))):
            return found
        way = ""
        for part in parts:
            if len(part) > 200:
                raise Invalid("category: a name is longer than 200 characters.")
            below = join(way, part)
            here = self.names.shelves.find(below.split("/"))
            if here is None and part in self.ways:
                # An older file may name a category by its slug where it stood before it was moved.
                there, name = self.ways[part], part.capitalize()
                raise Invalid(f"category: {part} stands at {there}. Another one is made by its name, such as {name}.")
            way = here or below
        return way

    def _brand(self, typed: str) -> str:
        name = " ".join(typed.split())
        if len(name) > 200:
            raise Invalid("brand: it is longer than 200 characters.")
        return (name and self.names.brands.typed(name)) or name

    def _pairs(self, column: str, pairs: list[Pair], was: str) -> str:
        """Codes where they exist, so that Colour=Moss and colour=moss are the same."""
        words = self.names.values if column == "options" else self.names.facts
        stays = set(cells.read_pairs(was))
        found = []
        for typed in pairs:
            name, value = (" ".join(part.split()) for part in typed)
            if not value or max(len(name), len(value)) > LONGEST_VALUE:
                raise Invalid(f"{column}: name each and its value, at most {LONGEST_VALUE} characters each.")
            found.append(typed if typed in stays else words.typed(name, value))
        kinds = Counter(slug_of(name) if column == "options" else name for name, _ in set(found))
        if column == "options" and len(kinds) < len(found):
            raise Invalid("options: one of them is named twice.")
        if kinds and max(kinds.values()) > MOST_VALUES:
            raise Invalid(f"{column}: at most {MOST_VALUES} values of each.")
        return cells.write_pairs(sorted(set(found)))

    def _check_options(self, sku: str, product: str, options: str, is_new: bool) -> None:
        """Every variant of a product differs in the same things, and no set of them exists twice."""
        others = [it for it in self.families.get(product, ()) if it.cells["sku"] not in ("", sku)]
        kinds = frozenset(slug_of(name) for name, _ in cells.read_pairs(options))
        first = frozenset(slug_of(n) for n, _ in cells.read_pairs(others[0].cells["options"])) if others else kinds
        wanted = self.seen.kinds.setdefault(product, first)
        if kinds != wanted:
            raise Invalid(
                f"options: every variant of {product} needs the same ones: {', '.join(sorted(wanted)) or 'none'}."
            )
        twin = next((it.cells["sku"] for it in others if it.cells["options"] == options), None)
        twin = twin or self.seen.sets.setdefault((product, options), sku)
        if twin != sku:
            raise Invalid(f"options: {twin} has the same ones, {options or 'none'}.")
        if is_new:
            self.seen.added[product] = self.seen.added.get(product, 0) + 1
            if len(others) + self.seen.added[product] > MOST_VARIANTS:
                raise Invalid(f"product: {product} would have more than {MOST_VARIANTS} variants.")


def _pictures(pairs: list[tuple[str, str]], known: Current | None) -> str:
    """Their order and descriptions may change here; pictures themselves come and go at the desk."""
    there = {key for key, _ in cells.read_pairs(known.cells["images"])} if known else set()
    if {key for key, _ in pairs} != there or len(pairs) != len(there):
        raise Invalid("images: pictures are added and removed at the desk. Name exactly those that are there.")
    if any(len(alt) > 300 for _, alt in pairs):
        raise Invalid("images: a description is longer than 300 characters.")
    return cells.write_pairs([(key, " ".join(alt.split())) for key, alt in pairs])


def _picture(key: str, known: Current | None) -> str:
    there: dict[str, Any] = dict(cells.read_pairs(known.cells["images"])) if known else {}
    if key and key not in there:
        raise Invalid("image: this is no picture of the product. They are added at the desk.")
    return key
