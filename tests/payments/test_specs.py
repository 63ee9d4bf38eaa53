"""Both directions against the schemas of Stripe's own package, and the worked signatures.

The schemas are large and not ours, so they are not kept here: PROVIDER_SPECS names the folder.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.payments.providers.base import BadSignature
from app.payments.providers.stripe import StripeProvider

from .ends import StripeEnd, a_refund, a_request

FOLDER = Path(os.environ.get("PROVIDER_SPECS", ""))

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(
        "PROVIDER_SPECS" not in os.environ, reason="PROVIDER_SPECS does not name the folder of the specs."
    ),
]


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text())


@pytest.fixture
def everything() -> Iterator[StripeEnd]:
    """A Stripe with which everything has been done that the shop does and that people do."""
    end = StripeEnd.open()
    paid, late, declined, expired = (a_request(reference=f"att-{n}", order_number=f"SO-{n}") for n in range(4))
    refs = [end.provider.start(request).provider_ref for request in (paid, late, declined, expired)]
    for deed, ref in zip(("pay", "late", "decline", "expire"), refs, strict=True):
        end.simulator.do(deed, ref)
    end.provider.look_up(paid.reference, refs[0])
    end.provider.look_up(declined.reference, None)
    refund = a_refund(end.provider, paid, refs[0])
    sent = end.provider.refund(refund)
    end.provider.look_up_refund(refund, sent.provider_ref)
    end.provider.look_up_refund(refund, None)
    end.provider.look_up(paid.reference, refs[0])
    end.provider.expire(declined.reference, refs[2])
    end.provider.expire(paid.reference, refs[0])
    end.press("dispute", paid, refs[0])
    end.later(60)
    yield end
    end.stop()


def test_every_request_of_the_adapter_fits_the_schema(everything):
    operations = read("stripe.request-params.jsonschema.json")["operations"]

    seen = set()
    for request in everything.simulator.requests:
        seen.add(request["operation"])
        Draft202012Validator(operations[request["operation"]]["schema"]).validate(request["params"])

    assert seen == {
        "checkout.sessions.create",
        "checkout.sessions.retrieve",
        "checkout.sessions.list",
        "checkout.sessions.expire",
        "refunds.create",
        "refunds.retrieve",
        "refunds.list",
    }


def test_every_answer_of_the_simulator_fits_the_schema(everything):
    schema = read("stripe.response-objects.jsonschema.json")
    answers = [request["answer"] for request in everything.simulator.requests]
    answers += [row for prefix in ("cs", "pi", "ch", "re", "dp", "evt") for row in _all(everything, prefix)]
    answers += [event["data"]["object"] for event in everything.simulator.told]

    kinds = [_check(answer, schema) for answer in answers]

    assert set(kinds) >= {
        "checkout.session",
        "payment_intent",
        "charge",
        "refund",
        "dispute",
        "event",
        "list",
        "error",
    }


def test_the_worked_signature_is_believed_at_its_time_only():
    vector = read("vectors/webhook-vectors.json")["stripe"]
    headers, body = {"Stripe-Signature": vector["header"]}, vector["body"].encode()
    at = vector["timestamp"]

    event = _provider(vector["secret"], at + 10).read_webhook(headers, body)

    assert (event.event_key, event.subject, event.provider_ref) == ("evt_test_1", "payment", "cs_test_1")
    for now in (at - 301, at + 301):
        with pytest.raises(BadSignature):
            _provider(vector["secret"], now).read_webhook(headers, body)
    with pytest.raises(BadSignature):
        _provider(vector["secret"], at).read_webhook(headers, body.replace(b"1999", b"1998"))


def _provider(secret: str, now: float) -> StripeProvider:
    return StripeProvider("sk_test_suite", (secret,), now=lambda: now)


def _all(end: StripeEnd, prefix: str) -> list[dict[str, Any]]:
    return end.simulator.account.all(prefix)


def _check(answer: dict[str, Any], schema: dict[str, Any]) -> str:
    if "error" in answer:
        assert {"type", "message"} <= set(answer["error"])
        return "error"
    if answer["object"] == "list":
        for row in answer["data"]:
            _check(row, schema)
        return "list"
    kind = answer["object"]
    Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}).validate(answer)
    # Stripe's schemas leave additional fields open; a field of our own invention would teach us a lie.
    assert set(answer) <= set(schema["$defs"][kind]["properties"])
    return kind
