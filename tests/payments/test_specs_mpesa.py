"""Both directions of M-Pesa against a schema written from its documentation, and the worked password."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.lib.money import Money
from app.payments.providers.base import ProviderError
from app.payments.providers.mpesa import MpesaProvider
from app.payments.simulators import MpesaSimulator

from .ends import IMPATIENT, a_request
from .ends_mpesa import KEYS, MpesaEnd

FOLDER = Path(os.environ.get("PROVIDER_SPECS", ""))

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(
        "PROVIDER_SPECS" not in os.environ, reason="PROVIDER_SPECS does not name the folder of the specs."
    ),
]

REQUESTS = {"stk_push": "stk_push_request", "stk_query": "stk_query_request"}
ANSWERS = {"oauth": "oauth_response", "stk_push": "stk_push_response", "stk_query": "stk_query_response"}


@pytest.fixture(scope="module")
def everything() -> Iterator[MpesaEnd]:
    """An M-Pesa with which everything has been done that the shop does and that people do."""
    end = MpesaEnd.open()
    till = MpesaProvider(*KEYS, till="832909", api_base=end.simulator.base_url, patience=IMPATIENT)
    wrong = MpesaProvider("nobody", *KEYS[1:], api_base=end.simulator.base_url, patience=IMPATIENT)
    for number, deed in enumerate(("pay", "cancel", "wrong_pin", "low_balance", "no_answer", "not_sent", "late")):
        request = a_request(amount=Money(100 * (number + 1), "KES"), reference=f"att-{number}")
        step = (till if number % 2 else end.provider).start(request)
        end.provider.look_up(request.reference, step.provider_ref)
        end.simulator.do(deed, step.provider_ref)
        end.provider.expire(request.reference, step.provider_ref)
    end.later(10)
    for refused in (lambda: wrong.start(a_request(amount=Money(100, "KES"))), lambda: _twice(end)):
        with pytest.raises(ProviderError):
            refused()
    end.provider.look_up("att-nobody", "ws_CO_nobody")
    yield end
    end.stop()


def _twice(end: MpesaEnd) -> None:
    for _ in range(2):
        end.provider.start(a_request(amount=Money(100, "KES")))


def fits(kind: str, thing: Any) -> None:
    schema = json.loads((FOLDER / "handwritten.mpesa.jsonschema.json").read_text())
    Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}).validate(thing)


def test_every_request_of_the_adapter_fits_the_schema(everything):
    seen = set()
    for request in everything.simulator.requests:
        if request["operation"] in REQUESTS:
            seen.add(request["operation"])
            fits(REQUESTS[request["operation"]], request["params"])

    assert seen == set(REQUESTS)


def test_every_answer_of_the_simulator_fits_the_schema(everything):
    seen = set()
    for request in everything.simulator.requests:
        kind = "error" if "errorCode" in request["answer"] else ANSWERS[request["operation"]]
        seen.add(kind)
        fits(kind, request["answer"])

    assert seen == {"error", *ANSWERS.values()}


def test_every_callback_fits_the_schema(everything):
    for message in everything.simulator.told:
        fits("stk_callback", message)

    codes = {message["Body"]["stkCallback"]["ResultCode"] for message in everything.simulator.told}
    assert codes == {0, 1, 1025, 1032, 1037, 2001}


def test_the_worked_password_and_key_are_ours():
    vector = json.loads((FOLDER / "vectors/webhook-vectors.json").read_text())["mpesa"]
    at = datetime.strptime(vector["timestamp"] + "+0300", "%Y%m%d%H%M%S%z").astimezone(UTC)
    key, secret = vector["basic_of"].split(":")

    provider = MpesaProvider(key, secret, vector["shortcode"], vector["passkey"], now=at.timestamp)

    assert provider._signed() == {
        "BusinessShortCode": vector["shortcode"],
        "Password": vector["password"],
        "Timestamp": vector["timestamp"],
    }
    assert asked_for_a_token(key, secret) == f"Basic {vector['basic']}"


def asked_for_a_token(key, secret):
    """What a provider with these keys says about itself when it asks for a token."""
    said = []

    class Listening(MpesaSimulator):
        def _new_token(self, request):
            said.append(request.headers["Authorization"])
            return super()._new_token(request)

    simulator = Listening(consumer_key=key, consumer_secret=secret)
    try:
        provider = MpesaProvider(key, secret, "174379", "simulator", api_base=simulator.start())
        with contextlib.suppress(ProviderError):
            provider.look_up("att-unknown", "ws_CO_0")
    finally:
        simulator.stop()
    return said[0]
