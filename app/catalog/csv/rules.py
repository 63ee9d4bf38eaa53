"""What the cells of a row must be to each other, as at the desk. Each rule is asked when one of its columns changes."""

from collections.abc import Callable, Collection
from typing import Any

from app.catalog.quantities import Quantities
from app.catalog.selling import check_quantities
from app.lib.errors import Invalid

Value = Callable[[str], Any]  # what a column will say


def _prices(value: Value) -> None:
    price, before, sale = value("price"), value("compare_at"), value("sale_price")
    if before is not None and before <= price:
        raise Invalid("compare_at: the price it was before must be above the price, or empty.")
    if sale is not None and sale >= price:
        raise Invalid("sale_price: it must be below the price, or empty.")


def _moments(value: Value) -> None:
    begins, ends = value("sale_starts_at"), value("sale_ends_at")
    if begins and ends and begins >= ends:
        raise Invalid("sale_ends_at: the sale must end after it starts.")


FIELDS = {"least": "min_quantity", "most": "max_quantity", "step": "quantity_step"}


def _quantities(value: Value) -> None:
    try:
        check_quantities(Quantities(**{field: value(column) for field, column in FIELDS.items()}))
    except Invalid as error:
        raise Invalid(f"{FIELDS[error.field or 'most']}: {error.sentence}") from None


def _supply(value: Value) -> None:
    supply, limit = value("supply"), value("backorder_limit")
    if supply == "stocked" and limit:
        raise Invalid("backorder_limit: what is stocked is sold while there is some. Write 0, or another supply.")
    if supply == "stocked" and value("ships_on"):
        raise Invalid("ships_on: what is stocked leaves at once. Leave it empty, or write another supply.")
    if supply != "stocked" and not limit:
        raise Invalid(f"backorder_limit: {supply} needs how many may be sold before they are there, 1 or more.")


def _stock(value: Value) -> None:
    if value("stock") < -value("backorder_limit"):
        raise Invalid("stock: less than nothing needs a backorder_limit that allows it.")


RULES: tuple[tuple[Callable[[Value], None], set[str]], ...] = (
    (_prices, {"price", "compare_at", "sale_price"}),
    (_moments, {"sale_starts_at", "sale_ends_at"}),
    (_quantities, set(FIELDS.values())),
    (_supply, {"supply", "backorder_limit", "ships_on"}),
    (_stock, {"stock", "backorder_limit"}),
)


def check(changed: Collection[str], value: Value) -> None:
    """Raises Invalid with a sentence that names the column."""
    for rule, columns in RULES:
        if not columns.isdisjoint(changed):
            rule(value)
