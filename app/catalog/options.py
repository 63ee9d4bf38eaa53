"""Options such as size and colour: in which order their values stand, and which shade each colour has."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select, text

from app.catalog.models import Option, OptionValue
from app.lib.db import session, transaction
from app.lib.errors import Invalid, NotFound

SWATCH = re.compile(r"#[0-9a-f]{6}")
MOST_POSITION = 100_000


class ValueRow(NamedTuple):
    """One value, and how many variants have it."""

    code: str
    name: str
    swatch: str
    position: int
    variants: int


class OptionRow(NamedTuple):
    code: str
    name: str
    values: list[ValueRow]


ALL = text("""
    SELECT o.code AS option, o.name AS option_name, value.code, value.name, value.swatch, value.position,
        (SELECT count(*) FROM variant_values used WHERE used.option_value_id = value.id) AS variants
    FROM options o JOIN option_values value ON value.option_id = o.id
    ORDER BY o.position, o.id, value.position, value.id
""")


def options() -> list[OptionRow]:
    """Every option with its values in the order shoppers see them."""
    found: dict[str, OptionRow] = {}
    for row in session().execute(ALL):
        option = found.setdefault(row.option, OptionRow(row.option, row.option_name, []))
        option.values.append(ValueRow(row.code, row.name, row.swatch, row.position, row.variants))
    return list(found.values())


class Shown(NamedTuple):
    """How a value is shown: a lower position first; the shade is empty or such as #66764f."""

    position: int
    swatch: str


def arrange_values(code: str, shown: Mapping[str, Shown]) -> None:
    """Set how the values of an option are shown, by their codes. Raises Invalid with the value's code, NotFound."""
    for value, it in shown.items():
        if it.swatch and not SWATCH.fullmatch(it.swatch):
            raise Invalid("A colour is written like #66764f.", value)
        if not 0 <= it.position <= MOST_POSITION:
            raise Invalid(f"Enter a place from 0 to {MOST_POSITION}.", value)
    with transaction() as current:
        option = current.scalar(select(Option).where(Option.code == code).with_for_update())
        if option is None:
            raise NotFound("This option no longer exists.")
        for value in current.scalars(select(OptionValue).where(OptionValue.option_id == option.id)):
            if value.code in shown:
                value.position, value.swatch = shown[value.code]
