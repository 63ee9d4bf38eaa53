"""Two clicks at a provider that takes a name once: one gets the page, the other is told that it was begun before."""

from datetime import UTC, datetime, timedelta

import pytest

from app.payments import queries, services
from app.payments.opening import open_attempt
from app.payments.payers import NOBODY
from app.payments.providers.base import NextStep, ProviderRefused
from app.payments.registry import provider_named
from tests.factories import a_variant, an_order

PAGE = NextStep(kind="redirect", url="https://provider.test/page", provider_ref="ref-of-the-page")
BEGUN_BEFORE = ProviderRefused("duplicate_reference", "This payment was begun before.", retryable=True)


@pytest.mark.parametrize("refused_first", [True, False])
def test_the_page_is_kept_whichever_click_is_written_down_first(app, refused_first):
    order = an_order(a_variant(price=1999))
    request, _ = open_attempt(order.number, provider_named("demo"), datetime.now(UTC) + timedelta(hours=1), NOBODY)
    written = [
        lambda: services.record_refusal(request.reference, BEGUN_BEFORE),
        lambda: services.record_answer(request.reference, PAGE),
    ]

    for write in written if refused_first else reversed(written):
        write()

    (attempt,) = queries.attempts_of(order.id)
    assert (attempt.state, attempt.next_url, attempt.error_code) == ("pending", PAGE.url, None)


def test_a_payment_that_was_refused_for_good_stays_refused(app):
    order = an_order(a_variant(price=1999))
    request, _ = open_attempt(order.number, provider_named("demo"), datetime.now(UTC) + timedelta(hours=1), NOBODY)

    services.record_refusal(request.reference, BEGUN_BEFORE)

    (attempt,) = queries.attempts_of(order.id)
    assert (attempt.state, attempt.error_code) == ("failed", "duplicate_reference")
    again, _ = open_attempt(order.number, provider_named("demo"), datetime.now(UTC) + timedelta(hours=1), NOBODY)
    assert again.reference != request.reference
