"""A shop in Kenya that takes M-Pesa, and the telephones of its shoppers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask.testing import FlaskClient

from app.lib import runtime
from app.payments.simulators import MpesaSimulator
from tests.journeys.shopping import path_of
from tests.payments.ends_mpesa import KEYS, KeepingPhones

NUMBER = "0712 345 678"
KENYA = {"country": "KE", "city": "Nairobi", "region": "", "postcode": "", "phone": NUMBER}


@contextmanager
def shop_in_kenya(phones: MpesaSimulator, **changes: Any) -> Iterator[MpesaSimulator]:
    """Prices are in shillings without tax or delivery fee, so that totals are whole."""
    usual = runtime.settings()
    key, secret, shortcode, passkey = KEYS
    runtime.use(
        replace(
            usual,
            **{
                "currency": "KES",
                "tax_rate": type(usual.tax_rate)(0),
                "shipping_methods": "standard:Standard:0::2-4",
                "mpesa_consumer_key": key,
                "mpesa_consumer_secret": secret,
                "mpesa_shortcode": shortcode,
                "mpesa_passkey": passkey,
                "mpesa_api_base": phones.base_url,
            }
            | changes,
        )
    )
    try:
        yield phones
    finally:
        runtime.use(usual)


def ring(phones: MpesaSimulator) -> str:
    """The name of the latest request on a phone."""
    return phones.phones.all()[0].name


def deliver(phones: KeepingPhones, browser: FlaskClient, which: int = -1) -> Any:
    """Bring a callback to the address it was meant for; gives back the shop's answer."""
    return browser.post(
        path_of(phones.told_at[which]),
        data=json.dumps(phones.told[which]),
        headers={"Content-Type": "application/json", "Sec-Fetch-Site": "none"},
    )
