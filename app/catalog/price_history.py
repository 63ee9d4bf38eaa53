"""What a variant cost, when: the prices that were in force, worked out from its price events and the clock.

A price event holds everything the price hangs on from then on, so that a sale that began and ended by the clock,
without anybody's hand, has its place in the history.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

WINDOW = timedelta(days=30)


class Set(NamedTuple):
    """From `at` on a variant costs `price`, and `sale` while its sale is on (open ends are none). Minor units."""

    at: datetime
    price: int
    sale: int | None = None
    sale_starts_at: datetime | None = None
    sale_ends_at: datetime | None = None


class Period(NamedTuple):
    """`minor` was to be paid from `since` until `until`; the last one goes on."""

    minor: int
    since: datetime
    until: datetime | None


def periods(events: Sequence[Set], now: datetime, on_sale_since: datetime | None = None) -> list[Period]:
    """The prices in force up to `now`, oldest first, without two equal ones in a row.

    `events` are in the order they were written. What was before `on_sale_since` was nobody's price.
    """
    found: list[Period] = []
    ends = [*(event.at for event in events[1:]), None]
    for event, end in zip(events, ends, strict=False):
        for minor, since, until in _parts(event, end, now):
            begun = since if on_sale_since is None else max(since, on_sale_since)
            if until is not None and until <= begun:
                continue
            if found and found[-1].minor == minor:
                found[-1] = Period(minor, found[-1].since, until)
            else:
                found.append(Period(minor, begun, until))
    return found


def lowest_before(history: Sequence[Period]) -> int | None:
    """The lowest price in force in the 30 days before the present one began; None when there was none before.

    This is the prior price of Directive 98/6/EC, Article 6a(2). Each further cut counts from its own beginning,
    so that after 100, then 80, then 60 the prior price is 80: no reduction looks larger than its last step.
    """
    if len(history) < 2:
        return None
    cut = history[-1].since
    before = [period.minor for period in history[:-1] if period.until is not None and period.until > cut - WINDOW]
    return min(before, default=None)


def _parts(event: Set, end: datetime | None, now: datetime) -> list[tuple[int, datetime, datetime | None]]:
    """The time from an event to the next one, cut where its sale begins and ends; nothing that is still to come."""
    bounds = sorted(at for at in (event.sale_starts_at, event.sale_ends_at) if at is not None)
    cuts = [event.at, *(at for at in bounds if event.at < at and (at < end if end else at <= now))]
    return [(_price(event, since), since, until) for since, until in zip(cuts, [*cuts[1:], end], strict=True)]


def _price(event: Set, at: datetime) -> int:
    if event.sale is None:
        return event.price
    has_begun = event.sale_starts_at is None or event.sale_starts_at <= at
    is_on = has_begun and (event.sale_ends_at is None or event.sale_ends_at > at)
    return event.sale if is_on else event.price
