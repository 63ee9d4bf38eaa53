"""A shop that takes bank transfers and cash at the door, and news of money that fits or does not."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import session
from app.lib.money import Money
from app.orders.services import Actor
from app.payments import marking
from app.payments.models import Attempt, PaymentIssue
from app.payments.providers.base import PaymentState
from app.payments.queries import PaymentSummary, attempts_of, summary
from app.payments.settlement import settle
from tests.factories import order_named

GRACE = Actor("Grace")


@contextmanager
def ways_by_hand(*, cash_on_delivery: tuple[str, ...] = ("US",)) -> Iterator[None]:
    was = runtime.settings()
    account = "Bank of Portland | IBAN US00 1234"
    way = {"bank_transfer": account, "bank_transfer_days": 7, "cash_on_delivery": cash_on_delivery}
    runtime.use(dataclasses.replace(was, **way))
    try:
        yield
    finally:
        runtime.use(was)


def choose(number: str, provider: str) -> Attempt:
    """The shopper takes this way to pay; gives back what was written down."""
    checkout.start_payment(number, provider)
    return last(number)


def last(number: str) -> Attempt:
    return attempts(number)[-1]


def attempts(number: str) -> tuple[Attempt, ...]:
    session().rollback()
    return attempts_of(order_named(number).id)


def hear(attempt: Attempt, minor: int, receipt: str = "", *, currency: str = "USD") -> None:
    """The provider says that so much was paid."""
    names = receipt or f"pay-{attempt.reference}"
    fact = PaymentState("paid", Money(minor, currency), provider_payment_ref=names)
    settle(attempt.reference, fact, channel="webhook")


def mark(number: str, what: str, minor: int, receipt: str = "") -> bool:
    return marking.mark_paid(number, what, Money(minor, "USD"), receipt, "Seen on the statement", GRACE)


def money(number: str) -> PaymentSummary:
    session().rollback()
    return summary(order_named(number))


def standing(number: str) -> tuple[str, str, int]:
    """The order's status, its payment's state, and what is still due in minor units."""
    found = money(number)
    return order_named(number).status, found.state, found.balance.minor


def open_issues() -> list[str]:
    session().rollback()
    is_open = PaymentIssue.resolved_at.is_(None)
    return list(session().scalars(select(PaymentIssue.kind).where(is_open).order_by(PaymentIssue.id)))
