"""How one value is written into a cell and read from it. What is written here and read again is the same."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.lib import runtime
from app.lib.errors import Invalid
from app.lib.money import LARGEST, Money, exponent

# A spreadsheet runs what begins like this. The apostrophe is taken off again when the file comes back.
RISKY = re.compile(r"'*[=+\-@\t\r]")
ESCAPED = re.compile(r"'+[=+\-@\t\r]")
LARGEST_NUMBER = 10**9
DETAILS_ARE = 'Details are written like [{"title":"Materials","lines":["Wool"]}].'


def safe(cell: str) -> str:
    return f"'{cell}" if RISKY.match(cell) else cell


def unsafe(cell: str) -> str:
    """The cell as it was before `safe`."""
    return cell[1:] if ESCAPED.match(cell) else cell


def write_money(minor: int | None) -> str:
    return "" if minor is None else Money(minor, runtime.settings().currency).plain()


def read_money(cell: str) -> int:
    """Minor units. Raises Invalid; a comma is refused, because 1,999 may mean two very different prices."""
    typed = cell.strip()
    if "," in typed:
        raise Invalid(
            f"Write {short(typed)} with a point and without commas, such as 1999.00: a comma can mean two things."
        )
    if not re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,6})?", typed):
        raise Invalid(f"{short(typed)} is not an amount such as 19.99.")
    currency = runtime.settings().currency
    minor = Decimal(typed).scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise Invalid(f"{currency} has {exponent(currency) or 'no'} decimal places; {typed} has more.")
    if minor > LARGEST:
        raise Invalid(f"{typed} is absurdly large.")
    return int(minor)


def write_whole(number: int | None) -> str:
    return "" if number is None else str(number)


def read_whole(cell: str) -> int:
    typed = cell.strip()
    if not re.fullmatch(r"-?[0-9]{1,10}", typed) or abs(int(typed)) > LARGEST_NUMBER:
        raise Invalid(f"{short(typed)} is not a whole number.")
    return int(typed)


def write_flag(yes: bool) -> str:
    return "yes" if yes else "no"


def read_flag(cell: str) -> bool:
    typed = cell.strip().lower()
    if typed not in ("yes", "no"):
        raise Invalid(f"{short(typed)} is neither yes nor no.")
    return typed == "yes"


def write_moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat()


def read_moment(cell: str) -> str:
    """As PostgreSQL reads it; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        raise Invalid(f"{short(cell)} is not a moment such as 2027-03-01T09:00Z.") from None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except OverflowError:
        raise Invalid(f"{short(cell)} is too far away.") from None


def write_day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def read_day(cell: str) -> str:
    try:
        return date.fromisoformat(cell.strip()).isoformat()
    except ValueError:
        raise Invalid(f"{short(cell)} is not a day such as 2027-03-01.") from None


def write_details(details: list[Any]) -> str:
    """Titles before lines, in whatever order the database or a hand has put them."""
    blocks = [{"title": it["title"], "lines": it["lines"]} for it in details]
    return json.dumps(blocks, ensure_ascii=False, separators=(",", ":")) if blocks else ""


def read_details(cell: str) -> list[dict[str, Any]]:
    """[{"title": "Materials", "lines": ["Wool"]}]. Raises Invalid."""
    try:
        raw = json.loads(cell)
        blocks = [{"title": it["title"], "lines": it["lines"]} for it in raw]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Invalid(DETAILS_ARE) from None
    if not isinstance(raw, list) or not all(isinstance(it["lines"], list) for it in blocks):
        raise Invalid(DETAILS_ARE)
    texts = [text for it in blocks for text in (it["title"], *it["lines"])]
    if not all(isinstance(text, str) and is_text(text) for text in texts):
        raise Invalid("Titles and lines of details are texts.")
    return blocks


def write_list(parts: list[str]) -> str:
    """a|b, with a backslash before what would be misread."""
    return "|".join(_quoted(part) for part in parts)


def read_list(cell: str) -> list[str]:
    return [part.strip() for part in map("=".join, _split(cell)) if part.strip()]


def write_pairs(pairs: list[tuple[str, str]]) -> str:
    """colour=moss|size=m"""
    return "|".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def read_pairs(cell: str) -> list[tuple[str, str]]:
    """Raises Invalid for a part that is no pair."""
    found = []
    for part in _split(cell):
        if part == [""]:
            continue
        if len(part) != 2 or not part[0].strip():
            raise Invalid(f"{short(cell)} is not written like colour=moss|size=m.")
        found.append((part[0].strip(), part[1].strip()))
    return found


def _quoted(part: str) -> str:
    return re.sub(r"([\\|=])", r"\\\1", part)


def _split(cell: str) -> list[list[str]]:
    """The parts between bars, each cut at its equal signs."""
    parts, current = [], [""]
    letters = iter(cell)
    for letter in letters:
        if letter == "\\":
            current[-1] += next(letters, "\\")
        elif letter == "|":
            parts.append(current)
            current = [""]
        elif letter == "=":
            current.append("")
        else:
            current[-1] += letter
    return [*parts, current]


def is_text(cell: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no lone surrogates."""
    return "\x00" not in cell and not any("\ud800" <= letter <= "\udfff" for letter in cell)


def printable(typed: str) -> str:
    """One line that can be shown and kept, with blanks for what no screen has a letter for."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in typed).split())


def short(cell: str) -> str:
    """The cell as a sentence can hold it."""
    shown = printable(cell)
    return f"“{shown[:40]}…”" if len(shown) > 40 else f"“{shown}”"
