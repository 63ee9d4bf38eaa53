"""What is true of Stripe alone: its request, its messages, its units, and its bad days."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.wrappers import Response

from app.lib.money import Money
from app.payments.providers.base import (
    NotConfigured,
    Patience,
    ProviderRefused,
    ProviderUnavailable,
    RequestLine,
)
from app.payments.providers.stripe_objects import UNITS
from app.payments.providers.units import InexactAmount

from .ends import StripeEnd, a_refund, a_request, without_network

pytestmark = pytest.mark.pure


@pytest.fixture
def end() -> Iterator[StripeEnd]:
    end = StripeEnd.open()
    yield end
    end.stop()


# What Stripe is asked


def test_the_session_carries_the_order_and_nothing_of_the_card(end):
    request = a_request()

    end.provider.start(request)

    sent = end.simulator.requests[-1]
    assert sent["idempotency_key"] == f"{request.reference}-v1"
    assert sent["params"] == {
        "mode": "payment",
        "success_url": request.return_url + "&session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": request.cancel_url,
        "client_reference_id": request.reference,
        "customer_email": "ada@example.com",
        "expires_at": int(request.expires_at.timestamp()),
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 1999,
                    "product_data": {"name": "Linen shirt, M"},
                },
            }
        ],
        "metadata": {"order_id": "SO-7KQ2", "attempt_id": request.reference},
        "payment_intent_data": {
            "metadata": {"order_id": "SO-7KQ2", "attempt_id": request.reference},
            "description": "Order SO-7KQ2",
        },
    }


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (RequestLine("Linen shirt", 1, Money(2000, "USD")),),
        (RequestLine("Linen shirt", 1, Money(2499, "USD")), RequestLine("Discount", 1, Money(-500, "USD"))),
        (RequestLine("Linen shirt", 1, Money(1999, "EUR")),),
        (RequestLine("  ", 1, Money(1999, "USD")),),
        tuple(RequestLine(f"Button {n}", 1, Money(n, "USD")) for n in [19] * 100 + [99]),
    ],
    ids=["none", "other sum", "discount", "other currency", "nameless", "too many"],
)
def test_lines_that_stripe_could_not_show_exactly_become_one(end, lines):
    step = end.provider.start(a_request(lines=lines))

    (line,) = end.simulator.requests[-1]["params"]["line_items"]
    assert line["price_data"]["product_data"]["name"] == "Order SO-7KQ2"
    assert end.provider.look_up(a_request().reference, step.provider_ref).amount == Money(1999, "USD")


def test_a_refund_names_its_key_its_payment_and_our_reference(end):
    request = a_request()
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    refund = a_refund(end.provider, request, step.provider_ref, provider_payment_ref=None)

    end.provider.refund(refund)

    sent = end.simulator.requests[-1]
    assert (sent["operation"], sent["idempotency_key"]) == ("refunds.create", refund.reference)
    assert sent["params"]["amount"] == 1999
    assert sent["params"]["metadata"] == {"refund_id": refund.reference, "attempt_id": request.reference}


def test_a_session_of_another_attempt_is_not_ours(end):
    step = end.provider.start(a_request())

    state = end.provider.look_up("att-somebody-else", step.provider_ref)

    assert (state.state, state.error_code) == ("unknown", "other_reference")


def test_a_lost_session_is_found_behind_a_hundred_others(end):
    request = a_request()
    step = end.provider.start(request)
    params = end.simulator.requests[-1]["params"]
    for number in range(120):
        other = params | {"client_reference_id": f"att-{number}"}
        end.simulator.account.new_session(other, "http://stripe.test", live=False)

    assert end.provider.look_up(request.reference, None).provider_ref == step.provider_ref


# Units


@pytest.mark.parametrize(
    ("amount", "on_the_wire"),
    [
        (Money(1999, "USD"), 1999),
        (Money(500, "JPY"), 500),
        (Money(40000, "KES"), 40000),
        (Money(12340, "KWD"), 12340),
        (Money(5000, "UGX"), 500000),
        (Money(700, "ISK"), 70000),
        (Money(1200, "MGA"), 12),
    ],
)
def test_amounts_on_the_wire_and_back(amount, on_the_wire):
    assert UNITS.to_wire(amount) == on_the_wire
    assert UNITS.from_wire(on_the_wire, amount.currency.lower()) == amount


def test_a_fils_that_stripe_cannot_take_is_not_offered():
    with pytest.raises(InexactAmount):
        UNITS.to_wire(Money(12345, "KWD"))

    assert not without_network().supports(Money(12345, "KWD"), "KW")


@pytest.mark.parametrize(
    ("amount", "offered"),
    [
        (Money(50, "USD"), True),
        (Money(49, "USD"), False),
        (Money(99_999_999, "USD"), True),
        (Money(100_000_000, "USD"), False),
        (Money(-100, "USD"), False),
        (Money(5000, "UGX"), False),
    ],
)
def test_what_stripe_takes_is_offered(amount, offered):
    assert without_network().supports(amount, "US") is offered


def test_a_refund_of_a_fils_is_refused_before_it_is_sent(end):
    request = a_request(amount=Money(12340, "KWD"))
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    with pytest.raises(ProviderRefused) as refused:
        end.provider.refund(a_refund(end.provider, request, step.provider_ref, amount=Money(5, "KWD")))

    assert refused.value.code == "inexact_amount"


# Bad days


@pytest.mark.parametrize("fault", ["hang", "drip", "drop", "drop_after_work", "truncated", "html", "500"])
def test_without_a_usable_answer_the_outcome_is_unknown(end, fault):
    end.simulator.faults.add(fault)
    started = time.monotonic()

    with pytest.raises(ProviderUnavailable) as trouble:
        end.provider.start(a_request())

    assert trouble.value.outcome_unknown
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("fault", ["hang", "drop_after_work", "truncated", "html", "500"])
def test_after_an_unknown_outcome_the_same_request_opens_no_second_session(end, fault):
    end.simulator.faults.add(fault)
    with pytest.raises(ProviderUnavailable):
        end.provider.start(a_request())

    step = end.provider.start(a_request())

    assert [one["id"] for one in end.simulator.account.all("cs")] == [step.provider_ref]


def test_a_patient_job_tries_again_with_the_same_key(end):
    end.simulator.faults.add("drop_after_work")
    patient = without_network(api_base=end.simulator.base_url, patience=Patience(0.5, 0.5, retries=1))

    step = patient.start(a_request())

    assert [one["id"] for one in end.simulator.account.all("cs")] == [step.provider_ref]
    assert len({one["idempotency_key"] for one in end.simulator.requests}) == 1
    assert len(end.simulator.requests) == 2


def test_too_many_requests_mean_that_nothing_happened(end):
    end.simulator.faults.add("429")

    with pytest.raises(ProviderUnavailable) as trouble:
        end.provider.start(a_request())

    assert not trouble.value.outcome_unknown


def test_a_key_that_is_not_accepted_calls_for_an_operator(end):
    end.simulator.faults.add("401")

    with pytest.raises(NotConfigured, match="STRIPE_SECRET_KEY") as trouble:
        end.provider.start(a_request())

    assert "sk_test" not in str(trouble.value)


def test_an_address_where_nobody_listens_answers_at_once():
    with pytest.raises(ProviderUnavailable):
        without_network(api_base="http://127.0.0.1:9").start(a_request())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "nonsense"}, "email_invalid"),
        ({"amount": Money(49, "USD")}, "amount_too_small"),
        ({"expires_at": datetime.now(UTC) + timedelta(minutes=5)}, "invalid_request"),
        ({"cancel_url": "/relative"}, "url_invalid"),
    ],
)
def test_what_stripe_refuses_is_a_sentence(end, changes, code):
    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(a_request(**changes))

    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "answer",
    [b"[]", b"null", b'"yes"', b"{}", b'{"id": 7, "status": "open"}', b'{"error": 3}', b"\xff\xfe"],
)
def test_an_answer_that_makes_no_sense_is_no_answer(end, monkeypatch, answer):
    step = end.provider.start(a_request())
    monkeypatch.setattr(end.simulator, "answer", lambda *_args: Response(answer, mimetype="application/json"))

    try:
        state = end.provider.look_up(a_request().reference, step.provider_ref).state
    except ProviderUnavailable:
        state = "unknown"

    assert state == "unknown"


def test_a_refund_that_fails_later_is_money_back_with_us(end):
    request = a_request()
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    end.simulator.account.refunds_are = "pending"
    refund = a_refund(end.provider, request, step.provider_ref)

    sent = end.provider.refund(refund)
    end.simulator.account.finish_refund(sent.provider_ref, "failed")

    now = end.provider.look_up_refund(refund, sent.provider_ref)
    event = end.provider.read_webhook(*end.message(request))
    assert (sent.state, now.state, now.error) == ("pending", "failed", "expired_or_canceled_card")
    assert (event.subject, event.refund) == ("refund", now)
    state = end.provider.look_up(request.reference, step.provider_ref)
    assert (state.refunded, state.refunds) == (Money(0, "USD"), (now,))


def test_more_refunds_than_fit_into_one_answer_are_all_seen(end):
    request = a_request()
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    for number in range(12):
        end.provider.refund(
            a_refund(end.provider, request, step.provider_ref, reference=f"ref-{number}", amount=Money(1, "USD"))
        )

    state = end.provider.look_up(request.reference, step.provider_ref)

    assert {refund.reference for refund in state.refunds} == {f"ref-{number}" for number in range(12)}


def test_slow_money_that_never_comes_is_a_failed_payment(end):
    request = a_request()
    step = end.provider.start(request)
    end.simulator.account.late_succeeds = False

    end.press("late", request, step.provider_ref)
    end.later(10)

    event = end.provider.read_webhook(*end.message(request))
    assert end.provider.look_up(request.reference, step.provider_ref).state == "failed"
    assert (event.claims.state, event.claims.awaits_money) == ("failed", False)


def test_a_dispute_names_the_payment(end):
    request = a_request()
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    end.press("dispute", request, step.provider_ref)

    event = end.provider.read_webhook(*end.message(request))
    state = end.provider.look_up(request.reference, step.provider_ref)
    assert (event.subject, event.dispute.state) == ("dispute", "open")
    assert event.provider_payment_ref == state.provider_payment_ref
