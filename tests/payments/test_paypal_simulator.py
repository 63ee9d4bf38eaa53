"""Our PayPal as strict as the real one: what it refuses, what it repeats, and its pages."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.payments.simulators import PayPalSimulator, paypal_keys

from .ends_paypal import KEYS, KeepingPayPal

pytestmark = pytest.mark.pure

ORDER: dict[str, Any] = {
    "intent": "CAPTURE",
    "purchase_units": [
        {"amount": {"currency_code": "USD", "value": "19.99"}, "custom_id": "att-1", "invoice_id": "I-1"}
    ],
    "payment_source": {
        "paypal": {
            "experience_context": {"return_url": "http://shop.test/back?r=1", "cancel_url": "http://shop.test/left?r=1"}
        }
    },
}
WHOLE = {"Prefer": "return=representation"}


class Desk:
    """Asks by hand, with a token of its own."""

    def __init__(self, simulator: PayPalSimulator) -> None:
        self.simulator = simulator
        answer = requests.post(
            self.at("/v1/oauth2/token"), {"grant_type": "client_credentials"}, auth=KEYS[:2], timeout=5
        )
        self.token = answer.json()["access_token"]

    def at(self, path: str) -> str:
        return self.simulator.base_url + path

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        answer = requests.request(method, self.at(path), json=body, headers=sent, timeout=5)
        return answer.status_code, answer.json()

    def order(self, key: str = "key-1", body: Any = ORDER, **headers: str) -> tuple[int, dict[str, Any]]:
        return self.ask("POST", "/v2/checkout/orders", body, PayPal_Request_Id=key, **headers)


@pytest.fixture(scope="module")
def server() -> Iterator[KeepingPayPal]:
    simulator = KeepingPayPal()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def desk(server: KeepingPayPal) -> Iterator[Desk]:
    """The same server each time, with the clock as it should be."""
    yield Desk(server)
    server.clock.set(None)


def issue(answer: dict[str, Any]) -> str:
    return answer["details"][0]["issue"]


def test_a_token_wants_the_right_keys_and_ends(desk):
    path = desk.at("/v1/oauth2/token")
    wrong = requests.post(path, {"grant_type": "client_credentials"}, auth=("simulator", "wrong"), timeout=5)
    strange = requests.post(path, {"grant_type": "password"}, auth=KEYS[:2], timeout=5)
    desk.simulator.clock.move(32_401)
    ended, answer = desk.ask("GET", "/v2/checkout/orders/X")

    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (strange.status_code, ended, answer["name"]) == (400, 401, "AUTHENTICATION_FAILURE")


def but(**changes: Any) -> dict[str, Any]:
    """The order, with another amount, or more."""
    unit = ORDER["purchase_units"][0]
    amount = unit["amount"] | changes.pop("amount", {})
    return ORDER | {"purchase_units": [unit | {"amount": amount} | changes.pop("unit", {})]} | changes


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "MISSING_REQUIRED_PARAMETER"),
        ([], 400, "INVALID_PARAMETER_SYNTAX"),
        (but(intent="TAKE"), 400, "INVALID_PARAMETER_VALUE"),
        (but(purchase_units=[]), 400, "INVALID_ARRAY_MIN_ITEMS"),
        (but(purchase_units=[ORDER["purchase_units"][0]] * 2), 400, "INVALID_ARRAY_MAX_ITEMS"),
        (but(unit={"custom_id": "x" * 128}), 400, "INVALID_STRING_LENGTH"),
        (but(unit={"colour": "blue"}), 400, "NOT_SUPPORTED"),
        (but(amount={"value": 19.99}), 400, "INVALID_PARAMETER_SYNTAX"),
        (but(amount={"value": "19,99"}), 400, "INVALID_PARAMETER_SYNTAX"),
        (but(amount={"value": "19.999"}), 422, "DECIMAL_PRECISION"),
        (but(amount={"value": "500.00", "currency_code": "JPY"}), 422, "DECIMAL_PRECISION"),
        (but(amount={"value": "0.00"}), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (but(amount={"currency_code": "KES"}), 422, "INVALID_CURRENCY_CODE"),
        (but(amount={"breakdown": {"item_total": usd("20.00"), "discount": usd("0.02")}}), 422, "AMOUNT_MISMATCH"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(desk, body, status, said):
    answer = desk.order("key-wrong", body)

    assert (answer[0], issue(answer[1])) == (status, said)
    assert answer[1]["debug_id"]


def test_parts_that_add_up_are_taken(desk):
    parts = {"item_total": usd("15.00"), "shipping": usd("5.00"), "discount": usd("0.01")}

    assert desk.order("key-parts", but(amount={"breakdown": parts}))[0] == 201


def test_an_order_with_a_payer_in_mind_wants_a_name(desk):
    status, answer = desk.ask("POST", "/v2/checkout/orders", ORDER)

    assert (status, issue(answer)) == (400, "PAYPAL_REQUEST_ID_REQUIRED")


def test_an_answer_is_brief_unless_all_of_it_is_asked_for(desk):
    _, brief = desk.order("key-brief")
    _, whole = desk.order("key-whole", **WHOLE)

    assert set(brief) == {"id", "status", "links"}
    assert whole["purchase_units"][0]["custom_id"] == "att-1"


def test_the_same_name_is_answered_with_what_became_of_it_for_six_hours_whatever_is_asked(desk):
    first_status, first = desk.order("key-same")
    desk.simulator.do("pay", first["id"])
    again_status, again = desk.order("key-same", but(amount={"value": "5.00"}), **WHOLE)
    desk.simulator.clock.move(6 * 3600 + 1)
    desk.token = Desk(desk.simulator).token
    _, later = desk.order("key-same")

    assert (first_status, again_status) == (201, 200)
    assert (again["id"], again["status"], again["purchase_units"][0]["amount"]["value"]) == (
        first["id"],
        "APPROVED",
        "19.99",
    )
    assert later["id"] != first["id"]


def test_money_is_taken_once_and_only_of_what_was_approved(desk):
    invoice = {"invoice_id": "I-once"}
    order = desk.order("key-once", but(unit=invoice))[1]["id"]
    path = f"/v2/checkout/orders/{order}/capture"
    early = desk.ask("POST", path, {}, PayPal_Request_Id="c-1")
    desk.simulator.do("pay", order)
    taken = desk.ask("POST", path, {}, PayPal_Request_Id="c-1")
    repeated = desk.ask("POST", path, {}, PayPal_Request_Id="c-1")
    twice = desk.ask("POST", path, {}, PayPal_Request_Id="c-2")
    other = desk.order("key-other", but(unit=invoice))[1]["id"]
    desk.simulator.do("pay", other)
    same_invoice = desk.ask("POST", f"/v2/checkout/orders/{other}/capture", {})

    assert (early[0], issue(early[1])) == (422, "ORDER_NOT_APPROVED")
    assert (taken[0], repeated[0], taken[1]["status"]) == (201, 200, "COMPLETED")
    assert (twice[0], issue(twice[1])) == (422, "ORDER_ALREADY_CAPTURED")
    assert (same_invoice[0], issue(same_invoice[1])) == (422, "DUPLICATE_INVOICE_ID")


def test_the_page_leads_back_to_the_shop_and_the_desk_lists_the_order(desk):
    _, order = desk.order("key-page")
    (url,) = [link["href"] for link in order["links"] if link["rel"] == "payer-action"]

    page = requests.get(url, timeout=5).text
    left = requests.post(url, {"outcome": "leave"}, allow_redirects=False, timeout=5).headers["Location"]
    agreed = requests.post(url, {"outcome": "pay"}, allow_redirects=False, timeout=5).headers["Location"]
    listed = requests.get(desk.at("/"), timeout=5).text

    assert "19.99 USD" in page
    assert left == f"http://shop.test/left?r=1&token={order['id']}"
    assert agreed == f"http://shop.test/back?r=1&token={order['id']}&PayerID=ADAPAYER23456"
    assert f'action="/desk/{order["id"]}"' in listed
    assert "APPROVED" in listed


def test_the_buttons_of_the_desk_are_pressed_by_a_form(desk):
    order = desk.order("key-desk", but(unit={"invoice_id": "I-desk"}))[1]["id"]
    desk.simulator.do("late", order)
    desk.ask("POST", f"/v2/checkout/orders/{order}/capture", {})

    for deed in ("complete", "refund"):
        requests.post(desk.at(f"/desk/{order}"), {"do": deed}, timeout=5)
    nonsense = requests.post(desk.at(f"/desk/{order}"), {"do": "dance"}, timeout=5)

    status, found = desk.ask("GET", f"/v2/checkout/orders/{order}")
    capture = found["purchase_units"][0]["payments"]["captures"][0]
    assert (status, capture["status"], nonsense.status_code) == (200, "REFUNDED", 400)
    assert desk.ask("GET", f"/v2/payments/captures/{capture['id']}")[1] == capture


def test_a_signature_is_believed_for_its_own_bytes_and_webhook_only(desk):
    body = b'{"a": 1.0, "b": {}}'
    headers = desk.simulator.sign(body, False)

    def verdict(event: bytes = body, **changes: str) -> str:
        fields = {
            "auth_algo": "SHA256withRSA",
            "cert_url": headers["PAYPAL-CERT-URL"],
            "transmission_id": headers["PAYPAL-TRANSMISSION-ID"],
            "transmission_sig": headers["PAYPAL-TRANSMISSION-SIG"],
            "transmission_time": headers["PAYPAL-TRANSMISSION-TIME"],
            "webhook_id": KEYS[2],
        } | changes
        question = "".join(f'"{name}":"{value}",' for name, value in fields.items())
        answer = requests.post(
            desk.at("/v1/notifications/verify-webhook-signature"),
            b"{" + question.encode() + b'"webhook_event":' + event + b"}",
            headers={"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"},
            timeout=5,
        )
        return answer.json()["verification_status"]

    assert verdict() == "SUCCESS"
    assert verdict(b'{"a":1.0,"b":{}}') == "FAILURE"
    assert verdict(webhook_id="OTHER") == "FAILURE"
    assert verdict(transmission_sig=base64.b64encode(b"x" * 256).decode()) == "FAILURE"
    assert verdict(cert_url="http://elsewhere.test/cert") == "FAILURE"
    assert requests.get(desk.at(paypal_keys.CERTIFICATE), timeout=5).content == paypal_keys.keys().pem
