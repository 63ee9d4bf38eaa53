"""Numbers of papers: one after the other, whoever issues them and whatever is rolled back (I10)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from app.invoices import services
from app.invoices.models import Document
from app.lib.db import session, transaction
from app.orders.models import Order
from tests.factories import a_variant, an_order, order_named


class ChangedTheirMind(Exception):
    pass


def a_paid_order(at: datetime | None = None) -> Order:
    """As one that was paid before there were invoices."""
    number = an_order(a_variant(), a_variant()).number
    with transaction() as current:
        current.execute(update(Order).where(Order.number == number).values(paid_at=at or datetime.now(UTC)))
    return order_named(number)


def numbers(kind: str = "invoice") -> list[int]:
    session().rollback()
    return list(session().scalars(select(Document.serial).where(Document.kind == kind).order_by(Document.serial)))


def test_an_order_has_one_invoice() -> None:
    order = a_paid_order()

    first, again = services.issue_invoice(order), services.issue_invoice(order)

    assert (first.number, again.number) == ("INV-000001", "INV-000001")
    assert first.amount == order.total


def test_the_invoice_of_one_order_is_issued_once_by_many(at_once: Callable[..., list[Any]]) -> None:
    number = a_paid_order().number

    outcomes = at_once(*[lambda: services.issue_invoice(order_named(number)).number] * 6)

    assert outcomes == ["INV-000001"] * 6
    assert numbers() == [1]
