"""Whether an order is paid, and how that came about. Derived each time; nobody stores it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.lib.db import session
from app.lib.money import Money
from app.orders.models import Order
from app.payments.models import Attempt, Payment, PaymentIssue

DOUBTFUL = ("amount", "currency")  # reviews whose money does not count until a person said so


@dataclass(frozen=True)
class PaymentSummary:
    """What an order's attempts come to. `state` is pending, paid, failed, review, partially_refunded or refunded."""

    state: str
    captured: Money
    refunded: Money
    refunding: Money
    attempts: tuple[Attempt, ...]

    @property
    def refundable(self) -> Money:
        return self.captured - self.refunded - self.refunding

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def is_final(self) -> bool:
        """Whether the page may stop asking."""
        return self.state not in ("pending",)


def summary(order: Order) -> PaymentSummary:
    """The money of one order, in one statement."""
    return summarise(order, attempts_of(order.id))


def attempts_of(order_id: int) -> tuple[Attempt, ...]:
    """One statement: in two, a refund that ends between them would be neither on its way nor sent back."""
    found = session().scalars(
        select(Attempt)
        .join(Payment)
        .where(Payment.order_id == order_id)
        .options(joinedload(Attempt.refunds))
        .order_by(Attempt.id)
    )
    return tuple(found.unique())


def summarise(order: Order, attempts: tuple[Attempt, ...]) -> PaymentSummary:
    ours = [a for a in attempts if (a.captured_currency or order.currency) == order.currency]
    captured = sum(attempt.captured_minor for attempt in ours)
    refunded = sum(attempt.refunded_minor for attempt in ours)
    pending = sum(r.amount_minor for a in ours for r in a.refunds if r.state == "pending")
    return PaymentSummary(
        state=_state(order, attempts, captured, refunded),
        captured=order.money(captured),
        refunded=order.money(refunded),
        refunding=order.money(pending),
        attempts=attempts,
    )


def _state(order: Order, attempts: tuple[Attempt, ...], captured: int, refunded: int) -> str:
    if captured and refunded >= captured:
        return "refunded"
    if refunded:
        return "partially_refunded"
    if any(attempt.review in DOUBTFUL for attempt in attempts):
        return "review"
    if captured and captured >= order.total_minor:
        return "paid"
    last = attempts[-1] if attempts else None
    if last is not None and last.state in ("failed", "expired", "cancelled"):
        return "failed"
    return "pending"


def by_reference(reference: str) -> Attempt | None:
    """The attempt, with its payment."""
    return session().scalar(select(Attempt).where(Attempt.reference == reference).options(joinedload(Attempt.payment)))


def issues_of(order_id: int) -> list[PaymentIssue]:
    return list(
        session().scalars(
            select(PaymentIssue)
            .join(Attempt, Attempt.id == PaymentIssue.attempt_id)
            .join(Payment, Payment.id == Attempt.payment_id)
            .where(Payment.order_id == order_id, PaymentIssue.resolved_at.is_(None))
            .order_by(PaymentIssue.id)
        )
    )
