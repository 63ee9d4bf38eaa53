"""The columns of the file: what each is called, whom it speaks of, and how it is kept.

A column that a file leaves out stays as it is in the shop. `sku` says which variant a row is about, `product` (the
last part of its address) which product that variant belongs to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.catalog.csv import cells
from app.lib.errors import Invalid

LONGEST = {"name": 200, "description": 20_000, "meta_title": 200, "meta_description": 400, "barcode": 40}


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


def _at_least(least: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        number = cells.read_whole(cell)
        if number < least:
            raise Invalid(f"{number} is less than {least}.")
        return number

    return read


def _slug(cell: str) -> str:
    return cell.strip()


def _same(value: Any) -> str:
    return str(value)


def _sorted_pairs(pairs: Any) -> str:
    return cells.write_pairs(sorted(tuple(pair) for pair in pairs))


def _words(name: str, **how: Any) -> Column:
    read = _text(name, LONGEST.get(name), one_line=how.pop("one_line", True))
    return Column(name, read, _same, (name, "text"), **how)


def _whole(name: str, least: int = 0, **how: Any) -> Column:
    return Column(name, _at_least(least), cells.write_whole, (name, "bigint"), **how)


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
    Column("tags", cells.read_list, cells.write_list, ("tags", "text[]"), empty=[]),
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
    _words("barcode", empty=""),
    _whole("min_quantity", 1),
    _whole("max_quantity", 1, empty=None),
    _whole("quantity_step", 1),
    _whole("low_stock_at", empty=None),
    Column("supply", _one_of("stocked", "backorder", "preorder"), _same, ("supply", "text")),
    Column("ships_on", cells.read_day, _same, ("ships_on", "date"), empty=None),
    _whole("weight_grams"),
    _flag("active", "is_active"),
    _whole("position"),
    Column("stock", cells.read_whole, cells.write_whole),
    Column("backorder_limit", _at_least(0), cells.write_whole),
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


def checked_together(value: Callable[[str], Any]) -> None:
    """What the cells of a row must be to each other; `value` gives what a column will say. Raises Invalid."""
    price, before, sale = value("price"), value("compare_at"), value("sale_price")
    if before is not None and before <= price:
        raise Invalid("compare_at: the price it was before must be above the price, or empty.")
    if sale is not None and sale >= price:
        raise Invalid("sale_price: it must be below the price, or empty.")
    begins, ends = value("sale_starts_at"), value("sale_ends_at")
    if begins and ends and begins >= ends:
        raise Invalid("sale_ends_at: the sale must end after it starts.")
    most = value("max_quantity")
    if most is not None and most < value("min_quantity"):
        raise Invalid("max_quantity: it is less than min_quantity.")
    if value("stock") < -value("backorder_limit"):
        raise Invalid("stock: less than nothing needs a backorder_limit that allows it.")
