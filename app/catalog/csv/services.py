"""What staff do with files: ask for one, bring one, have it applied; and what the jobs do of it, slice by slice.

Every slice ends within seconds and sends for the next one, so that letters need not wait, and a worker that is
killed costs one batch: the next begins after the last that was committed.
"""

import csv
import io
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import BinaryIO

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.csv import cells, current, writing
from app.catalog.csv.checking import Checker, Seen, Verdict, sku_of
from app.catalog.csv.columns import WRITTEN
from app.catalog.csv.models import CatalogExport, CatalogImport, ImportRow
from app.catalog.csv.publishing import refuse_unbuyable
from app.catalog.csv.reading import Line, lines
from app.catalog.csv.wanted import Wanted
from app.catalog.queries import forget_menu
from app.lib import outbox
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.storage import NotKept, storage

log = logging.getLogger(__name__)

BATCH = 1000  # rows of one transaction
SLICE = 15  # seconds until the next job goes on
MOST_BYTES = 64 * 1024 * 1024
MOST_WHOLE = 20_000  # rows changed in one transaction, whose locks everybody waits for


def start_export(actor_id: int) -> CatalogExport:
    """Have the whole catalogue written into a file."""
    with transaction() as db_:
        export = CatalogExport(actor_id=actor_id, key=f"private/exports/{uuid.uuid4().hex}")
        db_.add(export)
        db_.flush()
        outbox.send("catalog.export", export_id=export.id)
    log.warning("User %s asked for the catalogue as a file", actor_id)
    return export


def parts_of(key: str, parts: int) -> list[str]:
    """The files of an export in storage, in their order."""
    return [f"{key}-{number}.csv" for number in range(parts)]


def write_export(export_id: int) -> None:
    """Write the next part, for a slice of time, and send for the one after. Raises NotKept, and is tried again."""
    with transaction() as db_:
        export = db_.get_one(CatalogExport, export_id)
        if export.state != "waiting":
            return
        key, part, after = export.key, export.parts, export.after_id
    with tempfile.TemporaryFile() as file:
        reached, count, is_over = _write_rows(file, after, with_header=part == 0)
        file.seek(0)
        storage().put_file(parts_of(key, part + 1)[-1], file)
    with transaction() as db_:
        values = {"id": export_id, "part": part, "reached": reached, "count": count, "is_over": is_over}
        if db_.execute(PART_WRITTEN, values).first() and not is_over:
            outbox.send("catalog.export", export_id=export_id)


# Of two who wrote the same part after a lost lease, one counts.
PART_WRITTEN = text("""
    UPDATE catalog_exports SET parts = parts + 1, after_id = :reached, rows = rows + :count,
        state = CASE WHEN :is_over THEN 'done' ELSE state END, done_at = CASE WHEN :is_over THEN now() END
    WHERE id = :id AND state = 'waiting' AND parts = :part
    RETURNING id
""")


def _write_rows(file: BinaryIO, after: int, *, with_header: bool) -> tuple[int, int, bool]:
    """The last product written, how many rows, and whether there are no more. The header marks UTF-8 for Excel."""
    began, count, reached = time.monotonic(), 0, after
    out = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(out)
    if with_header:
        out.write("\ufeff")
        writer.writerow(WRITTEN)
    is_over = True
    for last, rows in current.everything(after):
        reached = last
        writer.writerows([[cells.safe(cell) for cell in row] for row in rows])
        count += len(rows)
        if time.monotonic() - began > SLICE:
            is_over = False
            break
    out.flush()
    out.detach()
    return reached, count, is_over


def start_import(file: BinaryIO, file_name: str, actor_id: int) -> CatalogImport:
    """Keep a file and have it checked. Raises Invalid for an empty or too long one, NotKept."""
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    if not size:
        raise Invalid("Choose a file first; this one is empty.", "file")
    if size > MOST_BYTES:
        raise Invalid(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Cut it into several.", "file")
    key = f"private/imports/{uuid.uuid4().hex}.csv"
    storage().put_file(key, file)
    with transaction() as db_:
        shown = cells.printable(file_name)[:200] or "file.csv"
        made = CatalogImport(actor_id=actor_id, file_name=shown, key=key, size_bytes=size)
        db_.add(made)
        db_.flush()
        outbox.send("catalog.check_import", import_id=made.id)
    return made


def apply(public_id: uuid.UUID, mode: str) -> None:
    """Have what the check found written. Raises NotAllowed, NotFound, Invalid for an unknown mode."""
    if mode not in ("batches", "whole"):
        raise Invalid("Choose in steps, or all or nothing.", "mode")
    with transaction() as db_:
        locked = select(CatalogImport).where(CatalogImport.public_id == public_id).with_for_update()
        # Somebody else may have pressed the button since this session last looked.
        found = db_.scalars(locked.execution_options(populate_existing=True)).one_or_none()
        if found is None:
            raise NotFound("There is no such import.")
        if found.state != "checked":
            raise NotAllowed("This file is not waiting to be applied.")
        if not found.new + found.changed:
            raise NotAllowed("There is nothing to apply: no row is new or changed.")
        if mode == "whole" and found.wrong:
            raise NotAllowed(f"All or nothing means nothing while {found.wrong:,} rows are wrong. Mend them first.")
        if mode == "whole" and found.new + found.changed > MOST_WHOLE:
            raise NotAllowed(f"More than {MOST_WHOLE:,} rows would hold up the shop. Apply them in steps.")
        found.state, found.mode, found.position = "applying", mode, 0
        outbox.send("catalog.apply_import", import_id=found.id)


# Checking


def check(import_id: int) -> None:
    """Go on checking a file, for a slice of time. What is wrong with the whole file ends it with a sentence."""
    with transaction() as db_:
        found = db_.get_one(CatalogImport, import_id)
        if found.state != "checking":
            return
        key, position = found.key, found.position
    try:
        with _kept_file(key) as file:
            _check_slice(import_id, file, position)
    except Invalid as error:
        _refuse(import_id, error.sentence)
    except FileNotFoundError:
        _refuse(import_id, "The file is gone from storage. Bring it again.")


@contextmanager
def _kept_file(key: str) -> Iterator[BinaryIO]:
    """A copy on this machine, so that nothing waits for the network while a transaction is open."""
    with tempfile.TemporaryFile() as copy:
        with storage().open(key) as kept:
            shutil.copyfileobj(kept, copy)
        copy.seek(0)
        yield copy


def _check_slice(import_id: int, file: BinaryIO, position: int) -> None:
    with closing(lines(file)) as rows:
        _check_rows(import_id, rows, file, position)


def _check_rows(import_id: int, rows: Iterator[Line], file: BinaryIO, position: int) -> None:
    seen, began = Seen(), time.monotonic()
    for line in islice(rows, position):
        _remember(seen, line)
    while batch := list(islice(rows, BATCH)):
        is_late = time.monotonic() - began > SLICE
        with transaction() as db_:
            found = _locked(db_, import_id, "checking", position)
            if found is None:
                return
            verdicts = Checker(batch, seen).verdicts()
            _note(db_, found, verdicts)
            found.offset_bytes = file.tell()
            position = found.position = position + len(batch)
            if is_late:
                outbox.send("catalog.check_import", import_id=import_id)
        if is_late:
            return
    with transaction() as db_:
        found = _locked(db_, import_id, "checking", position)
        if found is not None and position == 0:
            raise Invalid("The file has a first row that names columns, and nothing below it.")
        if found is not None:
            refuse_unbuyable(db_, found)
            found.state = "checked"


def _remember(seen: Seen, line: Line) -> None:
    """What a row checked in an earlier slice said. Whether it was right is written down already."""
    seen.lines.setdefault(sku_of(line), line.number)
    if product := line.cells.get("product", "").strip():
        with suppress(Invalid):
            seen.agree(product, line)


def _locked(db_: Session, import_id: int, state: str, position: int) -> CatalogImport | None:
    """The import, unless somebody else has gone on with it meanwhile."""
    found = db_.get_one(CatalogImport, import_id, with_for_update=True, populate_existing=True)
    return found if (found.state, found.position) == (state, position) else None


NOTE = text("""
    INSERT INTO catalog_import_rows (import_id, line, sku, product, verdict, changes, cells, reason)
    SELECT :import_id, r.line, r.sku, r.product, r.verdict, r.changes, r.cells, r.reason
    FROM jsonb_to_recordset(:rows) AS r
        (line bigint, sku text, product text, verdict text, changes jsonb, cells jsonb, reason text)
""").bindparams(bindparam("rows", type_=JSONB))


def _note(db_: Session, found: CatalogImport, verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        setattr(found, verdict.word, getattr(found, verdict.word) + 1)
    rows = [
        {
            "line": it.line.number,
            "sku": it.sku if cells.is_text(it.sku) else "",
            "product": it.product if cells.is_text(it.product) else "",
            "verdict": it.word,
            "changes": it.changes,
            "cells": it.line.cells if it.word == "wrong" and not it.line.problem.startswith("It holds") else {},
            "reason": it.reason,
        }
        for it in verdicts
        if it.word != "unchanged"
    ]
    if rows:
        db_.execute(NOTE, {"import_id": found.id, "rows": rows})


def _refuse(import_id: int, sentence: str) -> None:
    with transaction() as db_:
        found = db_.get_one(CatalogImport, import_id, with_for_update=True, populate_existing=True)
        if found.state == "checking":
            found.state, found.error = "refused", sentence


# Applying

TO_APPLY = text("""
    SELECT line, sku, product, changes FROM catalog_import_rows
    WHERE import_id = :id AND verdict IN ('new', 'changed') AND line > :after ORDER BY line LIMIT :limit
""")
DONE = text("UPDATE catalog_import_rows SET verdict = 'done' WHERE import_id = :id AND line = ANY(:lines)")
WRONG = text("""
    UPDATE catalog_import_rows SET verdict = 'wrong', reason = :reason,
        cells = jsonb_build_object('sku', sku, 'product', product) ||
            coalesce((SELECT jsonb_object_agg(name, change->1) FROM jsonb_each(changes) AS c (name, change)), '{}')
    WHERE import_id = :id AND line = :line
""")


def go_on_applying(import_id: int) -> None:
    """Write rows that passed the check, for a slice of time or, when asked for, all in one transaction."""
    with transaction() as db_:
        found = db_.get_one(CatalogImport, import_id)
        if found.state != "applying":
            return
        mode, actor_id = found.mode, found.actor_id
    if mode == "whole":
        _apply_whole(import_id, actor_id)
    else:
        _apply_slice(import_id, actor_id)
    forget_menu()


def _apply_slice(import_id: int, actor_id: int | None) -> None:
    began = time.monotonic()
    while True:
        with transaction() as db_:
            found = db_.get_one(CatalogImport, import_id, with_for_update=True, populate_existing=True)
            if found.state != "applying":
                return
            rows = _to_apply(db_, import_id)
            if not rows:
                _end(found)
                return
            outcome = writing.write(db_, rows, actor_id)
            _note_outcome(db_, found, outcome)
            if time.monotonic() - began > SLICE:
                outbox.send("catalog.apply_import", import_id=import_id)
                return


ALONE = text("SELECT pg_advisory_xact_lock(hashtext('catalog.import'), CAST(:id AS int))")


def _apply_whole(import_id: int, actor_id: int | None) -> None:
    """Everything or nothing: one row that cannot be written undoes the others, and says so."""
    try:
        with transaction() as db_:
            # Not the row itself: its progress is written on another connection meanwhile.
            db_.execute(ALONE, {"id": import_id})
            found = db_.get_one(CatalogImport, import_id, populate_existing=True)
            if found.state != "applying":
                return
            after, everything, done = 0, [], 0
            while rows := _to_apply(db_, import_id, after):
                outcome = writing.write(db_, rows, actor_id, with_stock=False)
                if outcome.wrong:
                    line, sentence = next(iter(sorted(outcome.wrong.items())))
                    raise Invalid(f"Line {line}: {sentence}")
                after, done = rows[-1].line, done + len(rows)
                everything += rows
                _say_progress(import_id, done)
            for start in range(0, len(everything), BATCH):
                writing.write_stock(db_, everything[start : start + BATCH], actor_id)
            db_.execute(DONE, {"id": import_id, "lines": [row.line for row in everything]})
            db_.refresh(found, with_for_update=True)
            found.done = found.position = len(everything)
            _end(found)
    except (Invalid, IntegrityError) as error:
        said = f"Nothing was changed. {writing.sentence_of(error)}"
        with transaction() as db_:
            found = db_.get_one(CatalogImport, import_id, with_for_update=True, populate_existing=True)
            found.state, found.error, found.position = "checked", said, 0


def _say_progress(import_id: int, position: int) -> None:
    """On a connection of its own, because the long transaction shows nothing before it ends."""
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE catalog_imports SET position = :position WHERE id = :id"),
            {"id": import_id, "position": position},
        )


def _to_apply(db_: Session, import_id: int, after: int = 0) -> list[Wanted]:
    found = db_.execute(TO_APPLY, {"id": import_id, "after": after, "limit": BATCH})
    return [Wanted(row.line, row.sku, row.product, row.changes) for row in found]


def _note_outcome(db_: Session, found: CatalogImport, outcome: writing.Outcome) -> None:
    db_.execute(DONE, {"id": found.id, "lines": outcome.done})
    for line, reason in outcome.wrong.items():
        db_.execute(WRONG, {"id": found.id, "line": line, "reason": reason})
    found.done += len(outcome.done)
    found.wrong += len(outcome.wrong)
    found.position += len(outcome.done) + len(outcome.wrong)


def _end(found: CatalogImport) -> None:
    found.state = "applied"
    session().execute(text("UPDATE catalog_imports SET ended_at = now() WHERE id = :id"), {"id": found.id})


# Housekeeping

OLD_EXPORTS = text("""
    DELETE FROM catalog_exports WHERE created_at < now() - interval '7 days' RETURNING key, parts
""")
OLD_IMPORTS = text("""
    DELETE FROM catalog_imports WHERE created_at < now() - interval '30 days' RETURNING key
""")


def forget_old() -> None:
    """Exports go after a week, imports after a month, with their files."""
    with transaction() as db_:
        keys = [part for key, parts in db_.execute(OLD_EXPORTS) for part in parts_of(key, parts)]
        keys += db_.scalars(OLD_IMPORTS)
    for key in keys:
        try:
            storage().delete(key)
        except NotKept:
            log.warning("Could not delete %s; it stays in storage", key)


def wrong_rows(import_id: int) -> Iterator[str]:
    """The wrong rows as a CSV file, piece by piece: as they were typed, with line and reason, to be mended."""
    known = ImportRow.import_id == import_id, ImportRow.verdict == "wrong"
    named = set(session().scalars(select(func.jsonb_object_keys(ImportRow.cells)).where(*known).distinct()))
    header = [name for name in WRITTEN if name in named | {"sku"}]
    yield "\ufeff" + _csv_line(["line", "reason", *header])
    after = 0
    while True:
        page = (
            select(ImportRow.line, ImportRow.sku, ImportRow.reason, ImportRow.cells)
            .where(*known, ImportRow.line > after)
            .order_by(ImportRow.line)
            .limit(BATCH)
        )
        found = session().execute(page).all()
        session().rollback()
        if not found:
            return
        after = found[-1].line
        for row in found:
            said = {"sku": row.sku, **row.cells}
            yield _csv_line([str(row.line), row.reason, *(said.get(name, "") for name in header)])


def _csv_line(row: list[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cells.safe(cell) for cell in row])
    return out.getvalue()
