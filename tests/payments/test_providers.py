"""Which providers a shop offers, and what is said about those it cannot."""

import pytest

from app import config
from app.payments.providers import complaints, providers
from app.payments.providers.demo import MemoryDemoStore

from .ends import without_network

pytestmark = pytest.mark.pure


def _settings(**variables):
    return config.load({"SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz", **variables})


def _names(**variables):
    return list(providers(_settings(**variables), MemoryDemoStore()))


PRODUCTION = {"SHOP_ENV": "production", "SHOP_URL": "https://shop.example.com"}
TEST_KEYS = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
LIVE_KEYS = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


@pytest.mark.parametrize(
    ("variables", "offered"),
    [
        ({}, ["demo"]),
        (TEST_KEYS, ["stripe", "demo"]),
        (LIVE_KEYS, ["stripe"]),
        (LIVE_KEYS | {"DEMO_PAYMENTS": "on"}, ["stripe"]),
        (PRODUCTION, []),
        (PRODUCTION | {"DEMO_PAYMENTS": "on"}, ["demo"]),
        (PRODUCTION | TEST_KEYS, ["stripe"]),
    ],
)
def test_the_demo_provider_stands_back_for_real_money(variables, offered):
    assert _names(**variables) == offered


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_1"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_SECRET_KEY": "pk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}, "STRIPE_SECRET_KEY"),
        (LIVE_KEYS | {"DEMO_PAYMENTS": "on"}, "DEMO_PAYMENTS"),
        (PRODUCTION, "No payment provider"),
    ],
)
def test_a_half_configured_provider_is_a_sentence(variables, word):
    (sentence,) = complaints(_settings(**variables))

    assert word in sentence
    assert "stripe" not in _names(**variables) or "live" in variables["STRIPE_SECRET_KEY"]


def test_the_page_may_only_send_shoppers_to_stripe():
    assert without_network().form_action_origins == ("https://checkout.stripe.com",)
    assert without_network(api_base="http://127.0.0.1:8010/x").form_action_origins == ("http://127.0.0.1:8010",)
