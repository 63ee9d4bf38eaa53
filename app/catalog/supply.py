"""What is told of goods that are sold before they are on the shelf."""

from datetime import UTC, date, datetime

from babel.dates import format_date

from app.lib import runtime


def ships_words(supply: str, ships_on: date | None, *, late: int, quantity: int) -> str:
    """When `late` of `quantity` units leave, as a sentence; empty when all of them are on the shelf.

    `supply` is that of the variant: a preorder is not out yet, anything else comes back. A day that is over says
    nothing.
    """
    if late <= 0:
        return ""
    is_to_come = ships_on is not None and ships_on >= datetime.now(UTC).date()
    leaves = f"ships on {_day(ships_on)}" if ships_on and is_to_come else "ships as soon as it is here"
    if supply == "preorder":
        return f"Preorder: {leaves}."
    if late < quantity:
        return f"{quantity - late} in stock; the rest is on backorder and {leaves}."
    return f"On backorder: {leaves}."


def _day(on: date) -> str:
    return format_date(on, "d MMM y", locale=runtime.settings().locale)
