"""What about money waits for a person."""

from collections.abc import Collection

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.lib.db import transaction
from app.orders.services import Actor
from app.payments.models import Attempt, PaymentIssue


def open_issue(attempt: Attempt, kind: str, note: str, *, renew: bool = False) -> None:
    """Put an item into the staff queue; an open one of the same kind for the attempt is enough.

    `renew` gives the open one this note.
    """
    with transaction() as current:
        new = upsert(PaymentIssue).values(attempt_id=attempt.id, kind=kind, note=note[:1000])
        unique, still_open = ["attempt_id", "kind"], text("resolved_at IS NULL")
        if renew:
            words = {"note": new.excluded.note}
            current.execute(new.on_conflict_do_update(index_elements=unique, index_where=still_open, set_=words))
        else:
            current.execute(new.on_conflict_do_nothing(index_elements=unique, index_where=still_open))


def close_issues(attempt: Attempt, resolution: str, actor: Actor, kinds: Collection[str]) -> int:
    """A person dealt with the attempt's open issues of these kinds; gives back how many there were."""
    with transaction() as current:
        result = current.execute(
            update(PaymentIssue)
            .where(
                PaymentIssue.attempt_id == attempt.id,
                PaymentIssue.kind.in_(kinds),
                PaymentIssue.resolved_at.is_(None),
            )
            .values(resolved_at=func.now(), resolved_by=actor.id, resolution=resolution[:500])
        )
        return int(result.rowcount)  # type: ignore[attr-defined]
