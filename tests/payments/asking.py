"""Asking our Stripe by hand, as its SDK would or would not."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from app.payments.simulators import StripeSimulator

LINE = {
    "line_items[0][quantity]": "2",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "1000",
    "line_items[0][price_data][product_data][name]": "Linen shirt",
}
SESSION = {
    "mode": "payment",
    "success_url": "http://shop.test/return?session_id={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://shop.test/cancel",
} | LINE


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        return None


def call(simulator: StripeSimulator, path: str, form: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON (or text) and headers; a form makes it a POST."""
    headers = {"Authorization": "Bearer sk_test_suite"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    body = urllib.parse.urlencode(form).encode() if isinstance(form, dict) else form
    request = urllib.request.Request(simulator.base_url + path, body, headers)
    try:
        answer = urllib.request.build_opener(NoRedirect).open(request, timeout=5)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode()
        got = dict(answer.headers)
    return answer.status, json.loads(text) if text.startswith("{") else text, got


def a_session(simulator: StripeSimulator, **changes: str) -> dict[str, Any]:
    status, session, _ = call(simulator, "/v1/checkout/sessions", SESSION | changes)
    assert status == 200, session
    return session
