"""PayPal's messages: who is believed, by which certificate or by whose word, and what is read from them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.lib.money import Money
from app.payments.providers import paypal_signatures
from app.payments.providers.base import BadSignature, DisputeState, MalformedEvent, ProviderUnavailable
from app.payments.providers.paypal import PayPalProvider
from app.payments.providers.paypal_events import read_event
from app.payments.providers.paypal_signatures import Certificates, NoCertificate, Signatures
from app.payments.simulators import paypal_keys

from .ends import a_request
from .ends_paypal import KEYS, PayPalEnd

pytestmark = pytest.mark.pure

WEBHOOK_ID = KEYS[2]
PAYPAL = "https://api.paypal.com"
NOW = datetime.now(UTC)
AN_EVENT = {
    "id": "WH-1",
    "create_time": "2026-01-02T03:04:05.000Z",
    "event_type": "PAYMENT.CAPTURE.COMPLETED",
    "resource": {
        "id": "CAP1",
        "status": "COMPLETED",
        "amount": {"currency_code": "USD", "value": "19.99"},
        "custom_id": "att-1",
        "links": [{"rel": "up", "href": f"{PAYPAL}/v2/checkout/orders/5O1"}],
    },
}
BODY = json.dumps(AN_EVENT).encode()


@pytest.fixture
def end() -> Iterator[PayPalEnd]:
    end = PayPalEnd.open()
    yield end
    end.stop()


class Authority:
    """Somebody whose certificates are trusted, and PayPal's certificate made out by them."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root")])
        basic = (x509.BasicConstraints(ca=True, path_length=0), True)
        usage = dict.fromkeys(("content_commitment", "data_encipherment", "key_agreement", "encipher_only"), False)
        may = x509.KeyUsage(
            digital_signature=True,
            key_encipherment=False,
            key_cert_sign=True,
            crl_sign=True,
            decipher_only=False,
            **usage,
        )
        ski = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self.root = self._sign(self._name, self._key.public_key(), NOW, 3650, basic, (may, True), (ski, False))

    def certificate(self, name: str = "messageverificationcerts.paypal.com", *, since: datetime = NOW) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        public = paypal_keys.keys().private.public_key()
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return self._sign(subject, public, since, 30, (aki, False)).public_bytes(Encoding.PEM)

    def _sign(self, subject: Any, public: Any, since: datetime, days: int, *extensions: Any) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since - timedelta(days=1))
            .not_valid_after(since + timedelta(days=days))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, SHA256())


AUTHORITY = Authority()


def nobody(_question: bytes) -> Any:
    raise AssertionError("PayPal was asked although there is a certificate.")


def silence(_question: bytes) -> Any:
    raise ProviderUnavailable("PayPal does not answer.")


def refusing(_url: str) -> bytes:
    raise NoCertificate("Nobody is there.")


def judge(
    ask: Callable[[bytes], Any] = nobody,
    fetch: Callable[[str], bytes] = lambda _url: AUTHORITY.certificate(),
    now: datetime = NOW,
) -> Signatures:
    certificates = Certificates(fetch, lambda: [AUTHORITY.root])
    return Signatures(WEBHOOK_ID, ask, certificates, now=lambda: now.timestamp())


def headers(body: bytes = BODY, webhook_id: str = WEBHOOK_ID, base: str = PAYPAL, **changes: str) -> dict[str, str]:
    made = paypal_keys.signed(body, webhook_id, base, 1_700_000_000)
    return made | {name.replace("_", "-"): value for name, value in changes.items()}


# By the certificate


def test_a_message_is_believed_by_paypal_s_certificate_which_is_fetched_once():
    fetched = []
    certificates = judge(fetch=lambda url: fetched.append(url) or AUTHORITY.certificate())

    for _ in range(3):
        certificates.verify(headers(), BODY)

    assert fetched == [PAYPAL + paypal_keys.CERTIFICATE]


def test_a_message_from_days_ago_is_believed_as_well():
    judge(now=NOW + timedelta(days=20)).verify(headers(), BODY)


@pytest.mark.parametrize(
    "spoilt",
    [
        headers(BODY + b" "),
        headers(webhook_id="0SOMEBODYELSES"),
        headers(PAYPAL_TRANSMISSION_ID="another"),
        headers(PAYPAL_TRANSMISSION_TIME="2026-01-02T03:04:06Z"),
        headers(PAYPAL_TRANSMISSION_SIG="bm90IGEgc2lnbmF0dXJl"),
        headers(PAYPAL_TRANSMISSION_SIG="not base64 é"),
        headers(PAYPAL_TRANSMISSION_SIG=""),
        headers(PAYPAL_AUTH_ALGO="SHA1withRSA"),
        headers(PAYPAL_AUTH_ALGO="none"),
        headers(PAYPAL_AUTH_ALGO=""),
        headers(PAYPAL_CERT_URL=""),
        {},
    ],
)
def test_a_spoilt_signature_is_refused_without_a_word_to_paypal(spoilt):
    with pytest.raises(BadSignature):
        judge().verify(spoilt, BODY)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.paypal.com/v1/notifications/certs/C",
        "https://api.paypal.com.evil.test/v1/notifications/certs/C",
        "https://evil.test/v1/notifications/certs/C",
        "https://www.paypal.com/v1/notifications/certs/C",
        "https://api.paypal.com:8443/v1/notifications/certs/C",
        "https://api.paypal.com@evil.test/v1/notifications/certs/C",
        "https://user@api.paypal.com/v1/notifications/certs/C",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
        "https://api.paypal.com/v1/notifications/certs/C/../x",
        "https://api.paypal.com/v1/notifications/certs/C?next=https://evil.test",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://[",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_is_fetched_from_paypal_and_from_nowhere_else(address):
    fetched = []

    with pytest.raises(BadSignature):
        judge(fetch=lambda url: fetched.append(url) or b"").verify(headers(PAYPAL_CERT_URL=address), BODY)

    assert fetched == []


# By PayPal's word


@pytest.mark.parametrize(
    "fetch",
    [
        refusing,
        lambda _url: b"<html>no certificate</html>",
        lambda _url: paypal_keys.keys().pem,
        lambda _url: AUTHORITY.certificate("paypal.com.evil.test"),
        lambda _url: AUTHORITY.certificate("evilpaypal.com"),
        lambda _url: AUTHORITY.certificate(since=NOW - timedelta(days=60)),
        lambda _url: AUTHORITY.certificate(since=NOW + timedelta(days=2)),
    ],
    ids=["none", "page", "stranger", "other name", "like name", "ended", "early"],
)
def test_without_a_good_certificate_paypal_is_asked_and_its_word_counts(end, fetch):
    asking = judge(ask=end.provider._verdict, fetch=fetch)

    asking.verify(headers(), BODY)

    with pytest.raises(BadSignature):
        asking.verify(headers(webhook_id="0SOMEBODYELSES"), BODY)
    verdicts = [one["answer"]["verification_status"] for one in end.simulator.requests if "operation" in one]
    assert verdicts == ["SUCCESS", "FAILURE"]


def test_the_message_goes_to_paypal_byte_for_byte(end):
    body = b'{ "b": 1.0,"a": {},\n"text": "caf\\u00e9 \xc3\xa9", "id": "WH-1" }'

    judge(ask=end.provider._verdict, fetch=refusing).verify(headers(body), body)


@pytest.mark.parametrize("body", [b'{"id": "WH-1"}, "webhook_id": {"x": 1}', b"[]", b"", b"\xff", b"[" * 100_000, b"{"])
def test_nothing_but_one_object_is_put_before_paypal(body):
    with pytest.raises(BadSignature):
        judge(fetch=refusing).verify(headers(body), body)


def test_when_nobody_can_tell_nobody_is_accused():
    with pytest.raises(ProviderUnavailable):
        judge(ask=silence, fetch=refusing).verify(headers(), BODY)


def test_a_question_paypal_does_not_understand_is_no_proof(end):
    with pytest.raises(BadSignature):
        judge(ask=end.provider._verdict, fetch=refusing).verify(headers(PAYPAL_TRANSMISSION_ID="1"), BODY)


def test_a_flood_of_messages_leaves_threads_for_shoppers(monkeypatch):
    monkeypatch.setattr(paypal_signatures._places, "acquire", lambda timeout: False)

    with pytest.raises(ProviderUnavailable):
        judge().verify(headers(), BODY)


def test_a_certificate_is_fetched_with_bounds(end, monkeypatch):
    where = end.simulator.base_url + paypal_keys.CERTIFICATE
    assert paypal_signatures._fetched(where) == paypal_keys.keys().pem

    monkeypatch.setattr(paypal_signatures, "LARGEST", 100)
    for address in (where, end.simulator.base_url + "/v1/notifications/certs/OTHER", "http://127.0.0.1:9/"):
        with pytest.raises(NoCertificate):
            paypal_signatures._fetched(address)


def test_paypal_s_own_server_is_judged_by_certificate_and_another_s_by_its_word(end):
    certificates = Certificates(lambda _url: AUTHORITY.certificate(), lambda: [AUTHORITY.root])

    own = PayPalProvider(*KEYS, api_base="https://api-m.sandbox.paypal.com", certificates=certificates)
    other = PayPalProvider(*KEYS, api_base=end.simulator.base_url, certificates=Certificates(refusing))

    assert own.read_webhook(headers(), BODY).event_key == "WH-1"
    assert other.read_webhook(headers(base=end.simulator.base_url), BODY).event_key == "WH-1"


def test_the_roots_of_the_system_are_many_and_do_not_know_this_one():
    assert len(paypal_signatures._system_roots()) > 50

    with pytest.raises(NoCertificate):
        Certificates(lambda _url: AUTHORITY.certificate()).key_at(PAYPAL + paypal_keys.CERTIFICATE, NOW)


# What is read


def test_a_capture_names_its_order_its_attempt_and_what_was_paid():
    event = read_event(AN_EVENT, test=True)

    assert (event.subject, event.reference, event.provider_ref, event.provider_payment_ref) == (
        "payment",
        "att-1",
        "5O1",
        "CAP1",
    )
    assert (event.claims.state, event.claims.amount) == ("paid", Money(1999, "USD"))


def test_an_approval_names_its_order_and_its_attempt(end):
    request = a_request()
    ref = end.provider.start(request).provider_ref
    end.simulator.do("pay", ref)

    event = end.provider.read_webhook(*end.message(request))

    assert (event.subject, event.reference, event.provider_ref) == ("payment", request.reference, ref)
    assert event.claims.state == "authorised"


@pytest.mark.parametrize(
    ("deeds", "state"), [(["dispute"], "open"), (["dispute", "won"], "won"), (["lost"], "lost"), (["won"], "won")]
)
def test_a_dispute_names_the_payment_and_the_case(end, deeds, state):
    request = a_request()
    ref = end.provider.start(request).provider_ref
    end.press("pay", request, ref)

    for deed in deeds:
        end.simulator.do(deed, ref)

    (case,) = end.simulator.account.cases()
    event = end.provider.read_webhook(*end.message(request))
    payment = end.provider.look_up(request.reference, ref).provider_payment_ref
    reason = f"merchandise or service not received, case {case['dispute_id']}"
    due = datetime.fromisoformat(case["seller_response_due_date"])
    assert (event.subject, event.reference, event.provider_payment_ref) == ("dispute", request.reference, payment)
    assert event.dispute == DisputeState(state, payment, Money(1999, "USD"), reason, due)


def test_a_case_with_a_strange_end_stays_open_and_a_part_lost_is_a_part():
    def told(code: str, **more: Any) -> DisputeState:
        resource = {
            "dispute_id": "PP-D-1",
            "status": "RESOLVED",
            "dispute_amount": {"currency_code": "USD", "value": "19.99"},
            "dispute_outcome": {"outcome_code": code, **more},
            "disputed_transactions": [{"seller_transaction_id": "CAP1"}],
        }
        return read_event(
            AN_EVENT | {"event_type": "CUSTOMER.DISPUTE.RESOLVED", "resource": resource}, test=True
        ).dispute

    assert told("SOMETHING_NEW").state == "open"
    assert told("RESOLVED_WITH_PAYOUT").state == "won"
    part = told("ACCEPTED", amount_refunded={"currency_code": "USD", "value": "5.00"})
    assert (part.state, part.amount) == ("lost", Money(500, "USD"))


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        AN_EVENT | {"id": None},
        AN_EVENT | {"id": "WH\x00"},
        AN_EVENT | {"event_type": 5},
        AN_EVENT | {"create_time": "yesterday"},
        AN_EVENT | {"create_time": None},
    ],
)
def test_nonsense_is_malformed(message):
    with pytest.raises(MalformedEvent):
        read_event(message, test=True)


@pytest.mark.parametrize("kind", ["BILLING.PLAN.CREATED", "PAYMENT.SALE.COMPLETED", "X"])
def test_an_unknown_kind_of_message_is_about_nothing(kind):
    assert read_event(AN_EVENT | {"event_type": kind}, test=True).subject == "none"


@pytest.mark.parametrize(
    "thing", [{"id": 5}, {"links": "x", "amount": []}, {"disputed_transactions": [], "links": [1]}]
)
@pytest.mark.parametrize(
    "kind",
    ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED", "CUSTOMER.DISPUTE.CREATED"],
)
def test_a_known_message_with_a_strange_body_claims_nothing(kind, thing):
    event = read_event(AN_EVENT | {"event_type": kind, "resource": thing}, test=True)

    assert (event.type, event.refund, event.dispute) == (kind, None, None)
    assert event.claims is None or event.claims.refunded is None
