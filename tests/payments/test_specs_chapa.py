"""Both directions against a schema written from Chapa's documentation, and the worked signatures.

The schema is not kept here: PROVIDER_SPECS names its folder.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.lib.money import Money
from app.payments.providers.base import BadSignature, ProviderError
from app.payments.providers.chapa import ChapaProvider

from .ends import a_refund, a_request
from .ends_chapa import KEY, ChapaEnd

FOLDER = Path(os.environ.get("PROVIDER_SPECS", ""))

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(
        "PROVIDER_SPECS" not in os.environ, reason="PROVIDER_SPECS does not name the folder of the specs."
    ),
]


@pytest.fixture
def everything() -> Iterator[ChapaEnd]:
    """A Chapa with which everything has been done that the shop does and that people do."""
    end = ChapaEnd.open()
    paid, late, declined, closed, reversed_ = (
        a_request(reference=f"att-{n}", order_number=f"SO-{n}", phone="+251911223344") for n in range(5)
    )
    for request in (paid, late, declined, closed, reversed_):
        end.provider.start(request)
        end.provider.look_up(request.reference, None)
    for deed, request in (("pay", paid), ("late", late), ("decline", declined), ("pay", reversed_)):
        end.press(deed, request, request.reference)
    end.press("reverse", reversed_, reversed_.reference)
    end.provider.look_up(late.reference, None)
    end.provider.expire(closed.reference, closed.reference)
    with pytest.raises(ProviderError):
        end.provider.start(closed)
    end.provider.start(a_request(reference="att-doubted", email="ada@localhost"))
    end.provider.look_up("att-nobody", None)
    for amount in (500, 1499):
        refund = a_refund(end.provider, paid, paid.reference, amount=Money(amount, "USD"), reference=f"ref-{amount}")
        end.provider.look_up_refund(refund, end.provider.refund(refund).provider_ref)
    end.later(60)
    for request in (paid, late, declined, closed, reversed_):
        end.provider.look_up(request.reference, None)
    yield end
    end.stop()


def test_every_request_of_the_adapter_fits_the_schema(everything):
    seen = set()
    for request in everything.simulator.requests:
        seen.add(request["operation"])
        if request["operation"] == "initialize" and request["status"] == 200:
            validate(request["params"], "initialize_request")
        if request["operation"] == "refund":
            validate(request["params"], "refund_request")

    assert seen == {"initialize", "verify", "cancel", "refund", "verify_refund"}


def test_every_answer_of_the_simulator_fits_the_schema(everything):
    words = set()
    for request in everything.simulator.requests:
        if request["operation"] == "initialize":
            validate(request["answer"], "initialize_response")
        if request["operation"] == "verify":
            validate(request["answer"], "verify_response")
            words.add((request["answer"]["data"] or {}).get("status"))
    for message in everything.simulator.told:
        validate(message, "webhook_transaction")

    assert words == {None, "pending", "success", "failed", "cancelled", "reversed", "refunded"}
    assert {message["event"] for message in everything.simulator.told} == {
        "charge.success",
        "charge.refunded",
        "charge.reversed",
        "charge.failed/cancelled",
    }


def test_the_worked_signature_is_believed_and_the_constant_is_not():
    vector = json.loads((FOLDER / "vectors/webhook-vectors.json").read_text())["chapa"]
    provider, body = ChapaProvider(KEY, (vector["secret_hash"],)), vector["body"].encode()
    constant = vector["headers"]["chapa-signature"]

    event = provider.read_webhook(vector["headers"], body)

    assert (event.subject, event.reference) == ("payment", "att_1")
    assert (event.claims.state, event.claims.amount) == ("paid", Money(40_000, "ETB"))
    for headers in ({"chapa-signature": constant}, {"x-chapa-signature": constant}):
        with pytest.raises(BadSignature):
            provider.read_webhook(headers, body)
    with pytest.raises(BadSignature):
        provider.read_webhook(vector["headers"], body.replace(b"400.00", b"400.01"))


def validate(value: Any, name: str) -> None:
    schema = json.loads((FOLDER / "handwritten.chapa.jsonschema.json").read_text())
    Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}).validate(value)
