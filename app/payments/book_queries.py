"""The comparison of books as staff read it: what differs, and when whom was compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.lib.db import session
from app.orders.models import Order
from app.orders.staff_queries import MOST_COUNTED
from app.payments.models import Attempt, BookComparison, BookDifference, Payment

MOST = 100  # differences on one page; the oldest come first, so none is forgotten
DAYS = 14


@dataclass(frozen=True)
class Differing:
    """An open difference, with the order it is about when there is one."""

    row: BookDifference
    order: str | None


def differing() -> list[Differing]:
    rows = session().execute(
        select(BookDifference, Order.number)
        .outerjoin(Attempt, Attempt.id == BookDifference.attempt_id)
        .outerjoin(Payment, Payment.id == Attempt.payment_id)
        .outerjoin(Order, Order.id == Payment.order_id)
        .where(BookDifference.resolved_at.is_(None))
        .order_by(BookDifference.id)
        .limit(MOST)
    )
    return [Differing(row, number) for row, number in rows]


def comparisons() -> Sequence[BookComparison]:
    """Of the last days, newest first."""
    since = datetime.now(UTC).date() - timedelta(days=DAYS)
    return (
        session()
        .scalars(
            select(BookComparison)
            .where(BookComparison.day >= since)
            .order_by(BookComparison.day.desc(), BookComparison.provider)
        )
        .all()
    )


def counted_differing() -> Any:
    """SQL: how many differences are open, counted no further than one beyond MOST_COUNTED."""
    some = select(BookDifference.id).where(BookDifference.resolved_at.is_(None)).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
