"""What became of a file that was brought."""

import csv
import io

from sqlalchemy import select

from app import invariants
from app.catalog.csv.models import CatalogImport, ImportRow
from app.catalog.models import Variant
from app.lib.db import session

GRACE = 7  # who brings files


def counts(found: CatalogImport) -> dict[str, int]:
    return {name: getattr(found, name) for name in ("new", "changed", "unchanged", "wrong") if getattr(found, name)}


def reasons(found: CatalogImport) -> dict[int, str]:
    rows = select(ImportRow).where(ImportRow.import_id == found.id, ImportRow.verdict == "wrong")
    return {row.line: row.reason for row in session().scalars(rows)}


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def variant_of(sku: str) -> Variant:
    session().expire_all()
    return session().scalars(select(Variant).where(Variant.sku == sku)).one()


def all_hold() -> bool:
    return not any(finding.broken for finding in invariants.check())
