"""Two sets of books side by side: what a provider lists for a day, and what we wrote down.

Where they disagree the provider is asked about the payment itself, and what it says is applied. What disagrees
even then is written down for a person, until both agree again or somebody has dealt with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from sqlalchemy import text

from app.lib.db import transaction
from app.payments import book_pages, services
from app.payments.book_pages import Ours
from app.payments.differences import Difference, agree, between, record
from app.payments.providers.base import ListedPayment, PaymentState, ProviderRefused
from app.payments.registry import IN_A_JOB, provider_of_old
from app.payments.services import Told

PAGE = 100
STALE_AFTER = 600  # seconds; nobody compares one day for so long, so whoever began it has died


@dataclass
class Result:
    """What comparing one day came to. `healed` payments agree since the provider was asked about them."""

    theirs: int = 0
    ours: int = 0
    healed: int = 0
    differences: list[Difference] = field(default_factory=list)


def compare(name: str, day: date, *, unless_done_since: datetime | None = None) -> Result | None:
    """Lay one day of one provider beside ours. Days are those of UTC.

    None when there is nothing to do: another worker is at it, or has done it since, or the provider keeps no list.
    Raises ProviderError when it cannot be asked; that is written down too.
    """
    listed = _listed(name, day)
    if listed is None:
        return None
    comparison_id = _claim(name, day, unless_done_since)
    if comparison_id is None:
        return None
    try:
        result = _compared(name, day, listed)
    except Exception as error:
        _finish(comparison_id, "failed", Result(), f"{type(error).__name__}: {error}")
        raise
    result.differences = record(name, day, result.differences)
    _finish(comparison_id, "done", result, "")
    return result


def _listed(name: str, day: date) -> Iterator[ListedPayment] | None:
    since, until = bounds(day)
    return provider_of_old(name, IN_A_JOB).list_payments(since, min(until, datetime.now(UTC)))


def bounds(day: date) -> tuple[datetime, datetime]:
    since = datetime.combine(day, time(), UTC)
    return since, since + timedelta(days=1)


CLAIM = text("""
    INSERT INTO book_comparisons AS c (provider, day) VALUES (:provider, :day)
    ON CONFLICT (provider, day) DO UPDATE SET state = 'running', started_at = now(), finished_at = NULL, error = ''
    WHERE CASE c.state
        WHEN 'running' THEN c.started_at < now() - make_interval(secs => :stale)
        WHEN 'done' THEN CAST(:since AS timestamptz) IS NULL OR c.finished_at < :since
        ELSE true END
    RETURNING id
""")
FINISH = text("""
    UPDATE book_comparisons SET state = :state, theirs = :theirs, ours = :ours, healed = :healed, error = :error,
                                finished_at = now()
    WHERE id = :id
""")


def _claim(name: str, day: date, unless_done_since: datetime | None) -> int | None:
    values = {"provider": name, "day": day, "since": unless_done_since, "stale": STALE_AFTER}
    with transaction() as current:
        claimed: int | None = current.scalar(CLAIM, values)
        return claimed


def _finish(comparison_id: int, state: str, result: Result, error: str) -> None:
    with transaction() as current:
        current.execute(
            FINISH,
            {
                "id": comparison_id,
                "state": state,
                "theirs": result.theirs,
                "ours": result.ours,
                "healed": result.healed,
                "error": error[:500],
            },
        )


def _compared(name: str, day: date, listed: Iterator[ListedPayment]) -> Result:
    result, seen = Result(), set[str]()
    while rows := list(islice(listed, PAGE)):
        result.theirs += len(rows)
        for row, ours in book_pages.matched(name, rows):
            _compare_row(result, row, ours)
            if ours is not None:
                seen.add(ours.reference)
    for ours in book_pages.captured_on(name, *bounds(day)):
        result.ours += 1
        if ours.reference not in seen:
            result.differences += _ask(ours, Told())[1]
    return result


def _compare_row(result: Result, row: ListedPayment, ours: Ours | None) -> None:
    state = row.state
    if ours is None or _is_another(state, ours):
        if state.state == "paid":
            result.differences.append(_unknown(row))
        return
    if agree(state, ours):
        return
    asked, found = _ask(ours, Told(state.provider_ref, state.provider_payment_ref))
    result.differences += found
    result.healed += not found and asked != ours


def _is_another(state: PaymentState, ours: Ours) -> bool:
    """A second payment there that carries the name of our attempt, which has a payment already."""
    return bool(state.provider_ref and ours.provider_ref and state.provider_ref != ours.provider_ref)


def _unknown(row: ListedPayment) -> Difference:
    state = row.state
    subject = state.provider_payment_ref or state.provider_ref or row.reference or row.at.isoformat()
    words = f"{state.amount or 'Money'} paid on {row.at:%d %B %Y %H:%M} UTC"
    return Difference("unknown", subject, None, words + (f" for {row.reference}" if row.reference else ""), "Nothing")


def _ask(ours: Ours, told: Told, *, in_a_job: bool = True) -> tuple[Ours, list[Difference]]:
    """Ask about one payment and apply the answer; gives back ours as it is then, and where it still differs."""
    try:
        state = services.check(ours.reference, channel="books", told=told, in_a_job=in_a_job)
    except ProviderRefused as no:
        return ours, [Difference("refused", ours.reference, ours.id, str(no), ours.in_words)]
    now = book_pages.again(ours.reference)
    return now, between(state, now)


def ask_again(difference_id: int, *, in_a_job: bool = True) -> bool:
    """Ask about what differs once more; True when both agree now. Raises ProviderError."""
    known = book_pages.open_difference(difference_id)
    if known is None:
        return True
    ours = book_pages.named(known.provider, known.subject, known.attempt_id)
    if ours is None:
        return False
    found = _ask(ours, Told(), in_a_job=in_a_job)[1]
    if any(one.kind == "refused" for one in found):
        return False
    record(known.provider, known.day, found, closing=(difference_id,))
    return not any((one.kind, one.subject) == (known.kind, known.subject) for one in found)
