"""Refunds, credits and disputes as staff look at them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.lib.db import session
from app.lib.errors import NotFound
from app.orders.models import Order
from app.payments.models import Attempt, Credit, Dispute, Payment, Refund
from app.payments.promises import is_unheard_of, unanswered

# For statements that load attempts: all that `to_be_done` looks at, however many refunds there are.
WITH_REFUNDS = selectinload(Attempt.refunds).selectinload(Refund.credit).selectinload(Credit.refunds)


@dataclass(frozen=True)
class FoundRefund:
    """One refund, where its money came from, and what a person can do about it."""

    refund: Refund
    attempt: Attempt
    order: Order

    @property
    def can_try_again(self) -> bool:
        return self.refund in unanswered(self.attempt) and not self.attempt.is_disputed

    @property
    def waits_for_a_hand(self) -> bool:
        return self.refund.kind == "by_hand" and self.refund.state == "pending"

    @property
    def is_unheard_of(self) -> bool:
        return is_unheard_of(self.refund)


def refund_named(reference: str) -> FoundRefund:
    """Raises NotFound."""
    row = (
        session()
        .execute(
            select(Refund, Order)
            .join(Refund.attempt)
            .join(Payment, Payment.id == Attempt.payment_id)
            .join(Order, Order.id == Payment.order_id)
            .where(Refund.reference == reference)
            .options(
                joinedload(Refund.attempt).options(WITH_REFUNDS),
            )
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such refund.")
    return FoundRefund(row[0], row[0].attempt, row[1])


def to_be_done(attempt: Attempt) -> list[Refund]:
    """Refunds a person has to do something about: made by hand, never heard of again, or failed."""
    by_hand = [refund for refund in attempt.refunds if refund.kind == "by_hand" and refund.state == "pending"]
    return [*by_hand, *filter(is_unheard_of, attempt.refunds), *unanswered(attempt)]


def disputes_of(order_id: int) -> list[Dispute]:
    """What banks asked back of an order's money, oldest first."""
    return list(
        session().scalars(
            select(Dispute)
            .join(Attempt, Attempt.id == Dispute.attempt_id)
            .join(Payment, Payment.id == Attempt.payment_id)
            .where(Payment.order_id == order_id)
            .order_by(Dispute.id)
        )
    )


def state_of(credit: Credit) -> str:
    """How far its money is: failed when some of it waits for a person, by_hand, pending, or succeeded."""
    states = {refund.state for refund in credit.refunds}
    if credit.amount_minor > sum(refund.amount_minor for refund in credit.refunds if refund.state != "failed"):
        return "failed"
    if "pending" not in states:
        return "succeeded"
    hands = any(refund.kind == "by_hand" and refund.state == "pending" for refund in credit.refunds)
    return "by_hand" if hands else "pending"
