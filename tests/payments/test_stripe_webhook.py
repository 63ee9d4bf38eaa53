"""Stripe's messages: who is believed, for how long, and what is read from them."""

import json
from collections.abc import Iterator

import pytest

from app.lib.money import Money
from app.payments.providers.base import BadSignature, MalformedEvent, NotConfigured

from .ends import StripeEnd, a_request, signed, without_network

pytestmark = pytest.mark.pure


@pytest.fixture
def end() -> Iterator[StripeEnd]:
    end = StripeEnd.open()
    yield end
    end.stop()


def _completed(**changes):
    session = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": 1999,
        "currency": "usd",
        "client_reference_id": "att-1",
        "livemode": False,
    }
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "created": 1_700_000_000,
        "livemode": False,
        "data": {"object": session},
    }
    return event | changes


@pytest.mark.parametrize(
    ("age", "believed"), [(0, True), (299, True), (301, False), (-299, True), (-301, False), (-3600, False)]
)
def test_a_message_is_believed_for_five_minutes_either_way(age, believed):
    provider = without_network(now=lambda: 1_700_000_000.0)
    headers, body = signed(_completed(), at=1_700_000_000 - age)

    if believed:
        assert provider.read_webhook(headers, body).event_key == "evt_1"
    else:
        with pytest.raises(BadSignature):
            provider.read_webhook(headers, body)


def test_either_of_two_secrets_is_believed_while_one_replaces_the_other():
    provider = without_network(secrets=("whsec_new", "whsec_old"))

    for secret in ("whsec_new", "whsec_old"):
        assert provider.read_webhook(*signed(_completed(), secret=secret)).event_key == "evt_1"
    with pytest.raises(BadSignature):
        provider.read_webhook(*signed(_completed(), secret="whsec_other"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: "",
        lambda header: header.replace("v1=", "v0="),
        lambda header: header.partition(",")[2],
        lambda header: header.split("v1=")[0] + "v1=" + header.split("v1=")[1].upper(),
        lambda header: header.replace("t=", "t=x"),
        lambda header: header.replace("t=", "t=1"),
        lambda header: "t=\uff11\uff17\uff10,v1=é",
        lambda header: "t=" + "9" * 5000 + ",v1=00",
        lambda header: header + ",t=1",
    ],
)
def test_a_spoiled_signature_is_refused(spoil):
    headers, body = signed(_completed())

    with pytest.raises(BadSignature):
        without_network().read_webhook({"Stripe-Signature": spoil(headers["Stripe-Signature"])}, body)


def test_one_right_signature_among_several_is_enough():
    headers, body = signed(_completed())
    header = headers["Stripe-Signature"].replace(",v1=", ",v1=00,v0=11,v1=")

    assert without_network().read_webhook({"Stripe-Signature": header}, body).event_key == "evt_1"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps(_completed(id=None)).encode(),
        json.dumps(_completed(id="evt\x00")).encode(),
        json.dumps(_completed(created="yesterday")).encode(),
        json.dumps(_completed(created=1e300)).encode(),
        json.dumps(_completed(livemode=True)).encode(),
        json.dumps(_completed(livemode=None)).encode(),
    ],
)
def test_signed_nonsense_is_malformed(body):
    with pytest.raises(MalformedEvent):
        without_network().read_webhook(*signed(body))


@pytest.mark.parametrize("secrets", [(), ("",), ("  ",)])
def test_without_a_secret_nothing_is_ever_believed(secrets):
    with pytest.raises(NotConfigured):
        without_network(secrets=secrets).read_webhook(*signed(_completed(), secret="".join(secrets)))


def test_a_blank_among_the_secrets_opens_no_door():
    with pytest.raises(BadSignature):
        without_network(secrets=("whsec_1", "")).read_webhook(*signed(_completed(), secret=""))


def test_an_unknown_kind_of_message_is_about_nothing():
    event = without_network().read_webhook(*signed(_completed(type="invoice.paid")))

    assert (event.subject, event.reference, event.claims) == ("none", None, None)


@pytest.mark.parametrize("thing", [{}, {"id": 5, "metadata": "x"}, {"amount_total": "1999", "currency": None}])
def test_a_known_message_with_a_strange_body_claims_nothing(thing):
    event = without_network().read_webhook(*signed(_completed(data={"object": thing})))

    assert (event.type, event.claims) == ("checkout.session.completed", None)


def test_a_wrong_amount_in_a_well_signed_message_can_be_seen(end):
    request = a_request()
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    false = end.simulator.falsify(end.simulator.told[-1], "wrong_amount")

    event = end.provider.read_webhook(*signed(false))

    assert event.claims.amount == Money(2000, "USD")
