"""A file as rows of cells: its encoding, its delimiter, its header. What cannot be read is refused with a sentence."""

import csv
import io
from collections.abc import Generator
from dataclasses import dataclass
from typing import BinaryIO

from app.catalog.csv import cells
from app.catalog.csv.columns import HEADER, KNOWN
from app.lib.errors import Invalid

DELIMITERS = ",;\t"
MOST_ROWS = 200_000


@dataclass(frozen=True)
class Line:
    """One row: `number` is its place in the file, the header being 1. `problem` is a sentence, or empty."""

    number: int
    cells: dict[str, str]
    problem: str = ""


def lines(file: BinaryIO) -> Generator[Line, None, None]:
    """The rows below the header. Raises Invalid, also half way, for a file that is none of ours."""
    # newline="" leaves line ends inside quoted cells as they are; utf-8-sig takes off what Excel puts in front.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        first = text.readline()
        delimiter = max(DELIMITERS, key=first.count)
        text.seek(0)
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        header = _header(next(rows, []))
        for number, row in enumerate(rows, 2):
            if number > MOST_ROWS + 1:
                raise Invalid(f"The file has more than {MOST_ROWS:,} rows. Cut it into several files.")
            if row:
                yield _line(number, header, row)
    except UnicodeDecodeError:
        raise Invalid("The file is not UTF-8. Save it as “CSV UTF-8” and bring it again.") from None
    except csv.Error as error:
        raise Invalid(f"The file is no CSV that can be read: {error}. Save it anew as CSV UTF-8.") from None
    finally:
        text.detach()


def _header(row: list[str]) -> list[str]:
    names = [name.strip().lower() for name in row]
    if "sku" not in names:
        raise Invalid("The first row must name the columns, and one of them must be sku.")
    unknown = [cells.short(name) for name in names if name not in KNOWN]
    if unknown:
        raise Invalid(
            f"Nobody knows the columns {', '.join(unknown[:5])}. Take them out or rename them; "
            f"known are {', '.join(HEADER)}."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"The column {twice[0]} is there twice. Take one out.")
    return names


def _line(number: int, header: list[str], row: list[str]) -> Line:
    found = {name: cells.unsafe(cell) for name, cell in zip(header, row, strict=False)}
    if not all(map(cells.is_text, row)):
        return Line(number, dict.fromkeys(found, ""), "It holds characters that no text has.")
    if len(row) != len(header):
        return Line(number, found, f"It has {len(row)} cells, but the first row has {len(header)}.")
    return Line(number, found)
