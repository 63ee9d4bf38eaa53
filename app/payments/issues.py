"""What about money waits for a person."""

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.lib.db import transaction
from app.orders.services import Actor
from app.payments.models import Attempt, PaymentIssue


def open_issue(attempt: Attempt, kind: str, note: str) -> None:
    """Put an item into the staff queue; an open one of the same kind for the attempt is enough."""
    with transaction() as current:
        current.execute(
            upsert(PaymentIssue)
            .values(attempt_id=attempt.id, kind=kind, note=note[:1000])
            .on_conflict_do_nothing(
                index_elements=["attempt_id", "kind"], index_where=text("resolved_at IS NULL")
            )
        )


def resolve_issue(issue_id: int, resolution: str, actor: Actor) -> None:
    """A person dealt with it."""
    with transaction() as current:
        current.execute(
            update(PaymentIssue)
            .where(PaymentIssue.id == issue_id, PaymentIssue.resolved_at.is_(None))
            .values(resolved_at=func.now(), resolved_by=actor.id, resolution=resolution[:500])
        )
