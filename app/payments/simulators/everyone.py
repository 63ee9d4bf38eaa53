"""All simulators in one process: who there is, under which path, and what a shop must be told to pay there."""

import secrets
from collections.abc import Mapping

from app.payments.simulators.chapa import ChapaSimulator
from app.payments.simulators.mpesa import MpesaSimulator
from app.payments.simulators.paypal import PayPalSimulator
from app.payments.simulators.paystack import PaystackSimulator
from app.payments.simulators.server import Simulator
from app.payments.simulators.stripe import StripeSimulator


def invented(address: str) -> dict[str, str]:
    """Settings for a shop whose providers are the simulators at this address; the secrets are new each time."""
    return {
        "STRIPE_API_BASE": f"{address}/stripe",
        "STRIPE_SECRET_KEY": "sk_test_simulator",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "PAYPAL_API_BASE": f"{address}/paypal",
        "PAYPAL_CLIENT_ID": "simulator",
        "PAYPAL_CLIENT_SECRET": secrets.token_hex(16),
        "PAYPAL_WEBHOOK_ID": "8PT597110X687430LKGECATA",
        "CHAPA_API_BASE": f"{address}/chapa",
        "CHAPA_SECRET_KEY": "CHASECK_TEST-simulator",
        "CHAPA_WEBHOOK_SECRET": secrets.token_hex(16),
        "PAYSTACK_API_BASE": f"{address}/paystack",
        "PAYSTACK_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "MPESA_API_BASE": f"{address}/mpesa",
        "MPESA_CONSUMER_KEY": "simulator",
        "MPESA_CONSUMER_SECRET": secrets.token_hex(16),
        "MPESA_SHORTCODE": "174379",
        "MPESA_PASSKEY": secrets.token_hex(16),
    }


def everyone(keys: Mapping[str, str], shop: str) -> dict[str, Simulator]:
    """Every simulator by its name, with the shop's settings and its address; an empty one gets no messages."""

    def webhook(provider: str) -> str:
        return f"{shop}/payments/{provider}/webhook" if shop else ""

    return {
        "stripe": StripeSimulator(
            webhook_url=webhook("stripe"), webhook_secret=keys["STRIPE_WEBHOOK_SECRET"].split(",")[0]
        ),
        "paypal": PayPalSimulator(
            webhook_url=webhook("paypal"),
            client_id=keys["PAYPAL_CLIENT_ID"],
            client_secret=keys["PAYPAL_CLIENT_SECRET"],
            webhook_id=keys["PAYPAL_WEBHOOK_ID"],
        ),
        "chapa": ChapaSimulator(
            webhook_url=webhook("chapa"), webhook_secret=keys["CHAPA_WEBHOOK_SECRET"].split(",")[0]
        ),
        "paystack": PaystackSimulator(
            webhook_url=webhook("paystack"), secret_key=keys["PAYSTACK_SECRET_KEY"].split(",")[0]
        ),
        # Told with each push where to send its news.
        "mpesa": MpesaSimulator(
            consumer_key=keys["MPESA_CONSUMER_KEY"],
            consumer_secret=keys["MPESA_CONSUMER_SECRET"],
            shortcode=keys["MPESA_SHORTCODE"],
            passkey=keys["MPESA_PASSKEY"],
        ),
    }
