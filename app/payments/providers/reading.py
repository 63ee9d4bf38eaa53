"""Plain values out of a stranger's JSON. What is not as promised is None or Unreadable, never a crash or a guess."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.lib.money import Money, exponent

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


class Unreadable(ValueError):
    """An object without the fields its provider promises."""


def text(value: Any) -> str | None:
    """An identifier of theirs that is safe to keep and to compare; None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None


def required_text(thing: Mapping[str, Any], key: str) -> str:
    """Raises Unreadable."""
    value = text(thing.get(key))
    if value is None:
        raise Unreadable(f"An object without {key}.")
    return value


def number_name(value: Any) -> str | None:
    """An identifier that is a number for them, as text; one that comes as text already is as welcome."""
    return str(value) if type(value) is int and value >= 0 else text(value)


def part(thing: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A nested object; empty when it is missing or anything else."""
    value = thing.get(key)
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    """A list of objects. Raises Unreadable."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise Unreadable("A list that is none.")
    return value


def whole_money(value: Any, currency: Any) -> Money:
    """Money from a number in minor units, be it 1999, "1999" or "1999.00". Raises Unreadable."""
    code = _currency(currency)
    return Money(_whole(_decimal(value)), code)


def decimal_money(value: Any, currency: Any) -> Money:
    """Money from a number in major units: 400, "400" and "400.000" are the same. Raises Unreadable."""
    code = _currency(currency)
    return Money(_whole(_decimal(value).scaleb(exponent(code))), code)


def moment(value: Any) -> datetime | None:
    """A point in time written as ISO 8601, with or without a zone; None for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _decimal(value: Any) -> Decimal:
    """Never from a float: JSON numbers with a point are read as text."""
    written = str(value) if type(value) is int else value
    if not isinstance(written, str) or not NUMBER.fullmatch(written):
        raise Unreadable("An amount that is not a number.")
    return Decimal(written)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise Unreadable("An amount with more digits than its currency has.")
    return int(number)


def _currency(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 3 or not value.isascii() or not value.isalpha():
        raise Unreadable("An amount without a currency.")
    return value.upper()
