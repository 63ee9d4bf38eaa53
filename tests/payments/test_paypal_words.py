"""PayPal's words in ours without anybody at the other end: amounts, problems, and what the settings come to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.config import Settings
from app.lib.money import Money
from app.payments.providers.base import NotConfigured, ProviderRefused, ProviderUnavailable
from app.payments.providers.http import Answer
from app.payments.providers.paypal import PayPalProvider, configured
from app.payments.providers.paypal_errors import translated
from app.payments.providers.paypal_objects import money, order_state, written

from .ends_paypal import KEYS

pytestmark = pytest.mark.pure


def test_a_capture_that_says_only_that_it_was_refunded_was_refunded():
    capture = {"id": "CAP1", "status": "REFUNDED", "amount": {"currency_code": "USD", "value": "19.99"}}
    unit = {"amount": capture["amount"], "payments": {"captures": [capture]}}

    state = order_state({"id": "O1", "status": "COMPLETED", "purchase_units": [unit]}, datetime.now(UTC))

    assert (state.refunded, state.disputes) == (Money(1999, "USD"), ())


# Money


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (Money(1999, "USD"), "19.99"),
        (Money(5, "EUR"), "0.05"),
        (Money(200_000, "GBP"), "2000.00"),
        (Money(500, "JPY"), "500"),
        (Money(50_000, "HUF"), "500"),
        (Money(12_300, "TWD"), "123"),
    ],
)
def test_amounts_on_the_wire_and_back(amount, value):
    assert written(amount) == {"currency_code": amount.currency, "value": value}
    assert money(written(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "offered"),
    [
        (Money(1, "USD"), True),
        (Money(0, "USD"), False),
        (Money(-100, "USD"), False),
        (Money(50_050, "HUF"), False),
        (Money(40_000, "KES"), False),
        (Money(40_000, "ETB"), False),
        (Money(12_340, "KWD"), False),
    ],
)
def test_what_paypal_takes_is_offered(amount, offered):
    provider = PayPalProvider(*KEYS)

    assert provider.supports(amount, "US") is offered


# Problems


def a_problem(status: int, issue: str, **more: Any) -> Answer:
    return Answer(status, {"name": "SOME_NAME", "debug_id": "f00", "details": [{"issue": issue}], **more}, {})


@pytest.mark.parametrize(
    ("status", "issue", "kind", "code"),
    [
        (422, "REFUND_TIME_LIMIT_EXCEEDED", ProviderRefused, "refund_time_limit_exceeded"),
        (422, "REFUND_FAILED_INSUFFICIENT_FUNDS", ProviderRefused, "refund_failed_insufficient_funds"),
        (422, "SOMETHING_NEW", ProviderRefused, "something_new"),
        (400, "INVALID_PARAMETER_SYNTAX", ProviderRefused, "invalid_parameter_syntax"),
        (404, "INVALID_RESOURCE_ID", ProviderRefused, "not_found"),
        (401, "", NotConfigured, ""),
        (403, "PERMISSION_DENIED", NotConfigured, ""),
        (409, "PREVIOUS_REQUEST_IN_PROGRESS", ProviderUnavailable, ""),
        (500, "", ProviderUnavailable, ""),
        (302, "", ProviderUnavailable, ""),
    ],
)
def test_every_refusal_has_its_kind_and_a_sentence_without_paypal_s_words(status, issue, kind, code):
    error = translated(a_problem(status, issue, message="Secret <b>words</b>"))

    assert type(error) is kind
    assert "Secret" not in str(error)
    assert getattr(error, "code", "") == code
    if isinstance(error, ProviderRefused):
        assert error.sentence.endswith(".")
        assert "f00" in error.detail


def test_an_error_without_details_is_told_by_its_name():
    assert translated(Answer(422, {"name": "ODD", "details": "none"}, {})).code == "odd"


# Settings


@pytest.mark.parametrize("missing", ["paypal_client_id", "paypal_client_secret", "paypal_webhook_id"])
def test_paypal_set_up_by_half_is_not_offered_and_says_what_is_missing(missing):
    whole = {"paypal_client_id": "id", "paypal_client_secret": "secret", "paypal_webhook_id": "8PT"}

    with pytest.raises(NotConfigured, match=missing.upper()) as trouble:
        configured(Settings(**{**whole, missing: ""}))

    assert "'secret'" not in str(trouble.value)
    assert configured(Settings()) is None
    assert configured(Settings(**whole)) is configured(Settings(**whole))


@pytest.mark.parametrize(
    ("base", "test", "page"),
    [
        ("", False, "https://www.paypal.com"),
        ("https://api-m.paypal.com", False, "https://www.paypal.com"),
        ("https://api-m.sandbox.paypal.com", True, "https://www.sandbox.paypal.com"),
        ("http://127.0.0.1:8010/paypal", True, "http://127.0.0.1:8010"),
    ],
)
def test_where_the_shopper_is_sent_follows_from_the_server(base, test, page):
    provider = PayPalProvider(*KEYS, api_base=base)

    assert (provider.test, provider.form_action_origins) == (test, (page,))
