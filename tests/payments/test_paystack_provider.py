"""What is true of Paystack alone: its words and units, pages that cannot be closed, its messages, its bad days."""

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512

import pytest

from app.config import load
from app.lib.money import Money
from app.payments.providers.base import (
    BadSignature,
    MalformedEvent,
    NotConfigured,
    PaymentState,
    ProviderRefused,
    ProviderUnavailable,
)
from app.payments.providers.paystack import PaystackProvider, configured
from app.payments.providers.paystack_objects import payment_state
from app.payments.providers.reading import Unreadable, whole_money

from .ends import a_request
from .ends_paystack import KEY, PaystackEnd

pytestmark = pytest.mark.pure

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def end() -> Iterator[PaystackEnd]:
    end = PaystackEnd.open()
    yield end
    end.stop()


def signed(message, key=KEY):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return {"X-Paystack-Signature": hmac.new(key.encode(), body, sha512).hexdigest()}, body


# What Paystack is asked


def test_a_transaction_carries_our_reference_and_where_to_go_back_to(end):
    request = a_request(amount=Money(40_050, "KES"))

    step = end.provider.start(request)

    assert end.simulator.requests[-1]["params"] == {
        "email": "ada@example.com",
        "amount": 40050,
        "currency": "KES",
        "reference": request.reference,
        "callback_url": request.return_url,
        "metadata": {"order": "SO-7KQ2", "cancel_action": request.cancel_url},
    }
    assert (step.provider_ref, "_" in step.provider_ref) == (request.reference, False)


@pytest.mark.parametrize(
    ("amount", "is_offered"),
    [
        (Money(300, "KES"), True),
        (Money(299, "KES"), False),
        (Money(1999, "EUR"), False),
        (Money(500, "JPY"), False),
        (Money(0, "NGN"), False),
        (Money(10, "GHS"), True),
    ],
)
def test_only_what_paystack_takes_is_offered(amount, is_offered):
    assert PaystackProvider((KEY,)).supports(amount, "KE") is is_offered


def test_an_amount_that_is_not_offered_is_not_asked_for_either():
    with pytest.raises(ProviderRefused):
        PaystackProvider((KEY,), api_base="http://127.0.0.1:1").start(a_request(amount=Money(500, "JPY")))


# A start whose answer was lost


@pytest.mark.parametrize("fault", ["drop_after_work", "empty"])
def test_a_page_whose_address_was_lost_makes_room_for_a_new_attempt(end, fault):
    request = a_request()
    end.simulator.faults.add(fault)

    with pytest.raises(ProviderUnavailable) as silence:
        end.provider.start(request)
    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(request)

    assert silence.value.outcome_unknown
    assert (refused.value.code, refused.value.retryable) == ("duplicate_reference", True)
    assert len(end.simulator.account.transactions()) == 1


@pytest.mark.parametrize("button", ["pay", "late"])
def test_a_page_whose_address_was_lost_but_that_was_paid_leads_back_to_us(end, button):
    request = a_request()
    end.provider.start(request)
    end.press(button, request, request.reference)

    assert end.provider.start(request).url == request.return_url


# What cannot be closed


def test_a_page_cannot_be_closed_and_says_so_and_is_paid_later(end):
    request = a_request()
    end.provider.start(request)

    closed = end.provider.expire(request.reference, request.reference)
    end.press("pay", request, request.reference)

    assert (closed.state, closed.awaits_money) == ("pending", False)
    assert end.provider.look_up(request.reference, None).state == "paid"


def test_a_page_nobody_came_back_to_can_still_surprise_us(end):
    request = a_request()
    end.provider.start(request)
    end.later(24 * 3600 + 10)
    over = end.provider.look_up(request.reference, None)

    end.press("pay", request, request.reference)

    assert over.state == "expired"
    assert end.provider.look_up(request.reference, None).state == "paid"


def test_another_attempt_s_transaction_is_not_ours(end):
    end.provider.start(a_request())

    state = end.provider.look_up("att-somebody-else", a_request().reference)

    assert (state.state, state.error_code) == ("unknown", "other_reference")


# What Paystack says


TRANSACTION = {
    "id": 4099260516,
    "domain": "test",
    "reference": "att-1",
    "amount": 40000,
    "currency": "KES",
    "status": "success",
    "gateway_response": "Successful",
    "created_at": "2026-03-04T11:00:00.000Z",
}


@pytest.mark.parametrize(
    ("status", "hours", "state", "awaits_money"),
    [
        ("success", 0, "paid", False),
        ("reversed", 0, "paid", False),
        ("failed", 0, "failed", False),
        ("abandoned", 0, "pending", False),
        ("abandoned", 25, "expired", False),
        ("ongoing", 0, "pending", True),
        ("pending", 25, "pending", True),
        ("processing", 0, "pending", True),
        ("queued", 0, "pending", True),
    ],
)
def test_every_word_of_paystack_has_its_meaning(status, hours, state, awaits_money):
    found = payment_state(TRANSACTION | {"status": status}, NOON + timedelta(hours=hours))

    assert (found.state, found.awaits_money, found.amount) == (state, awaits_money, Money(40_000, "KES"))


@pytest.mark.parametrize("change", [{"status": "brand-new"}, {"amount": None}, {"amount": 4.5}, {"currency": 404}])
def test_what_cannot_be_understood_is_no_state_at_all(change):
    with pytest.raises(Unreadable):
        payment_state(TRANSACTION | change, NOON)


@pytest.mark.parametrize("written", [40000, "40000", "40000.0", "40000.00"])
def test_an_amount_may_be_a_number_or_the_text_of_one(written):
    assert whole_money(written, "kes") == Money(40_000, "KES")


@pytest.mark.parametrize("written", [True, 40000.0, "4e4", "-1", "40000.5", "", None, "٤", "9" * 16])
def test_an_amount_is_never_guessed(written):
    with pytest.raises(Unreadable):
        whole_money(written, "KES")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Insufficient Funds", "There is too little money on this card or account."),
        ("Incorrect PIN", "The PIN is wrong."),
        ("Transaction timed out", "The bank did not answer in time. Please try again."),
        ("Fraud suspected: stolen card 4084", "The bank declined this payment."),
        (None, "The bank declined this payment."),
    ],
)
def test_the_gateway_s_words_become_ours(said, sentence):
    found = payment_state(TRANSACTION | {"status": "failed", "gateway_response": said}, NOON)

    assert found.error_message == sentence


# Messages


CHARGE = {"event": "charge.success", "data": TRANSACTION}


def test_any_of_the_keys_may_have_signed_and_no_other():
    provider = PaystackProvider((KEY, "sk_test_old"))

    for key in (KEY, "sk_test_old"):
        event = provider.read_webhook(*signed(CHARGE, key))
    assert event.event_key == sha256(json.dumps(CHARGE).encode()).hexdigest()
    assert event.claims == PaymentState("paid", Money(40_000, "KES"), "att-1", "4099260516", refunded=None, test=True)
    for key in ("sk_test_stranger", ""):
        with pytest.raises(BadSignature):
            provider.read_webhook(*signed(CHARGE, key))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[]", b"{}", b'{"event": 1}', b"[" * 9999, b"null"])
def test_what_is_signed_but_makes_no_sense_is_refused(body):
    with pytest.raises(MalformedEvent):
        PaystackProvider((KEY,)).read_webhook(*signed(body))


def test_a_message_from_the_other_mode_is_refused():
    live = CHARGE | {"data": TRANSACTION | {"domain": "live"}}

    with pytest.raises(MalformedEvent):
        PaystackProvider((KEY,)).read_webhook(*signed(live))
    assert not PaystackProvider(("sk_live_x",)).read_webhook(*signed(live, "sk_live_x")).test


def test_what_is_not_about_payments_is_known_by_name_only():
    event = PaystackProvider((KEY,)).read_webhook(*signed({"event": "transfer.success", "data": {"domain": "test"}}))

    assert (event.type, event.subject) == ("transfer.success", "none")


# The list


def test_the_list_is_read_to_its_end(end):
    for number in range(130):
        end.simulator.account.begin(
            {"email": "a@shop.test", "amount": 1000 + number, "reference": f"att-{number}"}, live=False
        )
    now = datetime.fromtimestamp(end.simulator.clock.now(), UTC)

    listed = list(end.provider.list_payments(now - timedelta(hours=1), now + timedelta(hours=1)))
    earlier = list(end.provider.list_payments(now - timedelta(hours=3), now - timedelta(hours=2)))

    assert {one.reference for one in listed} == {f"att-{number}" for number in range(130)}
    assert {one.state.state for one in listed} == {"pending"}
    assert earlier == []


# Bad days and keys


@pytest.mark.parametrize(
    ("fault", "error", "outcome_unknown"),
    [
        ("hang", ProviderUnavailable, True),
        ("500", ProviderUnavailable, True),
        ("html", ProviderUnavailable, True),
        ("truncated", ProviderUnavailable, True),
        ("429", ProviderUnavailable, False),
        ("401", NotConfigured, None),
    ],
)
def test_a_bad_day_becomes_one_of_our_errors(end, fault, error, outcome_unknown):
    end.simulator.faults.add({"fault": fault, "seconds": 1})

    with pytest.raises(error) as raised:
        end.provider.start(a_request())

    assert getattr(raised.value, "outcome_unknown", None) is outcome_unknown
    assert KEY not in str(raised.value)


def test_a_no_is_a_sentence_for_the_shopper_and_a_detail_for_the_log(end):
    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(a_request(email="ada"))

    assert refused.value.sentence == "Paystack does not accept this e-mail address."
    assert "HTTP 400" in refused.value.detail


@pytest.mark.parametrize(
    ("keys", "words"),
    [("pk_test_1", "must begin with"), ("sk_test_1,sk_live_1", "mixes test and live")],
)
def test_keys_that_cannot_be_right_are_a_sentence(keys, words):
    with pytest.raises(NotConfigured, match=words):
        configured(load({"PAYSTACK_SECRET_KEY": keys}))


def test_one_key_is_enough_and_none_is_no_provider():
    provider = configured(load({"PAYSTACK_SECRET_KEY": "sk_live_1,sk_live_0"}))

    assert (provider.test, provider.form_action_origins) == (False, ("https://checkout.paystack.com",))
    assert configured(load({})) is None
