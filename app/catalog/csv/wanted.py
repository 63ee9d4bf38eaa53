"""A row that passed its check, as it waits to be written, and the pieces of statements that are made from columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from app.catalog.csv import cells
from app.catalog.csv.columns import PRODUCT_NAMES, Column
from app.catalog.csv.current import Names

IDS = ARRAY(BigInteger)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that passed its check: column -> [was, will be] as cells."""

    line: int
    sku: str
    product: str
    changes: dict[str, list[str]]

    def of_product(self) -> dict[str, list[str]]:
        return {name: change for name, change in self.changes.items() if name in PRODUCT_NAMES}

    def of_variant(self) -> dict[str, list[str]]:
        return {name: change for name, change in self.changes.items() if name not in PRODUCT_NAMES}


def says(name: str, was: str, now: str, cell: str, names: Names) -> bool:
    """Whether the shop says already what a row wants, which may name what did not exist when it was checked."""
    if now == cell:
        return True
    if name == "category":
        return names.shelves.find(now.split("/")) == cell
    if name == "brand":
        return bool(now) and names.brands.kept(now) == cell
    if name in ("options", "attributes"):
        words = names.values if name == "options" else names.facts
        return {words.kept(pair) for pair in cells.read_pairs(now)} == set(cells.read_pairs(cell))
    return name == "published_at" and was == now == ""


def cast(source: str, name: str, kind: str) -> str:
    """A value of the JSON in `source` as a column of that kind takes it."""
    if kind == "jsonb":
        return f"{source}->'{name}'"
    if kind == "text[]":
        return f"ARRAY(SELECT jsonb_array_elements_text({source}->'{name}'))"
    return f"CAST({source}->>'{name}' AS {kind})"


def fields_of(columns: Iterable[Column]) -> list[tuple[str, str]]:
    """Names and kinds of the database's columns that these are kept in."""
    return [column.kept for column in columns if column.kept]


def sets(columns: Iterable[Column], table: str, more: Sequence[tuple[str, str]] = ()) -> str:
    """Every column as it is, or as the row says: one UPDATE, so that no CHECK sees half of a change."""
    return ", ".join(
        f"{name} = CASE WHEN r.said ? '{name}' THEN {cast('r.said', name, kind)} ELSE {table}.{name} END"
        for name, kind in (*fields_of(columns), *more)
    )


OF_ROWS = "jsonb_to_recordset(:rows) AS r (id bigint, slug text, sku text, said jsonb)"
