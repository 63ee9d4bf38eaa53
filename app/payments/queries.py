"""Whether an order is paid, and how that came about. Derived each time; nobody stores it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.lib.db import session
from app.lib.money import Money
from app.orders.models import Order
from app.payments.models import Attempt, Payment, PaymentIssue, Refund

# Reviews whose money does not count until a person said so.
DOUBTFUL = ("amount", "currency", "receipt")
# Money that came for an order and still is not its own: a second payment, or one that goes back because it was late.
NOT_THE_ORDERS = (*DOUBTFUL, "second", "late")


@dataclass(frozen=True)
class PaymentSummary:
    """What an order's attempts come to, all in its currency.

    `state` is pending, partially_paid, paid, failed, review, partially_refunded or refunded. `captured` is all that
    came, in doubt or not; `kept` is what counts for the order and was not sent back. `balance` is what is still due,
    `excess` what was paid beyond it; a second payment is neither.
    """

    state: str
    captured: Money
    refunded: Money
    refunding: Money
    kept: Money
    balance: Money
    excess: Money
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
        return self.state not in ("pending", "partially_paid")


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
        .execution_options(populate_existing=True)
    )
    return tuple(found.unique())


def summarise(order: Order, attempts: tuple[Attempt, ...]) -> PaymentSummary:
    ours = [a for a in attempts if (a.captured_currency or order.currency) == order.currency]
    counted = [attempt for attempt in ours if attempt.review not in DOUBTFUL]
    kept = sum(attempt.left.minor for attempt in counted if attempt.review not in NOT_THE_ORDERS)
    owed = _owed(order, ours)
    return PaymentSummary(
        state=_state(order, attempts, ours, counted),
        captured=order.money(sum(attempt.captured_minor for attempt in ours)),
        refunded=order.money(sum(attempt.refunded_minor for attempt in ours)),
        refunding=order.money(sum(r.amount_minor for a in ours for r in a.refunds if r.state == "pending")),
        kept=order.money(kept),
        balance=order.money(max(owed - kept, 0)),
        excess=order.money(max(kept - owed, 0)),
        attempts=attempts,
    )


def _owed(order: Order, ours: list[Attempt]) -> int:
    """The total, less what was credited since it was paid. A cancelled order owes nothing."""
    if order.status == "cancelled":
        return 0
    if order.paid_at is None:
        return order.total_minor
    return order.total_minor - sum(
        refund.amount_minor
        for attempt in ours
        for refund in attempt.refunds
        if refund.credit_id is not None and refund.state != "failed"
    )


def _state(order: Order, attempts: tuple[Attempt, ...], ours: list[Attempt], counted: list[Attempt]) -> str:
    captured = sum(attempt.captured_minor for attempt in ours)
    if order.paid_at is not None and not order.total_minor and not captured:
        return "paid"
    last = attempts[-1] if attempts else None
    tried_again = order.awaits_money and last is not None and not last.captured_minor
    if captured and sum(attempt.refunded_minor for attempt in ours) >= captured and not tried_again:
        return "refunded"
    if any(is_in_doubt(attempt) for attempt in attempts):
        return "review"
    came = sum(attempt.captured_minor for attempt in counted)
    stayed = came - sum(attempt.refunded_minor for attempt in counted)
    if stayed and stayed >= order.total_minor:
        return "paid"
    if stayed:
        return "partially_refunded" if came >= order.total_minor and not order.awaits_money else "partially_paid"
    if last is not None and last.state in ("failed", "expired", "cancelled"):
        return "failed"
    return "pending"


def may_count(order: Order, attempt: Attempt) -> bool:
    """Whether money in doubt could pay the order, or a part of it, if a person said so."""
    if not attempt.left or attempt.left.currency != order.currency:
        return False
    return order.awaits_money or (order.cancel_reason == "expired" and attempt.covers(order.total))


def is_in_doubt(attempt: Attempt) -> bool:
    """Whether a person has to say what becomes of its money, or of the money that is announced."""
    return attempt.review in DOUBTFUL and (not attempt.captured_minor or bool(attempt.left))


def by_reference(reference: str) -> Attempt | None:
    """The attempt, with its payment."""
    return session().scalar(select(Attempt).where(Attempt.reference == reference).options(joinedload(Attempt.payment)))


def refund_by_id(refund_id: int) -> Refund:
    """The refund, with what it gives back; it is known to exist."""
    return session().scalars(select(Refund).where(Refund.id == refund_id).options(joinedload(Refund.credit))).one()


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
