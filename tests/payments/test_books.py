"""The provider's books beside ours: what heals by itself, what waits for a person, and who looks when."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import transaction
from app.payments import book_days, books
from app.payments.models import BookComparison
from app.payments.providers.base import ProviderUnavailable
from app.payments.queries import attempts_of
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends import KeepingSimulator
from tests.races.meeting import assert_sound, count
from tests.races.paying import press_pay, status_of

TODAY = "CURRENT_DATE"


def today() -> date:
    return datetime.now(UTC).date()


def at_stripe(stripe: KeepingSimulator, button: str = "pay") -> tuple[str, str]:
    """An order whose shopper pressed a button on Stripe's page, and of which nobody told us: number, session."""
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    session_id = attempts_of(order.id)[0].provider_ref
    stripe.do(button, session_id)
    return order.number, session_id


def differences(*, is_open: bool = True) -> list[tuple[str, str, str]]:
    """(kind, theirs, ours) of what waits for a person."""
    with transaction() as current:
        rows = current.execute(
            text(f"""SELECT kind, theirs, ours FROM book_differences
                     WHERE resolved_at IS {"" if is_open else "NOT"} NULL ORDER BY id""")
        )
        return [tuple(row) for row in rows]


def test_a_payment_nobody_told_us_of_is_found_in_the_list_and_pays_its_order(stripe: KeepingSimulator) -> None:
    number, _ = at_stripe(stripe)
    at_stripe(stripe, "decline")

    first = books.compare("stripe", today())
    second = books.compare("stripe", today())

    assert first and second
    assert status_of(number) == "paid"
    assert (first.healed, second.healed, first.differences, second.differences) == (1, 0, [], [])
    assert differences() == []
    assert_sound()


def test_a_refund_made_at_the_provider_is_learned(stripe: KeepingSimulator) -> None:
    number, session_id = at_stripe(stripe)
    books.compare("stripe", today())
    stripe.do("refund", session_id)

    result = books.compare("stripe", today())

    assert result and result.healed == 1
    (attempt,) = attempts_of(order_named(number).id)
    assert attempt.refunded_minor == attempt.captured_minor
