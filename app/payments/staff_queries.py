"""Money as staff look at it: what waits for a decision, and how many orders stand at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import contains_eager, selectinload

from app.lib.db import session
from app.lib.money import Money
from app.orders.models import Order
from app.orders.staff_queries import MOST_COUNTED
from app.payments.models import Attempt, Payment, PaymentIssue, Refund, WebhookEvent
from app.payments.promises import sends_back
from app.payments.queries import DOUBTFUL, PaymentSummary, may_count, summarise
from app.payments.refund_queries import WITH_REFUNDS, to_be_done

MOST_ISSUES = 100  # on one page; the oldest come first, so none is forgotten
MOST_EVENTS = 100
ABOUT_REFUNDS = ("refund_failed", "refund_by_hand", "refund_unheard")


@dataclass(frozen=True)
class Waiting:
    """An open issue with its attempt and order."""

    issue: PaymentIssue
    attempt: Attempt
    order: Order

    @property
    def can_accept(self) -> bool:
        """Whether a person may let the money count, for the order or for a part of it."""
        attempt = self.attempt
        return attempt.state == "paid" and attempt.review in DOUBTFUL and may_count(self.order, attempt)

    @property
    def is_part(self) -> bool:
        """Whether it would be less than was asked, so that the order waits for the rest."""
        return self.can_accept and self.attempt.left < self.attempt.amount

    @property
    def goes_by_hand(self) -> bool:
        """Whether a refund of it waits for a person, because the way it was paid cannot send money back."""
        return not sends_back(self.attempt.provider)

    @property
    def refunds(self) -> list[Refund]:
        """The refunds that the issue is about, when it is about any."""
        return to_be_done(self.attempt) if self.issue.kind in ABOUT_REFUNDS else []


def waiting() -> list[Waiting]:
    """What waits for a person, oldest first, in at most four statements."""
    rows = session().execute(
        select(PaymentIssue, Attempt, Order)
        .join(Attempt, Attempt.id == PaymentIssue.attempt_id)
        .join(Payment, Payment.id == Attempt.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(PaymentIssue.resolved_at.is_(None))
        .options(contains_eager(Attempt.payment), WITH_REFUNDS)
        .order_by(PaymentIssue.id)
        .limit(MOST_ISSUES)
    )
    return [Waiting(*row) for row in rows]


def counted_waiting() -> ColumnElement[int]:
    """SQL: how many issues are open, counted no further than one beyond MOST_COUNTED."""
    some = select(PaymentIssue.id).where(PaymentIssue.resolved_at.is_(None)).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def needs_look() -> ColumnElement[bool]:
    """SQL, for a row of orders: some of its money waits for a person."""
    with_issue = (
        select(Payment.order_id)
        .join(Attempt, Attempt.payment_id == Payment.id)
        .join(PaymentIssue, PaymentIssue.attempt_id == Attempt.id)
        .where(PaymentIssue.resolved_at.is_(None))
    )
    return Order.id.in_(with_issue)


def payment_failed() -> ColumnElement[bool]:
    """SQL, for a row of orders: it awaits payment, the last attempt failed, and none is open."""
    attempts = select(Attempt.id).join(Payment).where(Payment.order_id == Order.id).correlate(Order)
    failed = attempts.where(Attempt.state.in_(("failed", "expired", "cancelled")))
    other = attempts.where(Attempt.state.in_(("created", "pending", "authorised", "unknown", "paid")))
    return and_(Order.status == "pending", exists(failed), ~exists(other))


def summaries(orders: Iterable[Order]) -> dict[int, PaymentSummary]:
    """The money of many orders by order id, in two statements."""
    each = {order.id: order for order in orders}
    if not each:
        return {}
    attempts: dict[int, list[Attempt]] = {order_id: [] for order_id in each}
    rows = session().scalars(
        select(Attempt)
        .join(Attempt.payment)
        .where(Payment.order_id.in_(each))
        .options(contains_eager(Attempt.payment), selectinload(Attempt.refunds))
        .order_by(Attempt.id)
    )
    for attempt in rows:
        attempts[attempt.payment.order_id].append(attempt)
    return {order_id: summarise(order, tuple(attempts[order_id])) for order_id, order in each.items()}


def left_to_refund(attempts: Sequence[Attempt]) -> tuple[Money, ...]:
    """What of these attempts' money can be sent back: one amount for each currency, none of nothing or of a dispute."""
    sums: dict[str, Money] = {}
    for attempt in attempts:
        left = attempt.left
        if left and not attempt.is_disputed:
            sums[left.currency] = sums.get(left.currency, Money(0, left.currency)) + left
    return tuple(sums.values())


def webhook_events(attempts: Sequence[Attempt]) -> list[WebhookEvent]:
    """What the providers sent about these attempts, oldest first."""
    if not attempts:
        return []
    names = (
        (WebhookEvent.reference, {attempt.reference for attempt in attempts}),
        (WebhookEvent.provider_ref, {a.provider_ref for a in attempts if a.provider_ref}),
        (
            WebhookEvent.provider_payment_ref,
            {a.provider_payment_ref for a in attempts if a.provider_payment_ref},
        ),
    )
    return list(
        session().scalars(
            select(WebhookEvent)
            .where(
                WebhookEvent.provider.in_({attempt.provider for attempt in attempts}),
                or_(*(column.in_(values) for column, values in names if values)),
            )
            .order_by(WebhookEvent.id)
            .limit(MOST_EVENTS)
        )
    )
