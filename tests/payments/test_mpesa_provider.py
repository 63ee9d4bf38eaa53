"""M-Pesa's adapter against its other end: what is sent, what each result means, and how it fails."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.config import load
from app.lib.money import Money
from app.payments.providers.base import (
    MalformedEvent,
    NotConfigured,
    ProviderRefused,
    ProviderUnavailable,
    WebhookRejected,
)
from app.payments.providers.mpesa import MpesaProvider, configured, masked

from .ends import IMPATIENT, a_request
from .ends_mpesa import KEYS, MpesaEnd

pytestmark = pytest.mark.pure

KES_400 = Money(40_000, "KES")


@pytest.fixture(scope="module")
def one_end() -> Iterator[MpesaEnd]:
    end = MpesaEnd.open()
    yield end
    end.stop()


@pytest.fixture
def end(one_end: MpesaEnd) -> Iterator[MpesaEnd]:
    """M-Pesa on a good day, with every phone put down."""
    one_end.simulator.faults.clear()
    one_end.simulator.requests.clear()
    yield one_end
    one_end.later(61)


def asked(**changes):
    return a_request(**{"amount": KES_400, **changes})


def sent(end: MpesaEnd, operation: str) -> list[dict]:
    return [one["params"] for one in end.simulator.requests if one.get("operation") == operation]


def test_a_push_says_who_asks_for_what_and_where_to_tell(end):
    end.simulator.clock.set(1_767_312_245)  # 2026-01-02 00:04:05 in London, three hours later in Nairobi
    end.provider.start(asked(order_number="SO-7KQ2-LONGER", description="Order SO-7KQ2-LONGER"))
    end.simulator.clock.set(None)

    (push,) = sent(end, "stk_push")
    assert push["Timestamp"] == "20260102030405"
    assert push["TransactionType"] == "CustomerPayBillOnline"
    assert (push["Amount"], push["PartyA"], push["PhoneNumber"]) == (400, "254712345678", "254712345678")
    assert (push["BusinessShortCode"], push["PartyB"]) == ("174379", "174379")
    assert (push["AccountReference"], push["TransactionDesc"]) == ("SO7KQ2LONGER", "Order SO7KQ2L")
    assert push["CallBackURL"] == asked().callback_url


def test_goods_bought_by_till_name_the_till(end):
    till = MpesaProvider(*KEYS, till="832909", api_base=end.simulator.base_url, patience=IMPATIENT)

    till.start(asked())

    (push,) = sent(end, "stk_push")
    assert (push["TransactionType"], push["PartyB"], push["BusinessShortCode"]) == (
        "CustomerBuyGoodsOnline",
        "832909",
        "174379",
    )


def test_the_shopper_reads_what_to_do_and_strangers_read_no_number(end):
    step = end.provider.start(asked())

    assert (step.kind, step.url) == ("wait", "")
    assert step.provider_ref.startswith("ws_CO_")
    assert step.message == (
        "We sent a payment request to 07••\xa0•••\xa0678. Enter your M-Pesa PIN there to pay KES\xa0400.00."
    )
    assert masked("+254110123456") == "01••\xa0•••\xa0456"


@pytest.mark.parametrize(
    "typed",
    ["0712345678", "0712 345 678", "+254 712-345-678", "254712345678", "00254712345678", "712345678", "(0712) 345678"],
)
def test_a_kenyan_number_is_understood_however_it_is_written(typed):
    assert MpesaProvider(*KEYS).payer_phone(typed) == "+254712345678"


@pytest.mark.parametrize(
    "typed", ["", "0612345678", "+255712345678", "071234567", "07123456789", "٠٧١٢٣٤٥٦٧٨", "0712345678x"]
)
def test_any_other_number_is_refused_with_an_example(typed):
    with pytest.raises(ValueError, match="for example 0712 345 678"):
        MpesaProvider(*KEYS).payer_phone(typed)


@pytest.mark.parametrize(
    ("amount", "fits"),
    [
        (Money(100, "KES"), True),
        (Money(40_000, "KES"), True),
        (Money(25_000_000, "KES"), True),
        (Money(25_000_100, "KES"), False),
        (Money(40_050, "KES"), False),
        (Money(40_000, "USD"), False),
        (Money(0, "KES"), False),
    ],
)
def test_only_whole_shillings_up_to_the_limit_are_offered(amount, fits):
    assert MpesaProvider(*KEYS).supports(amount, "KE") is fits


def test_an_amount_that_does_not_fit_is_never_sent(end):
    with pytest.raises(ProviderRefused):
        end.provider.start(asked(amount=Money(40_050, "KES")))

    assert sent(end, "stk_push") == []


@pytest.mark.parametrize(
    ("deed", "state", "code", "sentence"),
    [
        ("cancel", "cancelled", "1032", "You cancelled the request on your phone."),
        ("wrong_pin", "failed", "2001", "The M-Pesa PIN was wrong."),
        ("low_balance", "failed", "1", "There was not enough money in the M-Pesa account."),
        ("no_answer", "expired", "1037", "The phone could not be reached, or nobody answered the request."),
        ("not_sent", "failed", "1025", "M-Pesa could not send the request to the phone."),
        ("strange", "failed", "8006", "M-Pesa did not take the payment. The security credential is locked."),
    ],
)
def test_every_end_has_its_words(end, deed, state, code, sentence):
    step = end.provider.start(asked())

    end.simulator.do(deed, step.provider_ref)

    found = end.provider.look_up(asked().reference, step.provider_ref)
    assert (found.state, found.error_code, found.error_message) == (state, code, sentence)


def test_a_prompt_that_rings_cannot_be_called_back(end):
    step = end.provider.start(asked())

    closed = end.provider.expire(asked().reference, step.provider_ref)

    assert (closed.state, closed.awaits_money) == ("pending", True)
    end.simulator.do("pay", step.provider_ref)
    assert end.provider.expire(asked().reference, step.provider_ref).state == "paid"


def test_a_second_request_to_a_phone_that_rings_is_refused_in_words(end):
    end.provider.start(asked())

    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(asked(reference="att-other"))

    assert "Another M-Pesa request is open on this phone." in refused.value.sentence


def test_an_unknown_push_is_unknown(end):
    for provider_ref in (None, "", "ws_CO_nobody"):
        state = end.provider.look_up(asked().reference, provider_ref)
        assert (state.state, state.error_code) == ("unknown", "not_found")


def test_the_token_is_fetched_once_and_again_before_it_ends(end):
    step = end.provider.start(asked())
    end.provider.look_up(asked().reference, step.provider_ref)
    before = len([one for one in end.simulator.requests if one.get("operation") == "oauth"])
    end.later(3599 - 30)

    end.provider.look_up(asked().reference, step.provider_ref)

    after = len([one for one in end.simulator.requests if one.get("operation") == "oauth"])
    assert (before <= 1, after - before) == (True, 1)


def test_a_token_that_is_no_longer_taken_is_replaced_once(end):
    step = end.provider.start(asked())
    end.simulator.faults.add({"fault": "401", "match": "/mpesa/"})

    assert end.provider.look_up(asked().reference, step.provider_ref).state == "pending"
    end.simulator.faults.add({"fault": "401", "times": 2, "match": "/mpesa/"})
    with pytest.raises(NotConfigured):
        end.provider.look_up(asked().reference, step.provider_ref)


@pytest.mark.parametrize("fault", ["drop_after_work", "500", "html", "truncated", "empty"])
def test_a_push_without_a_usable_answer_may_have_rung(end, fault):
    end.provider.look_up(asked().reference, "ws_CO_nobody")  # so that there is a token
    end.simulator.faults.add({"fault": fault, "match": "/mpesa/"})

    with pytest.raises(ProviderUnavailable) as silence:
        end.provider.start(asked())

    assert silence.value.outcome_unknown
    assert len([one for one in end.simulator.requests if "stkpush/" in one["path"]]) == 1


@pytest.mark.parametrize(("fault", "match"), [("429", "/mpesa/"), ("500", "/oauth/"), ("drop", "/oauth/")])
def test_a_push_that_was_never_asked_for_did_nothing(end, fault, match):
    fresh = MpesaProvider(*KEYS, api_base=end.simulator.base_url, patience=IMPATIENT)
    end.simulator.faults.add({"fault": fault, "match": match})

    with pytest.raises(ProviderUnavailable) as silence:
        fresh.start(asked())

    assert not silence.value.outcome_unknown
    assert fresh.start(asked()).provider_ref


def test_wrong_keys_are_the_operator_s_business(end):
    wrong_key = MpesaProvider("simulator", "wrong", *KEYS[2:], api_base=end.simulator.base_url, patience=IMPATIENT)
    wrong_pass = MpesaProvider(*KEYS[:3], "wrong", api_base=end.simulator.base_url, patience=IMPATIENT)

    for provider in (wrong_key, wrong_pass):
        with pytest.raises(NotConfigured):
            provider.start(asked())


def test_money_goes_back_by_hand(end):
    assert not end.provider.can_refund


def told(**changes) -> bytes:
    items = [
        {"Name": "Amount", "Value": 400.0},
        {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20260102030405},
        {"Name": "PhoneNumber", "Value": "2547****5678"},
    ]
    callback = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": "ws_CO_191220191020363925",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return json.dumps({"Body": {"stkCallback": callback | changes}}).encode()


def test_a_callback_is_read_with_numbers_or_with_text():
    items = [{"Name": "Amount", "Value": "400"}, {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"}]
    read = MpesaProvider(*KEYS).read_webhook

    numbers = read({}, told(), "att-one")
    text = read({}, told(ResultCode="0", CallbackMetadata={"Item": items}), "att-one")

    for event in (numbers, text):
        assert (event.subject, event.reference, event.provider_ref, event.provider_payment_ref) == (
            "payment",
            "att-one",
            "ws_CO_191220191020363925",
            "NLJ7RT61SV",
        )
        assert (event.claims.state, event.claims.amount) == ("paid", KES_400)
        assert event.event_key == numbers.event_key
    assert numbers.occurred_at.isoformat() == "2026-01-02T00:04:05+00:00"


@pytest.mark.parametrize("when", ["00010101000000", "99999999999999", None])
def test_a_time_nobody_can_have_paid_at_does_not_hide_that_somebody_paid(when):
    items = [{"Name": "Amount", "Value": 400}, {"Name": "TransactionDate", "Value": when}]

    event = MpesaProvider(*KEYS).read_webhook({}, told(CallbackMetadata={"Item": items}), "att-one")

    assert event.claims.state == "paid"


def test_another_result_of_the_same_push_is_another_message():
    read = MpesaProvider(*KEYS).read_webhook

    assert read({}, told(ResultCode=1037), "att-one").event_key != read({}, told(), "att-one").event_key


def test_a_callback_that_came_to_no_attempt_s_address_is_not_believed():
    with pytest.raises(WebhookRejected):
        MpesaProvider(*KEYS).read_webhook({}, told())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"Body": 1}',
        b'{"Body": {"stkCallback": []}}',
        b"[" * 100_000,
        told(CheckoutRequestID=""),
        told(CheckoutRequestID="with\x00nul"),
        told(CheckoutRequestID=5),
        told(ResultCode=None),
        told(ResultCode="zero"),
        told(CallbackMetadata={"Item": [{"Name": "Amount", "Value": "1e999999"}]}),
        told(CallbackMetadata={"Item": [{"Name": "Amount", "Value": -1}]}),
    ],
)
def test_nonsense_is_refused(body):
    with pytest.raises(MalformedEvent):
        MpesaProvider(*KEYS).read_webhook({}, body, "att-one")


SETTINGS = {
    "SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk",
    "SHOP_URL": "https://shop.test",
    "MPESA_CONSUMER_KEY": "key",
    "MPESA_CONSUMER_SECRET": "secret",
    "MPESA_SHORTCODE": "174379",
    "MPESA_PASSKEY": "pass",
}


def test_a_shop_with_all_keys_offers_m_pesa():
    live = configured(load(SETTINGS))
    sandbox = configured(load(SETTINGS | {"MPESA_API_BASE": "https://sandbox.safaricom.co.ke"}))

    assert (live.test, sandbox.test) == (False, True)
    assert configured(load({"SECRET_KEY": SETTINGS["SECRET_KEY"]})) is None
    assert configured(load(SETTINGS)) is live


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MPESA_PASSKEY": ""}, "MPESA_PASSKEY must be set"),
        ({"MPESA_CONSUMER_KEY": "", "MPESA_SHORTCODE": ""}, "MPESA_CONSUMER_KEY and MPESA_SHORTCODE must be set"),
        ({"MPESA_SHORTCODE": "paybill"}, "MPESA_SHORTCODE must be five to seven digits"),
        ({"MPESA_TILL": "x"}, "MPESA_TILL must be five to seven digits"),
        ({"SHOP_URL": "http://127.0.0.1:8000"}, "SHOP_URL must begin with it"),
    ],
)
def test_half_a_configuration_is_a_sentence(changes, named):
    with pytest.raises(NotConfigured, match=named):
        configured(load(SETTINGS | changes))


def test_a_request_without_a_number_is_refused_in_words(end):
    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(replace(asked(), phone=""))

    assert "for example 0712 345 678" in refused.value.sentence


def test_each_callback_goes_to_the_address_of_its_push(end):
    step = end.provider.start(asked(callback_url="https://shop.test/one"))
    end.simulator.do("pay", step.provider_ref)

    assert end.simulator.told_at[-1] == "https://shop.test/one"
