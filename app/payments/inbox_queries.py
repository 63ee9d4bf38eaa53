"""The inbox of webhooks as staff look through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, or_, select, text

from app.lib.db import session
from app.orders.models import Order
from app.orders.staff_queries import MOST_COUNTED
from app.payments.models import Attempt, Payment, WebhookEvent

PAGE = 25
STATES = ("received", "processed", "ignored", "orphan", "failed")
# What a list shows; bodies are large and stay where they are.
COLUMNS = (
    WebhookEvent.id,
    WebhookEvent.provider,
    WebhookEvent.type,
    WebhookEvent.state,
    WebhookEvent.note,
    WebhookEvent.received_at,
    WebhookEvent.reference,
    WebhookEvent.provider_ref,
    WebhookEvent.provider_payment_ref,
)


@dataclass(frozen=True)
class Filters:
    """`older` and `newer` are ids to go on from, 0 for none; at most one of them is set."""

    state: str = ""
    provider: str = ""
    older: int = 0
    newer: int = 0

    def as_args(self) -> dict[str, Any]:
        return {name: value for name in ("state", "provider") if (value := getattr(self, name))}


@dataclass(frozen=True)
class InboxPage:
    """Newest first; `orders` are the numbers of the orders they speak of, by the message's id."""

    events: Sequence[Any]
    orders: dict[int, str]
    newer: int = 0
    older: int = 0


def page(filters: Filters) -> InboxPage:
    """A page of the list in two statements."""
    statement = select(*COLUMNS)
    if filters.state:
        statement = statement.where(WebhookEvent.state == filters.state)
    if filters.provider:
        statement = statement.where(WebhookEvent.provider == filters.provider)
    if filters.newer:
        ahead = statement.where(WebhookEvent.id > filters.newer).order_by(WebhookEvent.id)
        rows = session().execute(ahead.limit(PAGE + 1)).all()
        has_newer, has_older = len(rows) > PAGE, bool(rows)
        rows = rows[:PAGE][::-1]
    else:
        if filters.older:
            statement = statement.where(WebhookEvent.id < filters.older)
        rows = session().execute(statement.order_by(WebhookEvent.id.desc()).limit(PAGE + 1)).all()
        has_newer, has_older = bool(filters.older and rows), len(rows) > PAGE
        rows = rows[:PAGE]
    return InboxPage(
        rows,
        orders_of(rows),
        newer=rows[0].id if has_newer else 0,
        older=rows[-1].id if has_older else 0,
    )


def orders_of(events: Sequence[Any]) -> dict[int, str]:
    """The number of the order each message speaks of, by the message's id, in one statement."""
    names = {name for event in events for name in _names(event)}
    if not names:
        return {}
    columns = (Attempt.provider_ref, Attempt.reference, Attempt.provider_payment_ref)
    rows = session().execute(
        select(Attempt.provider, *columns, Order.number)
        .join(Payment, Payment.id == Attempt.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(
            Attempt.provider.in_({event.provider for event in events}),
            or_(*(column.in_(names) for column in columns)),
        )
    )
    known = {(row.provider, name): row.number for row in rows for name in row[1:4] if name}
    return {
        event.id: number
        for event in events
        if (number := next(filter(None, (known.get((event.provider, name)) for name in _names(event))), None))
    }


def _names(event: Any) -> tuple[str, ...]:
    return tuple(filter(None, (event.provider_ref, event.reference, event.provider_payment_ref)))


def event(event_id: int) -> WebhookEvent | None:
    return session().get(WebhookEvent, event_id)


def job_of(found: WebhookEvent) -> Row[Any] | None:
    """How reading it goes, while it waits: attempts, last_error, due_at."""
    keys = [f"webhook:{found.id}"]
    if found.processed_at is not None:
        keys.append(f"webhook:{found.id}:{int(found.processed_at.timestamp())}")
    return session().execute(JOB, {"keys": keys}).first()


JOB = text("SELECT attempts, last_error, due_at FROM outbox WHERE key = ANY (:keys) ORDER BY id DESC LIMIT 1")


def providers() -> list[str]:
    """Everybody who ever sent something that is still kept: one look at the index for each."""
    return list(session().scalars(EACH))


EACH = text("""
    WITH RECURSIVE each (provider) AS (
        (SELECT provider FROM webhook_events ORDER BY provider, id LIMIT 1)
        UNION ALL
        SELECT (SELECT provider FROM webhook_events w WHERE w.provider > each.provider ORDER BY provider, id LIMIT 1)
        FROM each WHERE each.provider IS NOT NULL
    )
    SELECT provider FROM each WHERE provider IS NOT NULL
""")


def counted_failed() -> Any:
    """SQL: how many messages were given up, counted no further than one beyond MOST_COUNTED.

    Those about unknown payments are not counted: an account that serves others as well gets many.
    """
    some = select(WebhookEvent.id).where(WebhookEvent.state == "failed").limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
