"""What the desk shows of files: those of late, and the rows of one."""

import uuid
from typing import NamedTuple

from sqlalchemy import select

from app.catalog.csv.models import CatalogExport, CatalogImport, ImportRow
from app.lib.db import session

LATELY = 10
ON_A_PAGE = 50
RIGHT = ("new", "changed", "done")


def exports() -> list[CatalogExport]:
    return list(session().scalars(select(CatalogExport).order_by(CatalogExport.id.desc()).limit(LATELY)))


def imports() -> list[CatalogImport]:
    return list(session().scalars(select(CatalogImport).order_by(CatalogImport.id.desc()).limit(LATELY)))


def export_by_id(public_id: uuid.UUID) -> CatalogExport | None:
    return session().scalars(select(CatalogExport).where(CatalogExport.public_id == public_id)).one_or_none()


def import_by_id(public_id: uuid.UUID) -> CatalogImport | None:
    return session().scalars(select(CatalogImport).where(CatalogImport.public_id == public_id)).one_or_none()


class Rows(NamedTuple):
    """Up to a page of rows by line; `next_after` is where the next page begins, or none."""

    rows: list[ImportRow]
    next_after: int | None


def rows(import_id: int, after: int, *, wrong: bool = False) -> Rows:
    """The wrong rows of an import, or the others that change something."""
    verdicts = ("wrong",) if wrong else RIGHT
    found = list(
        session().scalars(
            select(ImportRow)
            .where(ImportRow.import_id == import_id, ImportRow.verdict.in_(verdicts), ImportRow.line > after)
            .order_by(ImportRow.line)
            .limit(ON_A_PAGE + 1)
        )
    )
    shown = found[:ON_A_PAGE]
    return Rows(shown, shown[-1].line if len(found) > ON_A_PAGE else None)
