"""The columns of the file: what each is called, whom it speaks of, and how it is kept.

A column that a file leaves out stays as it is in the shop. `sku` says which variant a row is about, `product` (the
last part of its address) which product that variant belongs to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.catalog.csv import cells
from app.catalog.naming import tags_of
from app.catalog.selling import MOST_LOW, barcode_of
from app.lib.errors import Invalid

MOST_PROMISED = 1_000_000  # units beyond the shelf, as inventory has it
LONGEST = {"name": 200, "description": 20_000, "meta_title": 200, "meta_description": 400}


@dataclass(frozen=True)
class Column:
    """`kept` is the database's column and its type, or none when more than one row is written.

    `empty` is what an empty cell means; Ellipsis means that it may not be empty.
    """

    name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    kept: tuple[str, str] | None = None
    empty: Any = ...

    def value(self, cell: str) -> Any:
        """What a cell says, fit for JSON. Raises Invalid with a sentence that names the column."""
        if not cells.is_text(cell):
            raise Invalid(f"{self.name}: it holds characters that no text has.")
        if not cell.strip():
            if self.empty is ...:
                raise Invalid(f"{self.name}: it is empty.")
            return self.empty
        try:
            return self.read(cell)
        except Invalid as error:
            raise Invalid(f"{self.name}: {error.sentence}") from None


def _text(name: str, most: int | None = None, *, one_line: bool = True) -> Callable[[str], str]:
    def read(cell: str) -> str:
        typed = " ".join(cell.split()) if one_line else cell.replace("\r\n", "\n").strip()
        if most and len(typed) > most:
            raise Invalid(f"It is longer than {most:,} characters.")
        return typed

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        typed = cell.strip().lower()
        if typed not in words:
            raise Invalid(f"{cells.short(cell)} is none of {', '.join(words)}.")
        return typed

    return read


def _whole_from(least: int, most: int | None = None) -> Callable[[str], int]:
    def read(cell: str) -> int:
        number = cells.read_whole(cell)
        if number < least:
            raise Invalid(f"{number} is less than {least}.")
        if most is not None and number > most:
            raise Invalid(f"{number} is more than {most:,}.")
        return number

    return read


def _tags(cell: str) -> list[str]:
    return tags_of(cells.read_list(cell))


def _slug(cell: str) -> str:
    return cell.strip()


def _same(value: Any) -> str:
    return str(value)


def _sorted_pairs(pairs: Any) -> str:
    return cells.write_pairs(sorted(tuple(pair) for pair in pairs))


def _words(name: str, **how: Any) -> Column:
    read = _text(name, LONGEST.get(name), one_line=how.pop("one_line", True))
    return Column(name, read, _same, (name, "text"), **how)


def _whole(name: str, least: int = 0, most: int | None = None, **how: Any) -> Column:
    return Column(name, _whole_from(least, most), cells.write_whole, (name, "bigint"), **how)


def _money(name: str, kept: str, **how: Any) -> Column:
    return Column(name, cells.read_money, cells.write_money, (kept, "bigint"), **how)


def _moment(name: str) -> Column:
    return Column(name, cells.read_moment, _same, (name, "timestamptz"), empty=None)


def _flag(name: str, kept: str) -> Column:
    return Column(name, cells.read_flag, cells.write_flag, (kept, "boolean"))


OF_PRODUCT = (
    _words("name"),
    _words("description", one_line=False, empty=""),
    Column("details", cells.read_details, cells.write_details, ("details", "jsonb"), empty=[]),
    Column("status", _one_of("draft", "active", "archived"), _same, ("status", "text")),
    _moment("published_at"),
    _flag("featured", "is_featured"),
    Column("category", _slug, _same),
    Column("brand", _slug, _same, empty=""),
    Column("tags", _tags, cells.write_list, ("tags", "text[]"), empty=[]),
    Column("attributes", cells.read_pairs, _sorted_pairs, empty=[]),
    _words("meta_title", empty=""),
    _words("meta_description", empty=""),
    Column("images", cells.read_pairs, cells.write_pairs, empty=[]),
)

OF_VARIANT = (
    Column("options", cells.read_pairs, _sorted_pairs, empty=[]),
    _money("price", "price_minor"),
    _money("compare_at", "compare_at_minor", empty=None),
    _money("sale_price", "sale_minor", empty=None),
    _moment("sale_starts_at"),
    _moment("sale_ends_at"),
    Column("barcode", barcode_of, _same, ("barcode", "text"), empty=""),
    _whole("min_quantity", 1),
    _whole("max_quantity", 1, empty=None),
    _whole("quantity_step", 1),
    _whole("low_stock_at", most=MOST_LOW, empty=None),
    Column("supply", _one_of("stocked", "backorder", "preorder"), _same, ("supply", "text")),
    Column("ships_on", cells.read_day, _same, ("ships_on", "date"), empty=None),
    _whole("weight_grams"),
    _flag("active", "is_active"),
    _whole("position"),
    Column("stock", cells.read_whole, cells.write_whole),
    Column("backorder_limit", _whole_from(0, MOST_PROMISED), cells.write_whole),
    Column("image", _slug, _same, empty=""),
)

BY_NAME = {column.name: column for column in (*OF_PRODUCT, *OF_VARIANT)}
PRODUCT_NAMES = {column.name for column in OF_PRODUCT}

# Written, and passed over when they come back: whose they are cannot change, or they only explain.
PASSED_OVER = ("image_urls", "line", "reason")
HEADER = ("sku", "product", *(column.name for column in OF_PRODUCT), *(column.name for column in OF_VARIANT))
WRITTEN = (*HEADER, "currency", "image_urls")
KNOWN = {*WRITTEN, *PASSED_OVER}

# What a row that makes something new says where its cells are empty or missing.
OF_NEW = {
    "status": "draft",
    "featured": "no",
    "min_quantity": "1",
    "quantity_step": "1",
    "supply": "stocked",
    "weight_grams": "0",
    "active": "yes",
    "position": "0",
    "stock": "0",
    "backorder_limit": "0",
}
