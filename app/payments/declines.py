"""Declined payments, counted: whoever tries out stolen cards must stop, wherever they press Pay."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select

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
OUR_OWN_FAULT = ("no_answer", "not_configured", "too_many")  # error codes that say nothing about the payer


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
