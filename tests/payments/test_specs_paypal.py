"""Both directions against PayPal's published specs, and the worked signature.

The specs are large and not ours, so they are not kept here: PROVIDER_SPECS names the folder.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator

from app.lib.money import Money
from app.payments.providers.base import BadSignature, NotConfigured, ProviderRefused
from app.payments.providers.paypal import PayPalProvider
from app.payments.providers.paypal_signatures import Certificates

from .ends import a_refund, a_request
from .ends_paypal import PayPalEnd

FOLDER = Path(os.environ.get("PROVIDER_SPECS", ""))
FILES = ("orders_v2", "payments_v2", "reporting_v1", "webhooks_v1")

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(
        "PROVIDER_SPECS" not in os.environ, reason="PROVIDER_SPECS does not name the folder of the specs."
    ),
]


@cache
def operations() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By its id, each call of PayPal's with the spec that defines it."""
    found = {}
    for name in FILES:
        spec = json.loads((FOLDER / f"paypal.{name}.openapi.json").read_text())
        for path in spec["paths"].values():
            for call in path.values():
                if isinstance(call, dict) and "operationId" in call:
                    found[call["operationId"]] = (call, spec)
    return found


def validate(value: Any, schema: dict[str, Any], spec: dict[str, Any]) -> None:
    Draft202012Validator(schema | {"components": spec["components"]}).validate(value)


@pytest.fixture(scope="module")
def everything() -> Iterator[PayPalEnd]:
    """A PayPal with which everything has been done that the shop does and that people do."""
    end = PayPalEnd.open()
    provider, do = end.provider, end.simulator.do
    paid, late, denied, left = (a_request(reference=f"att-{n}", order_number=f"SO-{n}") for n in range(4))
    refs = [provider.start(request).provider_ref for request in (paid, late, denied, left)]
    for deed, request, ref in zip(("pay", "late", "decline"), (paid, late, denied), refs[:3], strict=True):
        end.press(deed, request, ref)
    provider.start(paid)
    refused(lambda: provider.start(a_request(reference="att-5", amount=Money(40_000, "KES"))))
    do("decline", refs[3])
    provider.capture(left.reference, refs[3])
    provider.look_up(left.reference, "NOSUCHORDER")
    refund = a_refund(provider, paid, refs[0], amount=Money(500, "USD"))
    sent = provider.refund(refund)
    provider.look_up_refund(refund, sent.provider_ref)
    refused(lambda: provider.refund(a_refund(provider, paid, refs[0], reference="ref-2", amount=Money(9000, "USD"))))
    end.simulator.account.refunds_are = "PENDING"
    provider.refund(a_refund(provider, paid, refs[0], reference="ref-3", amount=Money(100, "USD")))
    do("dispute", refs[0])
    do("lost", refs[0])
    provider.look_up(paid.reference, refs[0])
    end.later(10)
    provider.look_up(late.reference, refs[1])
    today = datetime.now(UTC)
    list(provider.list_payments(today - timedelta(days=1), today + timedelta(minutes=5)))
    end.simulator.reports = False
    refused(lambda: list(provider.list_payments(today - timedelta(days=1), today)))
    provider.read_webhook(*end.message(paid))
    yield end
    end.stop()


def refused(call: Any) -> None:
    with pytest.raises((ProviderRefused, NotConfigured)):
        call()


def test_every_request_of_the_adapter_fits_the_spec(everything):
    seen = set()
    for request in everything.simulator.requests:
        if "operation" not in request:
            continue
        seen.add(request["operation"])
        call, spec = operations()[request["operation"]]
        if request["method"] == "POST":
            validate(request["params"], call["requestBody"]["content"]["application/json"]["schema"], spec)
            assert 1 <= len(request["request_id"]) <= 108 or request["operation"].startswith("verify")
            continue
        for name, value in request["params"].items():
            schema = spec["components"]["parameters"][name]["schema"]
            validate(int(value) if schema["type"] == "integer" else value, schema, spec)

    assert seen == {
        "orders.create",
        "orders.get",
        "orders.capture",
        "captures.refund",
        "refunds.get",
        "search.get",
        "verify-webhook-signature.post",
    }


def test_every_answer_of_the_simulator_fits_the_spec(everything):
    statuses = set()
    for request in everything.simulator.requests:
        if "operation" not in request:
            continue
        call, spec = operations()[request["operation"]]
        status = str(request["status"])
        # A repeated refund is answered 200, of which the spec does not speak.
        answer = call["responses"].get(status) or call["responses"]["default"]
        answer = spec["components"]["responses"]["default"] if "$ref" in answer else answer
        statuses.add(status)
        validate(request["answer"], answer["content"]["application/json"]["schema"], spec)

    assert statuses == {"200", "201", "403", "404", "422"}


def test_every_message_and_what_it_is_about_fits_the_spec(everything):
    webhooks, orders, payments = (operations()[n][1] for n in ("webhooks-events.get", "orders.get", "captures.get"))
    kinds = set()
    for event in everything.simulator.told:
        validate(event, {"$ref": "#/components/schemas/event"}, webhooks)
        kinds.add(event["event_type"])
        about = {
            "checkout-order": ("order", orders),
            "capture": ("capture-2", payments),
            "refund": ("refund", payments),
        }
        if event["resource_type"] in about:
            name, spec = about[event["resource_type"]]
            validate(event["resource"], {"$ref": f"#/components/schemas/{name}"}, spec)

    assert kinds == {
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.PENDING",
        "PAYMENT.CAPTURE.DENIED",
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.REFUND.PENDING",
        "PAYMENT.CAPTURE.REVERSED",
        "CUSTOMER.DISPUTE.CREATED",
        "CUSTOMER.DISPUTE.RESOLVED",
    }


def test_the_worked_signature_is_believed_by_its_certificate_and_only_while_that_is_in_date():
    vector = json.loads((FOLDER / "vectors/webhook-vectors.json").read_text())["paypal"]
    pem = (FOLDER / "vectors/paypal-test-cert.pem").read_bytes()
    body = vector["body"].encode()
    url = "https://api.paypal.com/v1/notifications/certs/CERT-vector"
    headers = vector["headers"] | {"paypal-cert-url": url}

    def provider(webhook_id: str, year: int = 2026) -> PayPalProvider:
        certificates = Certificates(lambda _url: pem, lambda: x509.load_pem_x509_certificates(pem))
        clock = datetime(year, 1, 3, tzinfo=UTC).timestamp()
        # Nobody is asked: there is no answer at this address.
        base = "https://api-m.paypal.com"
        found = PayPalProvider("id", "secret", webhook_id, api_base=base, certificates=certificates, now=lambda: clock)
        found._signatures._ask = unasked  # type: ignore[method-assign]
        return found

    def unasked(_question: bytes) -> Any:
        return {"verification_status": "FAILURE"}

    event = provider(vector["webhook_id"]).read_webhook(headers, body)

    assert (event.event_key, event.subject, event.provider_payment_ref) == ("WH-TEST-1", "payment", "CAP1")
    assert (event.reference, event.claims.amount) == ("att_1", Money(1999, "USD"))
    for judge, said in (
        (provider("0OTHER"), body),
        (provider(vector["webhook_id"]), body.replace(b"19.99", b"19.98")),
        (provider(vector["webhook_id"], year=2046), body),
    ):
        with pytest.raises(BadSignature):
            judge.read_webhook(headers, said)
