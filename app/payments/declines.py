"""Declined payments, counted: whoever tries out stolen cards must stop, wherever they press Pay."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_

from app.lib import runtime
from app.lib.db import session
from app.lib.errors import TooMany
from app.lib.ratelimit import in_words
from app.orders.models import Order
from app.payments.models import Attempt, Payment
from app.payments.payers import Payer

WINDOW = timedelta(hours=1)
MOST_OF_ONE = 5  # of an e-mail address, or of a browser or account
MOST_OF_A_NETWORK = 15  # where many people may sit
# Error codes that say nothing about the payer; the last two are of starts whose first answer got lost.
OUR_OWN_FAULT = ("no_answer", "not_configured", "too_many", "duplicate_reference", "idempotency_error")


def declined() -> ColumnElement[bool]:
    """SQL, for a row of attempts: somebody's money was refused in the last hour."""
    return and_(
        Attempt.created_at > datetime.now(UTC) - WINDOW,
        Attempt.state == "failed",
        func.coalesce(Attempt.error_code, "").not_in(OUR_OWN_FAULT),
    )


@dataclass(frozen=True)
class _Decline:
    at: datetime
    of_email: bool
    of_session: bool
    of_network: bool


def refuse_after_too_many(order: Order, payer: Payer) -> None:
    """Count, in one statement, what was declined for this address, browser and network. Raises TooMany."""
    if not runtime.settings().rate_limits:
        return
    found = _lately(order, payer)
    waits = [
        _wait([decline.at for decline in found if decline.of_email], MOST_OF_ONE),
        _wait([decline.at for decline in found if decline.of_session], MOST_OF_ONE),
        _wait([decline.at for decline in found if decline.of_network], MOST_OF_A_NETWORK),
    ]
    wait = max(waits)
    if wait:
        raise TooMany(
            f"Too many payments were declined. Your order is safe: wait {in_words(wait)}, or write to us.", wait=wait
        )


def _lately(order: Order, payer: Payer) -> list[_Decline]:
    """The newest first; no more than decide."""
    of_email = func.lower(Order.email) == order.email.lower()
    of_session = and_(Attempt.session_digest != "", Attempt.session_digest == payer.session_digest)
    of_network = and_(Attempt.network_digest != "", Attempt.network_digest == payer.network_digest)
    rows = session().execute(
        select(Attempt.created_at, of_email, of_session, of_network)
        .join(Payment, Payment.id == Attempt.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(declined(), or_(of_email, of_session, of_network))
        .order_by(Attempt.created_at.desc())
        .limit(2 * MOST_OF_ONE + MOST_OF_A_NETWORK + 3)
    )
    return [_Decline(*row) for row in rows]


def _wait(moments: Iterable[datetime], most: int) -> int:
    """Seconds until no more than `most` of these, newest first, are younger than an hour; 0 when that is so now."""
    beyond = list(moments)[most : most + 1]
    if not beyond:
        return 0
    return max(1, int((beyond[0] + WINDOW - datetime.now(UTC)).total_seconds()) + 1)


@dataclass(frozen=True)
class Declines:
    """How many payments of `who` were declined in the last hour; beyond `most` nothing more can be started.

    `kind` is email, session or network; of the last two only a digest is known. `numbers` are the orders.
    """

    kind: str
    who: str
    count: int
    last_at: datetime
    numbers: tuple[str, ...]

    @property
    def most(self) -> int:
        return MOST_OF_A_NETWORK if self.kind == "network" else MOST_OF_ONE

    @property
    def is_stopped(self) -> bool:
        return self.count > self.most


MOST_SHOWN = 20


def counters() -> list[Declines]:
    """Who was declined more than once in the last hour, the most first, in one statement."""
    email = func.lower(Order.email)
    count = func.count()
    each = func.grouping_sets(tuple_(email), tuple_(Attempt.session_digest), tuple_(Attempt.network_digest))
    rows = session().execute(
        select(
            email,
            Attempt.session_digest,
            Attempt.network_digest,
            count,
            func.max(Attempt.created_at),
            func.array_agg(Order.number.distinct()),
        )
        .join(Payment, Payment.id == Attempt.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(declined())
        .group_by(each)
        .having(count > 1)
        .order_by(count.desc())
        .limit(MOST_SHOWN)
    )
    return [found for row in rows if (found := _counter(*row)).who]


def _counter(
    email: str | None, session: str | None, network: str | None, count: int, last_at: datetime, numbers: list[str]
) -> Declines:
    who = {"email": email, "session": session, "network": network}
    kind = next(name for name, value in who.items() if value is not None)
    return Declines(kind, who[kind] or "", count, last_at, tuple(numbers))
