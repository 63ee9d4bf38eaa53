"""Our side of the books: what we wrote down about payments, as plain data that outlives a transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import selectinload

from app.lib.db import session, transaction
from app.lib.money import Money
from app.payments.models import Attempt, BookDifference
from app.payments.providers.base import ListedPayment

LONGEST_WAY = timedelta(days=40)  # from the payment page to the money, by the slowest of bank debits


@dataclass(frozen=True)
class Ours:
    """One attempt. `refunded` and `refunding` are what the provider sent back or is to: not by hand, not by a bank."""

    id: int
    reference: str
    provider_ref: str | None
    provider_payment_ref: str | None
    state: str
    captured: Money
    refunded: int
    refunding: int

    @property
    def in_words(self) -> str:
        return f"{self.captured} paid" if self.state == "paid" else self.state

    def money(self, minor: int) -> Money:
        return Money(minor, self.captured.currency)


def _plain(attempt: Attempt) -> Ours:
    sums = {"succeeded": 0, "pending": 0, "failed": 0}
    for refund in attempt.refunds:
        if refund.kind == "refund":
            sums[refund.state] += refund.amount_minor
    return Ours(
        id=attempt.id,
        reference=attempt.reference,
        provider_ref=attempt.provider_ref,
        provider_payment_ref=attempt.provider_payment_ref,
        state=attempt.state,
        captured=attempt.captured,
        refunded=sums["succeeded"],
        refunding=sums["pending"],
    )


def _all(*conditions: ColumnElement[bool]) -> list[Ours]:
    statement = select(Attempt).where(*conditions).options(selectinload(Attempt.refunds)).order_by(Attempt.id)
    with transaction():
        rows = session().scalars(statement.execution_options(populate_existing=True))
        return [_plain(attempt) for attempt in rows]


def matched(provider: str, rows: Sequence[ListedPayment]) -> list[tuple[ListedPayment, Ours | None]]:
    """Each row of their list with our attempt, found by their name for it, else by ours, else by the payment's."""
    by_ref = {row.state.provider_ref for row in rows if row.state.provider_ref}
    by_name = {row.reference for row in rows if row.reference}
    by_payment = {row.state.provider_payment_ref for row in rows if row.state.provider_payment_ref}
    found = _all(
        Attempt.provider == provider,
        or_(
            Attempt.provider_ref.in_(by_ref),
            Attempt.reference.in_(by_name),
            Attempt.provider_payment_ref.in_(by_payment),
        ),
    )
    refs = {one.provider_ref: one for one in found if one.provider_ref}
    names = {one.reference: one for one in found}
    payments = {one.provider_payment_ref: one for one in found if one.provider_payment_ref}
    return [
        (
            row,
            refs.get(row.state.provider_ref or "")
            or names.get(row.reference or "")
            or payments.get(row.state.provider_payment_ref or ""),
        )
        for row in rows
    ]


def captured_on(provider: str, since: datetime, until: datetime) -> Iterable[Ours]:
    """Our payments with money that were begun or paid in that time: providers differ in what a list goes by."""
    return _all(
        Attempt.provider == provider,
        Attempt.captured_minor > 0,
        Attempt.created_at.between(since - LONGEST_WAY, until),
        or_(Attempt.created_at >= since, Attempt.paid_at.between(since, until)),
    )


def again(reference: str) -> Ours:
    return _all(Attempt.reference == reference)[0]


@dataclass(frozen=True)
class Open:
    """A difference nobody has resolved."""

    provider: str
    day: date
    kind: str
    subject: str
    attempt_id: int | None


def named(provider: str, subject: str, attempt_id: int | None) -> Ours | None:
    """The attempt a difference speaks of, by its id, or by any of its names now that we may have one."""
    names = or_(
        Attempt.id == attempt_id,
        Attempt.reference == subject,
        Attempt.provider_ref == subject,
        Attempt.provider_payment_ref == subject,
    )
    found = _all(Attempt.provider == provider, names)
    return found[0] if found else None


def open_difference(difference_id: int) -> Open | None:
    with transaction():
        row = session().scalar(
            select(BookDifference).where(BookDifference.id == difference_id, BookDifference.resolved_at.is_(None))
        )
        return Open(row.provider, row.day, row.kind, row.subject, row.attempt_id) if row else None
