"""Money that waits for a person, and what a person may do about it."""

import re
from typing import Any

from flask import Response, request, url_for
from flask_login import current_user

from app.admin.blueprint import actor, bp
from app.admin.order import ask_provider
from app.admin.order_forms import DealtWithForm, RefundForm
from app.admin.order_parts import titles
from app.admin.payment_tabs import PaymentTabs
from app.admin.providers import how_they_fare
from app.auth import staff
from app.lib.errors import Invalid, NotFound, ShopError, TooMany
from app.lib.htmx import respond, wants_fragment
from app.payments import declines, settlement, staff_queries, staff_services
from app.payments.queries import by_reference


@bp.get("/payments")
def payments() -> Response:
    return respond("admin/payments/_payments.html", page="admin/payments/index.html", **_context())


@bp.post("/payments/<reference>/check")
def check_payment(reference: str) -> Response:
    attempt = by_reference(reference)
    if attempt is None:
        raise NotFound("There is no such payment.")
    ask_provider(attempt.reference, attempt.provider)
    return _done("The provider was asked; the list shows what is still open.")


@bp.post("/payments/<reference>/accept")
def accept_payment(reference: str) -> Response:
    settlement.accept(reference, actor())
    return _done("The money counts now.")


@bp.post("/payments/<reference>/refund")
def refund_payment(reference: str) -> Response:
    form = RefundForm()
    if not form.validate():
        return _refused(reference, form)
    try:
        staff.confirm_password(current_user.id, form.password.data)
        reason = (form.reason.data or "").strip() or "Refunded by staff"
        sent = staff_services.refund_attempt(reference, form.seen.data, reason, actor())
    except (Invalid, TooMany) as error:
        return _refused(reference, form, error)
    words = staff_services.in_words(sent)
    return _done(f"{words} goes back to the shopper." if sent else "This was refunded already.")


@bp.post("/payments/<reference>/issues/<kind>")
def close_issue(reference: str, kind: str) -> Response:
    """Somebody dealt with it outside the shop, and says how."""
    form = DealtWithForm()
    try:
        staff_services.dealt_with(reference, kind, form.note.data or "", actor())
    except Invalid as error:
        form.refuse(error)
        return respond(
            "admin/payments/_payments.html",
            page="admin/payments/index.html",
            status=422,
            **_context(note_form=form, noting=f"{reference}-{kind}"),
        )
    return _done("Dealt with.")


def _done(say: str) -> Response:
    context = _context() if wants_fragment() else {}
    return respond("admin/payments/_payments.html", then=url_for(".payments"), say=say, **context)


def _refused(reference: str, form: RefundForm, error: ShopError | None = None) -> Response:
    """The refund's fields again, in the dialog of that attempt."""
    if isinstance(error, Invalid):
        form.refuse(error)
    elif error is not None:
        form.form_errors = [error.sentence]
    attempt = by_reference(reference)
    if attempt is None:
        raise NotFound("There is no such payment.")
    key = f"{attempt.reference}-{re.sub('[^a-z_]', '', form.kind.data or '')}"
    answer = respond(
        "admin/payments/_refund_fields.html",
        page="admin/payments/index.html",
        status=error.status if error else 422,
        key=key,
        left=attempt.left,
        **_context(refund_form=form, opened=key),
    )
    answer.headers["HX-Retarget"] = f"#refund-fields-{key}"
    answer.headers["HX-Reswap"] = "outerHTML"
    if error is not None:
        answer.headers.update(error.headers())
    return answer


def _context(**more: Any) -> dict[str, Any]:
    """`opened` and `noting` are keys of issues: whose refund is open, whose note is wrong."""
    return {
        "tabs": PaymentTabs("waiting"),
        "fares": how_they_fare(),
        "waiting": staff_queries.waiting(),
        "declines": declines.counters,
        "titles": titles(),
        "refund_form": RefundForm(formdata=None),
        "note_form": DealtWithForm(formdata=None),
        "opened": request.args.get("open", ""),
        "noting": "",
        **more,
    }
