"""The catalogue as a file at the staff desk: asked for, brought, looked over, applied."""

import tempfile
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

from flask import Response, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.auth import staff
from app.catalog.csv import queries, services
from app.catalog.csv.columns import HEADER
from app.catalog.csv.models import CatalogImport
from app.lib.errors import Invalid, NotAllowed, NotFound, ShopError, TooMany
from app.lib.htmx import respond, wants_fragment
from app.lib.storage import NotKept, storage

PIECE = 64 * 1024


@bp.get("/products/csv")
def catalogue_files() -> Response:
    """For htmx the list of exports alone, which looks again by itself while one is being written."""
    return respond("admin/products/csv/_exports.html", page="admin/products/csv/index.html", **_files())


@bp.post("/products/csv/exports")
def export_catalogue() -> Response:
    try:
        staff.confirm_password(current_user.id, request.form.get("password", ""))
        services.start_export(current_user.id)
    except (Invalid, TooMany) as error:
        return _refused("admin/products/csv/_exports.html", error, export_error=error.sentence)
    return respond("admin/products/csv/_exports.html", then=url_for(".catalogue_files"), **_files())


@bp.get("/products/csv/exports/<uuid:public_id>")
def exported_file(public_id: uuid.UUID) -> Response:
    found = queries.export_by_id(public_id)
    if found is None or found.state != "done":
        raise NotFound("This file is not there, or not any more: it is kept for a week.")
    name = f"catalogue-{found.created_at:%Y-%m-%d-%H%M}.csv"
    keys = services.parts_of(found.key, found.parts)
    first = _opened(keys[0])  # asked for while there can still be a page that says that it is away
    return _download(_joined(first, keys[1:]), name)


def _joined(first: BinaryIO, others: list[str]) -> Iterator[bytes]:
    yield from _pieces(first)
    for key in others:
        yield from _pieces(storage().open(key))


def _opened(key: str) -> BinaryIO:
    try:
        return storage().open(key)
    except FileNotFoundError:
        raise NotFound("This file is not there any more. Ask for a new one.") from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _download(content: Iterator[Any], name: str) -> Response:
    answer = Response(content, mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/products/csv/imports")
def bring_file() -> Response:
    upload = request.files.get("file")
    try:
        if upload is None or not upload.filename:
            raise Invalid("Choose a file first.", "file")
        made = services.start_import(upload.stream, upload.filename, current_user.id)  # type: ignore[arg-type]
    except (Invalid, NotKept) as error:
        return _refused("admin/products/csv/_bring.html", error, file_error=error.sentence)
    return respond(then=url_for(".catalogue_import", public_id=made.public_id))


@bp.get("/products/csv/imports/<uuid:public_id>")
def catalogue_import(public_id: uuid.UUID) -> Response:
    return _import_page(_import(public_id))


@bp.post("/products/csv/imports/<uuid:public_id>/apply")
def apply_import(public_id: uuid.UUID) -> Response:
    _import(public_id)
    try:
        services.apply(public_id, request.form.get("mode", ""))
    except (Invalid, NotAllowed) as error:
        return _import_page(_import(public_id), status=error.status, error=error.sentence)
    there = url_for(".catalogue_import", public_id=public_id)
    if wants_fragment():
        return _import_page(_import(public_id))
    return respond(then=there)


@bp.get("/products/csv/imports/<uuid:public_id>/wrong.csv")
def wrong_rows(public_id: uuid.UUID) -> Response:
    found = _import(public_id)
    # Written whole before it is sent: what is sent later has no database at hand.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
    for piece in services.wrong_rows(found.id):
        file.write(piece.encode())
    file.seek(0)
    return _download(_pieces(file), "wrong-rows.csv")


def _import(public_id: uuid.UUID) -> CatalogImport:
    found = queries.import_by_id(public_id)
    if found is None:
        raise NotFound("There is no such import. They are kept for a month.")
    return found


def _import_page(found: CatalogImport, *, status: int = 200, error: str = "") -> Response:
    after, wrong_after = _line(request.args.get("after")), _line(request.args.get("wrong_after"))
    return respond(
        "admin/products/csv/_import.html",
        page="admin/products/csv/import.html",
        status=status,
        it=found,
        error=error,
        changes=queries.rows(found.id, after),
        wrong=queries.rows(found.id, wrong_after, wrong=True),
        is_working=found.state in ("checking", "applying"),
        most_whole=services.MOST_WHOLE,
    )


def _line(typed: str | None) -> int:
    return int(typed) if typed and typed.isascii() and typed.isdigit() and len(typed) < 10 else 0


def _refused(fragment: str, error: ShopError, **context: Any) -> Response:
    # htmx shows nothing of a 5xx, and this is the form again with its sentence.
    status = 422 if wants_fragment() and error.status >= 500 else error.status
    answer = respond(fragment, page="admin/products/csv/index.html", status=status, **_files(), **context)
    answer.headers.update(error.headers())
    return answer


def _files() -> dict[str, Any]:
    exports = queries.exports()
    return {
        "exports": exports,
        "imports": queries.imports(),
        "is_writing": any(it.state == "waiting" for it in exports),
        "columns": HEADER,
        "most_megabytes": services.MOST_BYTES // 1024 // 1024,
    }
