"""What is true of PayPal alone: approving and taking are two steps, and how each of its calls can fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from app.lib.money import Money
from app.payments.providers.base import (
    DisputeState,
    NotConfigured,
    PaymentRequest,
    ProviderRefused,
    ProviderUnavailable,
)
from app.payments.providers.paypal import PayPalProvider
from app.payments.providers.paypal_errors import SENTENCES

from .ends import a_refund, a_request
from .ends_paypal import KEYS, PayPalEnd

pytestmark = pytest.mark.pure


@pytest.fixture
def end() -> Iterator[PayPalEnd]:
    end = PayPalEnd.open()
    yield end
    end.stop()


def approved(end: PayPalEnd, plan: str = "pay", **changes: Any) -> tuple[PaymentRequest, str]:
    """A payment the shopper has agreed to, and nothing taken yet."""
    request = a_request(**changes)
    ref = end.provider.start(request).provider_ref
    end.simulator.do(plan, ref)
    return request, ref


def asked(end: PayPalEnd, operation: str) -> list[dict[str, Any]]:
    return [one for one in end.simulator.requests if one.get("operation") == operation]


# What PayPal is asked


def test_the_order_carries_the_total_and_our_names_and_nothing_that_could_miss_it_by_a_cent(end):
    request = a_request()

    step = end.provider.start(request)

    (sent,) = asked(end, "orders.create")
    assert sent["request_id"] == f"{request.reference}-v1"
    assert sent["params"] == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "reference_id": "SO-7KQ2",
                "custom_id": request.reference,
                "invoice_id": "SO-7KQ2-eeffffgg",
                "description": "Order SO-7KQ2",
                "amount": {"currency_code": "USD", "value": "19.99"},
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "return_url": request.return_url,
                    "cancel_url": request.cancel_url,
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
                }
            }
        },
    }
    assert step.url == f"{end.simulator.base_url}/checkoutnow?token={step.provider_ref}"


def test_starting_again_after_the_shopper_paid_leads_to_our_own_page(end):
    request, ref = approved(end)

    again = end.provider.start(request)
    end.provider.capture(request.reference, ref)
    once_more = end.provider.start(request)

    assert again == once_more
    assert (again.url, again.provider_ref) == (request.return_url, ref)


def test_one_token_serves_many_calls_and_is_renewed_before_its_end(end):
    request = a_request()
    end.provider.start(request)
    end.provider.look_up(request.reference, end.provider.start(request).provider_ref)
    assert tokens(end) == 1

    end.later(32_400 - 59)
    end.provider.look_up(request.reference, "5O1")

    assert tokens(end) == 2


def tokens(end: PayPalEnd) -> int:
    return sum(one["path"] == "/v1/oauth2/token" for one in end.simulator.requests)


def test_a_token_that_ended_early_is_fetched_anew_once(end):
    ref = end.provider.start(a_request()).provider_ref
    end.simulator.faults.add({"fault": "401", "match": "/v2/"})

    assert end.provider.look_up(a_request().reference, ref).state == "pending"
    assert tokens(end) == 2
    end.simulator.faults.add({"fault": "401", "match": "/v2/", "times": 2})
    with pytest.raises(NotConfigured, match="PAYPAL_CLIENT_ID"):
        end.provider.look_up(a_request().reference, ref)


def test_keys_that_are_not_accepted_call_for_an_operator(end):
    stranger = PayPalProvider("somebody", "a-secret-nobody-may-read", KEYS[2], api_base=end.simulator.base_url)

    with pytest.raises(NotConfigured, match="PAYPAL_CLIENT_SECRET") as trouble:
        stranger.start(a_request())

    assert "nobody-may-read" not in str(trouble.value)


# Taking the money


def test_approval_is_not_money_until_it_is_taken(end):
    request, ref = approved(end)

    before = end.provider.look_up(request.reference, ref)
    taken = end.provider.capture(request.reference, ref)

    assert (before.state, before.amount) == ("authorised", Money(1999, "USD"))
    assert (taken.state, taken.amount, taken.provider_ref) == ("paid", Money(1999, "USD"), ref)
    assert end.provider.look_up(request.reference, ref) == taken


def test_taking_twice_takes_once(end):
    request, ref = approved(end)
    end.provider.capture(request.reference, ref)

    again = end.provider.capture(request.reference, ref)

    assert again.state == "paid"
    assert len(asked(end, "orders.capture")) == 1


def test_somebody_who_was_quicker_took_it_for_all(end, monkeypatch):
    request, ref = approved(end)
    as_it_was = end.provider.look_up(request.reference, ref)
    taken = end.provider.capture(request.reference, ref)
    answers = iter([as_it_was, taken])
    monkeypatch.setattr(end.provider, "look_up", lambda *_: next(answers))
    end.simulator.clock.move(700)  # another name than the first one asked under

    assert end.provider.capture(request.reference, ref) == taken
    assert asked(end, "orders.capture")[-1]["answer"]["details"][0]["issue"] == "ORDER_ALREADY_CAPTURED"


def test_an_answer_that_got_lost_is_not_paid_twice(end):
    request, ref = approved(end)
    end.simulator.faults.add({"fault": "drop_after_work", "match": f"/v2/checkout/orders/{ref}/capture"})

    with pytest.raises(ProviderUnavailable):
        end.provider.capture(request.reference, ref)

    assert end.provider.capture(request.reference, ref).state == "paid"


def test_a_declined_card_can_be_replaced_at_paypal(end):
    request, ref = approved(end, "decline")

    declined = end.provider.capture(request.reference, ref)
    end.simulator.do("pay", ref)
    taken = end.provider.capture(request.reference, ref)

    assert (declined.state, declined.awaits_money) == ("pending", False)
    assert (declined.error_code, "choose another" in declined.error_message) == ("instrument_declined", True)
    assert taken.state == "paid"


def test_an_order_that_ran_out_before_it_was_taken_has_failed(end, monkeypatch):
    request, ref = approved(end)
    as_it_was = end.provider.look_up(request.reference, ref)
    monkeypatch.setattr(end.provider, "look_up", lambda *_: as_it_was)
    end.simulator.do("expire", ref)

    state = end.provider.capture(request.reference, ref)

    assert (state.state, state.error_message) == ("failed", SENTENCES["order_expired"])


def test_a_problem_of_the_shop_s_own_is_nobody_s_decline(end):
    first, ref = approved(end)
    end.provider.capture(first.reference, ref)
    # The same invoice under another key: what happens when PayPal forgot the key.
    again, other = approved(end, version=2)

    with pytest.raises(ProviderRefused) as refused:
        end.provider.capture(again.reference, other)

    assert (refused.value.code, "debug id" in refused.value.detail) == ("duplicate_invoice_id", True)


def test_closing_takes_nothing_and_says_so(end):
    request, ref = approved(end)
    unpaid = a_request(reference="att-second")

    assert end.provider.expire(request.reference, ref).state == "expired"
    assert end.provider.expire(unpaid.reference, end.provider.start(unpaid).provider_ref).state == "expired"
    end.press("late", request, ref)
    on_its_way = end.provider.expire(request.reference, ref)
    assert (on_its_way.state, on_its_way.awaits_money, on_its_way.error_code) == ("pending", True, "echeck")


def test_an_order_paypal_forgot_is_not_found(end):
    request = a_request()
    ref = end.provider.start(request).provider_ref

    end.simulator.do("expire", ref)

    state = end.provider.look_up(request.reference, ref)
    assert (state.state, state.error_code) == ("unknown", "not_found")
    assert end.provider.expire(request.reference, ref) == state


def test_an_order_of_another_attempt_is_not_ours(end):
    ref = end.provider.start(a_request()).provider_ref

    assert end.provider.look_up("att-somebody-else", ref).error_code == "other_reference"
    assert end.provider.capture("att-somebody-else", ref).error_code == "other_reference"


def test_another_amount_than_asked_is_told_as_it_is(end):
    request, ref = approved(end, "wrong_amount")

    assert end.provider.capture(request.reference, ref).amount == Money(2099, "USD")


# Sending it back


def test_a_refund_bears_our_name_twice_and_is_known_when_paypal_forgot_its_key(end):
    request, ref = approved(end)
    end.provider.capture(request.reference, ref)
    refund = a_refund(end.provider, request, ref, amount=Money(500, "USD"), provider_payment_ref=None)

    sent = end.provider.refund(refund)
    end.later(46 * 24 * 3600)
    again = end.provider.refund(refund)

    first, second = asked(end, "captures.refund")
    assert (first["request_id"], first["params"]["custom_id"]) == (refund.reference, refund.reference)
    assert second["answer"]["details"][0]["issue"] == "DUPLICATE_INVOICE_ID"
    assert sent == again
    assert end.provider.look_up(request.reference, ref).refunded == Money(500, "USD")


def test_a_refund_that_fails_later_is_money_back_with_us(end):
    request, ref = approved(end)
    end.provider.capture(request.reference, ref)
    end.simulator.account.refunds_are = "PENDING"
    refund = a_refund(end.provider, request, ref)

    sent = end.provider.refund(refund)
    on_its_way = end.provider.look_up(request.reference, ref)
    end.simulator.account.finish_refund(sent.provider_ref, "FAILED")

    failed = end.provider.look_up_refund(refund, sent.provider_ref)
    state = end.provider.look_up(request.reference, ref)
    event = end.provider.read_webhook(*end.message(request))
    assert (sent.state, on_its_way.refunded) == ("pending", Money(0, "USD"))
    assert (failed.state, failed.error) == ("failed", "PayPal could not send the money back.")
    assert (state.refunded, state.refunds) == (Money(0, "USD"), (failed,))
    assert (event.subject, event.refund, event.reference) == ("refund", failed, None)


def test_a_disputed_payment_is_not_refunded_in_part(end):
    request, ref = approved(end)
    end.provider.capture(request.reference, ref)
    end.simulator.do("dispute", ref)

    with pytest.raises(ProviderRefused) as refused:
        end.provider.refund(a_refund(end.provider, request, ref, amount=Money(500, "USD")))

    assert refused.value.sentence == SENTENCES["transaction_disputed"]


def test_money_a_bank_took_is_a_lost_dispute_and_no_refund(end):
    request, ref = approved(end)
    paid = end.provider.capture(request.reference, ref)
    end.provider.refund(a_refund(end.provider, request, ref, amount=Money(500, "USD")))

    end.simulator.do("reverse", ref)

    event = end.provider.read_webhook(*end.message(request))
    state = end.provider.look_up(request.reference, ref)
    lost = DisputeState("lost", paid.provider_payment_ref, Money(1499, "USD"), "chargeback")
    assert (state.state, state.refunded, state.disputes) == ("paid", Money(500, "USD"), (lost,))
    assert event.dispute == replace(lost, reason="reversed")
    assert event.provider_payment_ref == paid.provider_payment_ref


def test_an_amount_paypal_cannot_write_is_refused_before_it_is_sent(end):
    request, ref = approved(end, amount=Money(50_000, "HUF"))
    end.provider.capture(request.reference, ref)

    with pytest.raises(ProviderRefused) as refused:
        end.provider.refund(a_refund(end.provider, request, ref, amount=Money(50, "HUF")))

    assert (refused.value.code, asked(end, "captures.refund")) == ("decimal_precision", [])


# Bad days


@pytest.mark.parametrize("fault", ["hang", "drip", "drop", "drop_after_work", "truncated", "html", "500"])
def test_after_an_unknown_outcome_the_same_request_opens_no_second_order(end, fault):
    end.simulator.faults.add({"fault": fault, "match": "/v2/"})
    with pytest.raises(ProviderUnavailable) as trouble:
        end.provider.start(a_request())

    step = end.provider.start(a_request())

    assert trouble.value.outcome_unknown
    assert [one["id"] for one in end.simulator.account.orders()] == [step.provider_ref]


def test_two_clicks_at_once_are_given_one_order(end):
    end.simulator.faults.add({"fault": "slow", "match": "/v2/", "seconds": 0.25})

    with ThreadPoolExecutor(2) as clicks:
        first, second = clicks.map(lambda _: end.provider.start(a_request()), range(2))

    assert first == second
    assert len(end.simulator.account.orders()) == 1


@pytest.mark.parametrize("fault", ["hang", "500", "429", "html"])
def test_without_a_token_nothing_can_have_happened(end, fault):
    end.simulator.faults.add({"fault": fault, "match": "/v1/oauth2/token"})

    with pytest.raises(ProviderUnavailable) as trouble:
        end.provider.start(a_request())

    assert not trouble.value.outcome_unknown


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"id": 7}', b'{"id": "O1", "purchase_units": 3}', b'{"purchase_units": [{}], "links": [1]}']
)
def test_an_answer_that_makes_no_sense_is_no_answer(end, monkeypatch, answer):
    request, ref = approved(end)
    monkeypatch.setattr(end.simulator, "answer", lambda *_args: Response(answer, mimetype="application/json"))

    for call in (end.provider.look_up, end.provider.capture, end.provider.expire):
        try:
            assert call(request.reference, ref).state == "unknown"
        except ProviderUnavailable:
            continue
    with pytest.raises(ProviderUnavailable):
        end.provider.start(request)


# The list


def test_the_list_holds_payments_of_a_time_with_our_names(end):
    paid, ref = approved(end)
    end.provider.capture(paid.reference, ref)
    end.provider.refund(a_refund(end.provider, paid, ref, amount=Money(500, "USD")))
    late, other = approved(end, "late", reference="att-late-one")
    end.provider.capture(late.reference, other)
    now = datetime.now(UTC)

    rows = list(end.provider.list_payments(now - timedelta(days=40), now + timedelta(minutes=1)))
    nothing = list(end.provider.list_payments(now - timedelta(days=3), now - timedelta(days=2)))

    assert {(row.reference, row.state.state, row.state.provider_ref) for row in rows} == {
        (paid.reference, "paid", ref),
        (late.reference, "pending", other),
    }
    assert {row.state.amount for row in rows} == {Money(1999, "USD")}
    assert len(rows) == len(asked(end, "search.get")) - 1 == 2  # in two reports of at most a month
    assert nothing == []


def test_an_app_that_may_not_search_says_what_to_switch_on(end):
    end.simulator.reports = False

    with pytest.raises(NotConfigured, match="features"):
        next(end.provider.list_payments(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC)))
