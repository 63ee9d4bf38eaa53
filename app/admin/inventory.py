"""Stock at the staff desk: what there is, a change with its reason, and the ledger of one variant."""

from typing import Any

from flask import Response, render_template, request, url_for
from flask_login import current_user

from app.admin.blueprint import bp
from app.admin.catalogue_forms import change_from
from app.inventory import services, staff_queries
from app.inventory.staff_queries import StockRow
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import local_path, respond, wants_fragment
from app.lib.paging import page_from

PAGE_SIZE = 50


@bp.get("/inventory")
def inventory() -> Response:
    return respond("admin/inventory/_list.html", page="admin/inventory/index.html", **_list())


@bp.post("/inventory/<sku>")
def adjust(sku: str) -> Response:
    """`change` is added to what is on hand, `note` says why."""
    row = _stock(sku)
    try:
        change = change_from(request.form.get("change", ""))
        services.adjust(row.variant_id, change, note=request.form.get("note", ""), actor_id=current_user.id)
    except Invalid as error:
        return _refused(row, error)
    back = local_path(request.form.get("back"), url_for(".inventory"))
    words = f"{sku}: {change:+d}, now {row.on_hand + change} on hand."
    return respond("admin/inventory/_row.html", then=back, say=words, row=_stock(sku), back=back)


@bp.get("/inventory/<sku>/ledger")
def ledger(sku: str) -> str:
    row = _stock(sku)
    found = staff_queries.ledger_page(row.variant_id, page_from(request.args.get("page"), PAGE_SIZE))
    return render_template("admin/inventory/ledger.html", row=row, ledger=found)


def _stock(sku: str) -> StockRow:
    row = staff_queries.stock_of(sku)
    if row is None:
        raise NotFound("There is no variant with this SKU.")
    return row


def _refused(row: StockRow, error: Invalid) -> Response:
    """422 with what was typed: the row for htmx, else the list narrowed to this variant."""
    typed: dict[str, Any] = {
        "error": error.sentence,
        "error_field": error.field or "change",
        "typed_change": request.form.get("change", ""),
        "typed_note": request.form.get("note", ""),
        "back": request.form.get("back", ""),
    }
    if wants_fragment():
        return respond("admin/inventory/_row.html", status=422, row=_stock(row.sku), **typed)
    return respond(
        page="admin/inventory/index.html",
        status=422,
        refused=row.sku,
        found=staff_queries.stock_list(row.sku, "", page_from(None, PAGE_SIZE)),
        q=row.sku,
        view="",
        **{**typed, "back": ""},
    )


def _list() -> dict[str, Any]:
    q = " ".join(request.args.get("q", "")[:100].split())
    view = request.args.get("view", "")
    found = staff_queries.stock_list(q, view, page_from(request.args.get("page"), PAGE_SIZE))
    return {"found": found, "q": q, "view": view, "refused": None, "back": request.full_path.rstrip("?")}
