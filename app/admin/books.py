"""The comparison of books: where a provider and the shop disagree, and what a person does about it."""

from typing import Any

from flask import Response, current_app, url_for

from app.admin.blueprint import actor, bp
from app.admin.order import NoAnswer
from app.admin.order_forms import DealtWithForm
from app.admin.order_parts import titles
from app.admin.payment_tabs import PaymentTabs
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import respond, wants_fragment
from app.payments import book_queries, differences
from app.payments import books as comparison
from app.payments.providers.base import ProviderError


@bp.get("/payments/books")
def books() -> Response:
    return respond("admin/payments/_books.html", page="admin/payments/books.html", **_context())


@bp.post("/payments/books/<int:difference_id>/ask")
def ask_difference(difference_id: int) -> Response:
    try:
        both_agree = comparison.ask_again(_small(difference_id), in_a_job=False)
    except ProviderError as error:
        current_app.logger.warning("No answer about a difference: %s", type(error).__name__)
        raise NoAnswer("The provider") from error
    return _done("Both agree now." if both_agree else "The provider was asked; the books still differ.")


@bp.post("/payments/books/<int:difference_id>/deal")
def deal_with_difference(difference_id: int) -> Response:
    """Somebody settled it outside the shop, and says how."""
    form = DealtWithForm()
    try:
        differences.dealt_with(_small(difference_id), form.note.data or "", actor())
    except Invalid as error:
        form.refuse(error)
        return respond(
            "admin/payments/_books.html",
            page="admin/payments/books.html",
            status=422,
            **_context(note_form=form, noting=difference_id),
        )
    return _done("Dealt with.")


def _small(difference_id: int) -> int:
    if difference_id >= 2**63:
        raise NotFound("There is no such difference.")
    return difference_id


def _done(say: str) -> Response:
    context = _context() if wants_fragment() else {}
    return respond("admin/payments/_books.html", then=url_for(".books"), say=say, **context)


def _context(**more: Any) -> dict[str, Any]:
    """`noting` is the difference whose note is wrong."""
    return {
        "tabs": PaymentTabs("books"),
        "differing": book_queries.differing(),
        "comparisons": book_queries.comparisons(),
        "titles": titles(),
        "note_form": DealtWithForm(formdata=None),
        "noting": 0,
        **more,
    }
