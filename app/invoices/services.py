"""Papers are issued here, each in the transaction of whatever makes it due."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.invoices import contents, queries
from app.invoices.models import Document, Series
from app.lib.db import retrying, session, transaction
from app.lib.errors import NotAllowed
from app.orders.models import Order, OrderLine

PREFIXES = {"invoice": "INV", "credit_note": "CN"}
AT_ONCE = 100  # invoices of one transaction; everybody who pays meanwhile waits for it to end


def issue_invoice(order: Order) -> Document:
    """The invoice of an order: made now, or the one it has.

    Call it last in its transaction: from here to the commit, everybody else who issues one waits. Raises NotAllowed
    for an order that costs nothing.
    """
    with transaction() as current:
        current.flush()
        current.execute(select(Order.id).where(Order.id == order.id).with_for_update())
        known = queries.invoice_of(order.id)
        if known is not None:
            return known
        if not order.total_minor:
            raise NotAllowed(f"Order {order.number} costs nothing, so there is nothing to invoice.")
        return _issue("invoice", order, order.total_minor, order.tax_minor, contents.of_invoice(order))


def issue_credit_note(
    order: Order,
    *,
    lines: Sequence[tuple[OrderLine, int, int, int]] = (),
    shipping_minor: int = 0,
    shipping_tax_minor: int = 0,
    other_minor: int = 0,
    other_tax_minor: int = 0,
    reason: str = "",
) -> Document | None:
    """The paper about a part of an order that is given back; None before it was paid, when there is no invoice.

    `lines` are (order line, quantity, amount, tax). Each amount is with tax, the tax beside it is what of it is tax,
    in minor units. Like an invoice it is issued last in its transaction. Raises NotAllowed for nothing, and for more
    than the invoice came to.
    """
    with transaction():
        if order.paid_at is None:
            return None
        invoice = issue_invoice(order)
        amount = sum(line[2] for line in lines) + shipping_minor + other_minor
        tax = sum(line[3] for line in lines) + shipping_tax_minor + other_tax_minor
        parts = contents.Parts(tuple(lines), shipping_minor, shipping_tax_minor, other_minor, other_tax_minor)
        note = _issue("credit_note", order, amount, tax, contents.of_credit_note(order, invoice, parts, reason))
        # Asked when the series is ours: nobody else can add another note before we commit.
        _refuse_beyond(invoice)
        return note


def _issue(kind: str, order: Order, amount: int, tax: int, content: dict[str, Any]) -> Document:
    if amount <= 0:
        raise NotAllowed("A paper about nothing is not issued.")
    serial = _next(kind)
    document = Document(
        kind=kind,
        serial=serial,
        number=f"{PREFIXES[kind]}-{serial:06d}",
        order_id=order.id,
        currency=order.currency,
        amount_minor=amount,
        tax_minor=tax,
        content=content,
    )
    session().add(document)
    session().flush()
    return document


def _next(kind: str) -> int:
    """A row, not a sequence: what is rolled back must leave no gap."""
    taken = upsert(Series).values(kind=kind, last=1)
    taken = taken.on_conflict_do_update(index_elements=[Series.kind], set_={"last": Series.last + 1})
    return int(session().execute(taken.returning(Series.last)).scalar_one())


def _refuse_beyond(invoice: Document) -> None:
    credited, tax = (
        session()
        .execute(
            select(func.sum(Document.amount_minor), func.sum(Document.tax_minor)).where(
                Document.order_id == invoice.order_id, Document.kind == "credit_note"
            )
        )
        .one()
    )
    if credited > invoice.amount_minor or tax > invoice.tax_minor:
        raise NotAllowed(f"Invoice {invoice.number} came to {invoice.amount}; no more than that can be credited.")


@retrying
def catch_up(limit: int = AT_ONCE) -> int:
    """Issue the invoices of paid orders that have none, oldest payment first; returns how many were issued.

    They are the orders that were paid before there were invoices.
    """
    with transaction():
        orders = queries.without_invoice(limit)
        for order in orders:
            issue_invoice(order)
        return len(orders)
