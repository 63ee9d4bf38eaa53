"""Whose messages Chapa's are: its two signatures, of which one proves nothing, and what the messages say."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from app.lib.money import Money
from app.payments.providers.base import BadSignature, MalformedEvent, NotConfigured
from app.payments.providers.chapa import ChapaProvider

from .ends_chapa import HASH, KEY

pytestmark = pytest.mark.pure

PAYMENT = {
    "tx_ref": "att-1",
    "reference": "AP0001",
    "amount": "400.00",
    "currency": "ETB",
    "mode": "test",
    "status": "success",
}


def mac(content, secret=HASH):
    return hmac.new(secret.encode(), content, sha256).hexdigest()


def without_network(*secrets):
    return ChapaProvider(KEY, secrets or (HASH,))


MESSAGE = PAYMENT | {"event": "charge.success", "type": "API", "updated_at": "2026-03-04T12:00:00.000000Z"}
BODY = json.dumps(MESSAGE).encode()
CONSTANT = mac(HASH.encode())


def test_a_signature_of_the_content_is_believed_in_either_header():
    for header in ("x-chapa-signature", "chapa-signature"):
        event = without_network("a-newer-hash", HASH).read_webhook({header: mac(BODY)}, BODY)

        assert event.event_key == sha256(BODY).hexdigest()
        assert (event.subject, event.reference, event.claims.state) == ("payment", "att-1", "paid")
        assert event.occurred_at == datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "headers",
    [
        {"chapa-signature": CONSTANT},
        {"x-chapa-signature": CONSTANT},
        {"x-chapa-signature": CONSTANT, "chapa-signature": CONSTANT},
        {"x-chapa-signature": mac(BODY, "somebody_else"), "chapa-signature": CONSTANT},
        {"x-chapa-signature": mac(BODY).upper()},
        {"x-chapa-signature": ""},
        {"x-chapa-signature": "ü"},
        {},
    ],
    ids=["constant", "constant in the other", "constant twice", "forged", "capitals", "empty", "not ascii", "none"],
)
def test_the_secret_signed_with_itself_proves_nothing(headers):
    with pytest.raises(BadSignature):
        without_network().read_webhook(headers, BODY)


SENT = """{ "event": "charge.success", "tx_ref": "att-1", "status": "success", "mode": "test",
 "amount": 400.0, "currency": "ETB", "first_name": "አበበ", "x": 1.50 }"""
SIGNED = (
    '{"event":"charge.success","tx_ref":"att-1","status":"success","mode":"test",'
    '"amount":400,"currency":"ETB","first_name":"አበበ","x":1.5}'
)


def test_content_that_javascript_wrote_again_is_the_same_content():
    headers = {"x-chapa-signature": mac(SIGNED.encode())}

    event = without_network().read_webhook(headers, SENT.encode())

    assert event.claims.amount == Money(40_000, "ETB")
    with pytest.raises(BadSignature):
        without_network().read_webhook(headers, SENT.replace("400.0", "400.1").encode())


def read(body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return without_network().read_webhook({"x-chapa-signature": mac(body)}, body)


@pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b'{"event": 7}', b"[" * 9999, b'{"event": NaN}'])
def test_what_is_signed_but_makes_no_sense_is_refused(body):
    with pytest.raises(MalformedEvent):
        read(body)


def test_the_mode_must_be_that_of_our_key():
    with pytest.raises(MalformedEvent):
        read(MESSAGE | {"mode": "live"})


@pytest.mark.parametrize("name", ["payout.success", "charge.success"])
def test_a_payout_is_not_ours(name):
    event = read({"event": name, "type": "Payout", "amount": "5.00", "reference": "att-1"})

    assert (event.subject, event.reference) == ("none", None)


@pytest.mark.parametrize(
    ("event", "status", "subject", "state"),
    [
        ("charge.refunded", "refunded", "refund", "paid"),
        ("charge.reversed", "reversed", "refund", "paid"),
        ("charge.failed/cancelled", "failed/cancelled", "payment", "failed"),
        ("charge.something", "something", "payment", None),
    ],
)
def test_every_event_says_what_it_is_about(event, status, subject, state):
    found = read(MESSAGE | {"event": event, "status": status, "email": None, "first_name": ""})

    assert (found.subject, found.claims and found.claims.state) == (subject, state)


def test_without_a_hash_nothing_is_believed():
    with pytest.raises(NotConfigured):
        ChapaProvider(KEY, ("  ",)).read_webhook({"x-chapa-signature": mac(BODY, "  ")}, BODY)
