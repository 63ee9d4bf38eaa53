"""The bulk grid: prices, stock and status of up to 500 variants on one page, saved together or not at all."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.admin.catalogue_forms import change_from, money_from
from app.catalog.bulk import MOST_ROWS, Edit, Refused, Saved
from app.catalog.staff_grid import GridRow, grid, grid_rows
from app.inventory import bulk
from app.lib.errors import Invalid
from app.lib.htmx import respond
from app.lib.paging import page_from

FIELDS = ("sku", "seen", "price", "compare_at", "change", "status")
SIZES = (50, 100, MOST_ROWS)
ASKED = ("q", "status", "size", "page")


@bp.get("/products/bulk")
def bulk_grid() -> Response:
    found = grid(*_filter(), page_from(request.args.get("page"), _size()))
    rows = [(row, shown(row)) for row in found.rows]
    return _respond(rows, paging=found.page)


@bp.post("/products/bulk")
def save_bulk() -> Response:
    typed = _typed()
    note = request.form.get("note", "")
    try:
        edits, errors = _edits(typed)
        if errors:
            raise Refused(errors, {})
        count = bulk.save(edits, note=note, actor_id=current_user.id)
    except Refused as refused:
        return _refused(typed, note, refused.sentence, refused.errors, refused.saved)
    except Invalid as error:
        return _refused(typed, note, error.sentence, {}, {}, is_note=error.field == "note")
    words = "Nothing was changed." if not count else "1 variant saved." if count == 1 else f"{count} variants saved."
    return respond(then=_here(".bulk_grid"), say=words)


def shown(row: GridRow) -> dict[str, str]:
    """The fields of a row as they are saved. `seen` comes back with the form, to tell when somebody was faster."""
    return {
        "sku": row.sku,
        "seen": f"{row.saved.price_minor}/{_minor(row.saved.compare_at_minor)}/{row.saved.status}",
        "price": row.money(row.saved.price_minor).plain(),
        "compare_at": "" if row.saved.compare_at_minor is None else row.money(row.saved.compare_at_minor).plain(),
        "change": "",
        "status": row.saved.status,
    }


def _minor(minor: int | None) -> str:
    return "" if minor is None else str(minor)


def _filter() -> tuple[str, str]:
    return " ".join(request.args.get("q", "")[:100].split()), request.args.get("status", "")


def _here(endpoint: str) -> str:
    """The address with the fields that choose these rows, and with nothing else from the address at hand."""
    fields: dict[str, Any] = {name: request.args[name] for name in ASKED if name in request.args}
    return url_for(endpoint, **fields)


def _size() -> int:
    asked = request.args.get("size", "")
    return int(asked) if asked in map(str, SIZES) else SIZES[0]


def _typed() -> list[dict[str, str]]:
    """The rows of the form in order. Raises Invalid when they do not fit together or are too many."""
    columns = [request.form.getlist(name) for name in FIELDS]
    skus = columns[0]
    is_whole = len({len(column) for column in columns}) == 1 and len(set(skus)) == len(skus)
    if not is_whole or len(skus) > MOST_ROWS:
        raise Invalid(f"The form is not whole, or has more than {MOST_ROWS} rows. Reload the page and type again.")
    return [dict(zip(FIELDS, values, strict=True)) for values in zip(*columns, strict=True)]


def _edits(rows: list[dict[str, str]]) -> tuple[list[Edit], dict[str, dict[str, str]]]:
    """The rows that differ from what their reader saw, and a sentence for each field that cannot be read."""
    edits: list[Edit] = []
    errors: dict[str, dict[str, str]] = {}
    for row in rows:
        wrong: dict[str, str] = {}
        edit = _edit(row, wrong)
        if wrong:
            errors[row["sku"]] = wrong
        elif edit is not None:
            edits.append(edit)
    return edits, errors


def _edit(row: Mapping[str, str], wrong: dict[str, str]) -> Edit | None:
    seen = _seen(row["seen"])
    price = compare_at = None
    change = 0
    try:
        price = money_from(row["price"], "price")
    except Invalid as error:
        wrong["price"] = error.sentence
    try:
        compare_at = money_from(row["compare_at"], "compare_at") if row["compare_at"].strip() else None
    except Invalid as error:
        wrong["compare_at"] = error.sentence
    try:
        change = change_from(row["change"]) if row["change"].strip() else 0
    except Invalid as error:
        wrong["change"] = error.sentence
    if wrong or price is None:
        return None
    status = "" if row["status"] == seen.status else row["status"]
    as_seen = (price.minor, None if compare_at is None else compare_at.minor) == seen[:2]
    return None if as_seen and not status and not change else Edit(row["sku"], seen, price, compare_at, status, change)


def _seen(typed: str) -> Saved:
    price, _, rest = typed.partition("/")
    compare_at, _, status = rest.partition("/")
    numbers = (price, compare_at or "0")
    if not all(each.isascii() and each.isdigit() and len(each) < 18 for each in numbers):
        raise Invalid("The form is not whole. Reload the page and type again.")
    return Saved(int(price), int(compare_at) if compare_at else None, status)


def _refused(
    typed: list[dict[str, str]],
    note: str,
    sentence: str,
    errors: Mapping[str, Mapping[str, str]],
    saved: Mapping[str, Saved],
    *,
    is_note: bool = False,
) -> Response:
    """The same rows with what was typed. After a conflict they count as seen: saving again is meant so."""
    known = {row.sku: row for row in grid_rows([row["sku"] for row in typed])}
    rows = []
    for fields in typed:
        row = known.get(fields["sku"])
        if row is not None:
            seen = shown(row)["seen"] if row.sku in saved else fields["seen"]
            rows.append((row, {**fields, "seen": seen}))
    return _respond(
        rows,
        status=409 if saved else 422,
        errors=errors,
        saved_now=saved,
        refusal=sentence,
        note=note,
        note_error=sentence if is_note else None,
    )


def _respond(rows: list[tuple[GridRow, dict[str, str]]], *, status: int = 200, **more: Any) -> Response:
    q, view = _filter()
    nothing: dict[str, Any] = {"errors": {}, "saved_now": {}, "refusal": "", "note": "", "note_error": None}
    return respond(
        "admin/products/_bulk.html",
        page="admin/products/bulk.html",
        status=status,
        rows=rows,
        q=q,
        view=view,
        size=_size(),
        sizes=SIZES,
        address=_here(".save_bulk"),
        **{"paging": None, **nothing, **more},
    )
