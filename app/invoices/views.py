"""Invoices and credit notes as files, for whoever may open their order."""

from flask import Blueprint, Response, g, make_response, request

from app.invoices import queries
from app.invoices.models import Document
from app.invoices.wording import file_name, paper
from app.lib import ratelimit
from app.lib.errors import NotFound
from app.lib.ratelimit import Limit
from app.orders import access
from app.orders.services import let_go

bp = Blueprint("invoices", __name__)

DRAWING = Limit("papers", most=60, seconds=60)  # each takes a tenth of a second of our time


@bp.before_request
def is_private() -> None:
    g.is_private = True


@bp.get("/orders/<number>/invoice.pdf")
def invoice(number: str) -> Response:
    order = access.open_order(number)
    document = queries.invoice_of(order.id)
    if document is None:
        raise NotFound(f"Order {order.number} has no invoice yet. It is written when the order is paid.")
    return _answer(document)


@bp.get("/orders/<number>/credit-notes/<paper_number>.pdf")
def credit_note(number: str, paper_number: str) -> Response:
    order = access.open_order(number)
    document = queries.credit_note(order.id, paper_number)
    if document is None:
        raise NotFound(f"Order {order.number} has no credit note with this number.")
    return _answer(document)


def _answer(document: Document) -> Response:
    ratelimit.hit(DRAWING, ratelimit.network_of(request.remote_addr or ""))
    shown, name = paper(document), file_name(document)
    let_go()
    # Reading the library takes a third of a second, which processes that never draw need not wait for.
    from app.invoices.pdf import drawn

    answer = make_response(drawn(shown))
    answer.mimetype = "application/pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answer
