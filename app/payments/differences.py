"""Where a provider's word about a payment and ours differ, and the list of that for staff."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import text

from app.lib.db import transaction
from app.lib.errors import Invalid, NotFound
from app.orders.services import Actor
from app.payments.book_pages import Ours
from app.payments.models import BookDifference
from app.payments.providers.base import PaymentState

LONGEST_NOTE = 500


@dataclass(frozen=True)
class Difference:
    """`kind` is unknown, missing, state, amount, currency, refunds or refused; both sides are words for people."""

    kind: str
    subject: str
    attempt_id: int | None
    theirs: str
    ours: str


def agree(state: PaymentState, ours: Ours) -> bool:
    return not between(state, ours)


def between(state: PaymentState, ours: Ours) -> list[Difference]:
    """What the provider says of a payment of ours that we do not. Only money counts: open or failed is all the same."""
    if (state.state == "paid") != (ours.state == "paid"):
        kind = "missing" if state.error_code == "not_found" else "state"
        return [_difference(kind, ours, _in_words(state), ours.in_words)]
    if state.state != "paid":
        return []
    found = []
    if state.amount is not None and state.amount != ours.captured:
        kind = "amount" if state.amount.currency == ours.captured.currency else "currency"
        found.append(_difference(kind, ours, f"{state.amount} paid", f"{ours.captured} paid"))
    # Some providers count a refund when it is asked for, others when it has arrived.
    elif state.refunded is not None and not ours.refunded <= state.refunded.minor <= ours.refunded + ours.refunding:
        back = f"{ours.money(ours.refunded)} sent back"
        found.append(_difference("refunds", ours, f"{state.refunded} sent back", back))
    return found


def _in_words(state: PaymentState) -> str:
    if state.error_code == "not_found":
        return "Nothing"
    if state.state == "paid":
        return f"{state.amount} paid" if state.amount else "paid"
    return f"{state.amount} asked, {state.state}" if state.amount else state.state


def _difference(kind: str, ours: Ours, theirs: str, words: str) -> Difference:
    return Difference(kind, ours.reference, ours.id, theirs, words)


# What somebody has dealt with is not brought up again, unless it has changed since.
WRITE = text("""
    INSERT INTO book_differences (provider, day, kind, subject, attempt_id, theirs, ours)
    SELECT :provider, :day, :kind, :subject, CAST(:attempt_id AS bigint), :theirs, :ours
    WHERE NOT EXISTS (
        SELECT 1 FROM book_differences d
        WHERE (d.provider, d.kind, d.subject, d.theirs, d.ours) = (:provider, :kind, :subject, :theirs, :ours)
          AND d.resolved_by IS NOT NULL)
    ON CONFLICT (provider, kind, subject) WHERE resolved_at IS NULL
    DO UPDATE SET day = excluded.day, theirs = excluded.theirs, ours = excluded.ours
    RETURNING id
""")

CLOSE = text("""
    UPDATE book_differences SET resolved_at = now(), resolution = 'Both agree now.'
    WHERE provider = :provider AND resolved_at IS NULL AND kind || ' ' || subject <> ALL (CAST(:still AS text[]))
      AND (day = :day AND CAST(:ids AS bigint[]) IS NULL OR id = ANY (CAST(:ids AS bigint[])))
""")


def record(
    provider: str, day: date, found: Collection[Difference], *, closing: Collection[int] | None = None
) -> list[Difference]:
    """Write down what differs, and close what was open for that day and differs no more; or only those `closing`.

    Gives back what waits for a person now: not what somebody has dealt with already.
    """
    with transaction() as current:
        waiting = [one for one in found if current.scalar(WRITE, {"provider": provider, "day": day, **vars(one)})]
        still = [f"{one.kind} {one.subject}" for one in found]
        ids = list(closing) if closing is not None else None
        current.execute(CLOSE, {"provider": provider, "day": day, "still": still, "ids": ids})
        return waiting


def dealt_with(difference_id: int, note: str, actor: Actor) -> None:
    """A person settled it outside the shop and says how. Asked again it changes nothing.

    Raises Invalid without a note, NotFound.
    """
    sentence = note.strip()
    if not sentence:
        raise Invalid("Write what was done about it.", "note")
    with transaction() as current:
        found = current.get(BookDifference, difference_id, with_for_update=True)
        if found is None:
            raise NotFound("There is no such difference.")
        if found.resolved_at is None:
            found.resolved_at, found.resolved_by = datetime.now(UTC), actor.id
            found.resolution = sentence[:LONGEST_NOTE]
