"""Both directions against Paystack's own OpenAPI file, and the worked signature.

The file is large and not ours, so it is not kept here: PROVIDER_SPECS names its folder.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.lib.money import Money
from app.payments.providers.base import BadSignature, ProviderError
from app.payments.providers.paystack import PaystackProvider
from app.payments.simulators.paystack import LIST_DISPUTES, LIST_REFUNDS, LIST_TRANSACTIONS, NEW_REFUND, NEW_TRANSACTION

from .ends import a_refund, a_request
from .ends_paystack import PaystackEnd

FOLDER = Path(os.environ.get("PROVIDER_SPECS", ""))

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(
        "PROVIDER_SPECS" not in os.environ, reason="PROVIDER_SPECS does not name the folder of the specs."
    ),
]

OURS = {
    "transaction_initialize": NEW_TRANSACTION,
    "refund_create": NEW_REFUND,
    "transaction_list": LIST_TRANSACTIONS,
    "refund_list": LIST_REFUNDS,
    "dispute_list": LIST_DISPUTES,
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return _with_nulls(json.loads((FOLDER / "paystack.openapi.json").read_text()))


@pytest.fixture
def everything() -> Iterator[PaystackEnd]:
    """A Paystack with which everything has been done that the shop does and that people do."""
    end = PaystackEnd.open()
    paid, late, declined, left = (a_request(reference=f"att-{n}", order_number=f"SO-{n}") for n in range(4))
    for request in (paid, late, declined, left):
        end.provider.start(request)
    for deed, request in (("pay", paid), ("late", late), ("decline", declined), ("dispute", paid)):
        end.press(deed, request, request.reference)
    with pytest.raises(ProviderError):
        end.provider.start(left)
    with pytest.raises(ProviderError):
        end.provider.start(a_request(reference="att-wrong", email="ada"))
    end.provider.look_up("att-nobody", None)
    for amount, state in ((500, "processed"), (400, "failed"), (300, "needs-attention")):
        refund = a_refund(end.provider, paid, paid.reference, amount=Money(amount, "USD"), reference=f"ref-{amount}")
        sent = end.provider.refund(refund)
        end.simulator.account.finish_refund(int(sent.provider_ref), state)
        end.provider.look_up_refund(refund, sent.provider_ref)
    for request in (paid, late, declined, left):
        end.provider.look_up(request.reference, None)
    end.press("lost", paid, paid.reference)
    end.later(60)
    now = datetime.now(UTC)
    list(end.provider.list_payments(now - timedelta(days=1), now + timedelta(days=1)))
    yield end
    end.stop()


def test_every_request_of_the_adapter_fits_the_schema(everything, spec):
    operations = {op["operationId"]: op for ops in spec["paths"].values() for op in _operations(ops)}

    seen = set()
    for request in everything.simulator.requests:
        operation = operations[request["operation"]]
        seen.add(request["operation"])
        if request["method"] == "GET":
            known = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
            assert set(request["params"]) <= known
        else:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            _validate(request["params"], schema, spec)
            assert set(request["params"]) <= set(_resolved(schema, spec)["properties"])

    assert seen == {
        "transaction_initialize",
        "transaction_verify",
        "transaction_list",
        "refund_create",
        "refund_list",
        "refund_fetch",
        "dispute_list",
    }


def test_every_answer_of_the_simulator_fits_the_schema(everything, spec):
    operations = {op["operationId"]: op for ops in spec["paths"].values() for op in _operations(ops)}

    statuses = set()
    for request in everything.simulator.requests:
        status = str(request["status"])
        statuses.add((request["operation"], status))
        answer = _resolved(operations[request["operation"]]["responses"][status], spec)
        _validate(request["answer"], answer["content"]["application/json"]["schema"], spec)

    assert {("transaction_initialize", "400"), ("transaction_verify", "404"), ("refund_create", "200")} <= statuses


def test_the_simulator_knows_no_field_that_paystack_does_not(spec):
    operations = {op["operationId"]: op for ops in spec["paths"].values() for op in _operations(ops)}

    for name, fields in OURS.items():
        operation = operations[name]
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            known = set(_resolved(schema, spec)["properties"])
        else:
            known = {one["name"] for one in operation["parameters"]}
        assert set(fields) <= known


def test_the_worked_signature_is_believed():
    vector = json.loads((FOLDER / "vectors/webhook-vectors.json").read_text())["paystack"]
    provider, body = PaystackProvider((vector["secret_key"],)), vector["body"].encode()

    event = provider.read_webhook(vector["header"], body)

    assert (event.subject, event.reference) == ("payment", "att_1")
    assert (event.claims.state, event.claims.amount) == ("paid", Money(20_000, "NGN"))
    with pytest.raises(BadSignature):
        provider.read_webhook(vector["header"], body.replace(b"20000", b"20001"))
    with pytest.raises(BadSignature):
        PaystackProvider(("sk_test_other",)).read_webhook(vector["header"], body)


def _operations(of_path: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for method, operation in of_path.items() if method != "parameters"]


def _validate(value: Any, schema: dict[str, Any], spec: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": spec["components"]}).validate(value)


def _resolved(thing: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in thing:
        return thing
    found: Any = spec
    for step in thing["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _with_nulls(schema: Any) -> Any:
    """OpenAPI 3.0 says nullable where JSON Schema names null among the types."""
    if isinstance(schema, list):
        return [_with_nulls(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _with_nulls(value) for key, value in schema.items() if key not in ("nullable", "example")}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    return made
