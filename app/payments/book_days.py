"""Which days are compared when: each night the last three, and whatever was missed while nobody was awake."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select

from app.lib import outbox
from app.lib.db import session, transaction
from app.payments import books
from app.payments.models import Attempt, BookComparison, BookDifference
from app.payments.providers.base import Provider, ProviderError
from app.payments.registry import all_providers

log = logging.getLogger(__name__)

NIGHT = time(3)  # UTC; by then a provider's list of the day before is complete
LOOKED_BACK = 3  # days
LONGEST_GAP = 31  # days


def night(now: datetime) -> datetime:
    """When the last night began; what was compared since is compared."""
    begins = datetime.combine(now.date(), NIGHT, UTC)
    return begins if begins <= now else begins - timedelta(days=1)


def open_due() -> int:
    """Have everything compared that was not since the last night began; returns how many days of how many providers.

    The same hour may come twice, and in several workers: a day is sent once an hour until it is done.
    """
    now = datetime.now(UTC)
    since = night(now)
    with transaction():
        names = [name for name, provider in all_providers().items() if _keeps_a_list(provider)]
        due = [(name, day) for name in names for day in _due(name, since)]
        for name, day in due:
            key = f"books:{name}:{day}:{now:%Y%m%d%H}"
            outbox.send("payments.compare_books", key=key, provider=name, day=day.isoformat())
        _ask_older(since)
        return len(due)


def _keeps_a_list(provider: Provider) -> bool:
    """Nobody is asked for this: a list is fetched when it is read."""
    now = datetime.now(UTC)
    return provider.list_payments(now, now) is not None


def _due(name: str, since: datetime) -> Iterator[date]:
    first = first_day(name)
    if first is None:
        return
    last = since.date() - timedelta(days=1)
    begin = last - timedelta(days=LOOKED_BACK - 1)
    compared = {row.day: row.finished_at or row.started_at for row in _done(name, last)}
    if compared:
        begin = max(min(begin, max(compared) + timedelta(days=1)), last - timedelta(days=LONGEST_GAP))
    for day in days_from(max(begin, first), last):
        if day not in compared or compared[day] < since:
            yield day


def days_from(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def first_day(name: str) -> date | None:
    """The day of our first attempt there: what the account was used for before is not this shop's affair."""
    with transaction() as current:
        began = current.scalar(select(Attempt.created_at).where(Attempt.provider == name).order_by(Attempt.id).limit(1))
    return began.astimezone(UTC).date() if began else None


def _done(name: str, last: date) -> list[BookComparison]:
    return list(
        session().scalars(
            select(BookComparison).where(
                BookComparison.provider == name, BookComparison.state == "done", BookComparison.day <= last
            )
        )
    )


def _ask_older(since: datetime) -> None:
    """What differs on a day that is not compared again any more is asked about by itself."""
    older = select(BookDifference.id).where(
        BookDifference.resolved_at.is_(None), BookDifference.day < since.date() - timedelta(days=LOOKED_BACK)
    )
    for difference_id in session().scalars(older):
        key = f"difference:{difference_id}:{since:%Y%m%d}"
        outbox.send("payments.ask_about_difference", key=key, difference_id=difference_id)


def compare(name: str, day: date) -> None:
    """One day, once a night. A provider that cannot be asked is written down, and asked again within the hour."""
    try:
        books.compare(name, day, unless_done_since=night(datetime.now(UTC)))
    except ProviderError as error:
        log.warning("The books of %s of %s could not be compared: %s", name, day, error)


def ask_again(difference_id: int) -> None:
    """About one difference, once a night."""
    try:
        books.ask_again(difference_id)
    except ProviderError as error:
        log.warning("A difference could not be asked about: %s", error)
