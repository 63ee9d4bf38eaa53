"""Papers as they were issued."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.invoices.models import Document
from app.lib.db import session
from app.orders.models import Order


def invoice_of(order_id: int) -> Document | None:
    """The order's invoice, when it has one."""
    return session().scalar(select(Document).where(Document.order_id == order_id, Document.kind == "invoice"))


def by_id(document_id: int) -> Document:
    """The paper; it is known to exist."""
    return session().get_one(Document, document_id)


def papers_of(order_id: int) -> list[Document]:
    """Everything that was issued for an order, in that sequence."""
    return list(session().scalars(select(Document).where(Document.order_id == order_id).order_by(Document.id)))


def credit_note(order_id: int, number: str) -> Document | None:
    """The credit note of an order with this number."""
    return session().scalar(
        select(Document).where(Document.order_id == order_id, Document.number == number, Document.kind == "credit_note")
    )


def without_invoice(limit: int) -> list[Order]:
    """Paid orders that have no invoice, oldest payment first, locked until the transaction ends.

    One that was paid and cancelled before there were invoices gets none: no credit note would ever take it back.
    Orders that somebody else works on are left out: their own transaction, or the next look, sees to them.
    """
    has_one = select(Document.id).where(Document.order_id == Order.id, Document.kind == "invoice")
    return list(
        session().scalars(
            select(Order)
            .where(Order.paid_at.is_not(None), Order.status != "cancelled", Order.total_minor > 0, ~has_one.exists())
            .order_by(Order.paid_at, Order.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .options(selectinload(Order.lines))
        )
    )
