"""Money that goes back at Paystack: refunds without a key, and disputes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.lib.money import Money
from app.payments.providers.base import ON_A_PAGE, ProviderUnavailable
from app.payments.providers.paystack import PaystackProvider
from app.payments.providers.paystack_objects import dispute_state, refund_state
from app.payments.providers.reading import Unreadable

from .ends import a_refund, a_request
from .ends_paystack import KEY, PaystackEnd

pytestmark = pytest.mark.pure


@pytest.fixture
def end() -> Iterator[PaystackEnd]:
    end = PaystackEnd.open()
    yield end
    end.stop()


def paid(end, **changes):
    """A paid request; Paystack's name for it is our reference."""
    request = a_request(**changes)
    end.provider.start(request)
    end.press("pay", request, request.reference)
    return request


def test_a_refund_whose_answer_was_lost_is_found_before_another_is_asked_for(end):
    request = paid(end)
    refund = a_refund(end.provider, request, request.reference, amount=Money(500, "USD"))
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/refund", "times": 1})
    with pytest.raises(ProviderUnavailable):
        end.provider.look_up_refund(refund, None)
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/refund", "times": 1})
    with pytest.raises(ProviderUnavailable):
        end.provider.refund(refund)
    assert end.simulator.account.refunds() == []  # nobody asks for money before the list was read

    end.provider.refund(refund)
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/refund", "times": 1})
    with pytest.raises(ProviderUnavailable):
        end.provider.refund(refund)
    found = end.provider.refund(refund)

    assert [one["amount"] for one in end.simulator.account.refunds()] == [500]
    assert (found.state, found.reference) == ("pending", refund.reference)


def test_a_refund_is_found_among_those_of_other_payments(end):
    request, other = paid(end), paid(end, reference="att-other")
    refund = a_refund(end.provider, request, request.reference, amount=Money(500, "USD"))
    end.provider.refund(replace(refund, attempt_reference=other.reference, reference="ref-other"))

    assert end.provider.look_up_refund(refund, None) is None
    assert end.provider.look_up(request.reference, None).refunds == ()


def test_refunds_are_found_behind_a_hundred_others(end):
    request, many = paid(end), paid(end, reference="att-many", amount=Money(99_900, "USD"))
    refund = a_refund(end.provider, request, request.reference)
    end.provider.refund(refund)
    for number in range(120):
        end.simulator.account.refund({"transaction": many.reference, "amount": 5, "merchant_note": f"ref-{number}"})

    assert end.provider.look_up_refund(refund, None) is not None
    assert len(end.provider.look_up(many.reference, None).refunds) == 120


@pytest.mark.parametrize(
    ("ends", "state", "refunded"),
    [("processed", "succeeded", 1999), ("failed", "failed", 0), ("needs-attention", "pending", 0)],
)
def test_a_refund_takes_its_time_and_has_its_own_end(end, ends, state, refunded):
    request = paid(end)
    sent = end.provider.refund(a_refund(end.provider, request, request.reference))
    end.simulator.account.refunds_end = ends

    end.later(10)

    found = end.provider.look_up(request.reference, None)
    assert (sent.state, found.refunds[0].state, found.refunded) == ("pending", state, Money(refunded, "USD"))
    assert (found.refunds[0].error != "") is (ends != "processed")


def test_money_that_was_reversed_without_a_refund_is_gone_all_the_same(end):
    request = paid(end)
    end.simulator.account.find(request.reference)["status"] = "reversed"

    state = end.provider.look_up(request.reference, None)

    assert (state.state, state.refunded) == ("paid", request.amount)


@pytest.mark.parametrize("word", ["paid", None, ""])
def test_a_refund_with_an_unknown_word_is_no_refund(word):
    with pytest.raises(Unreadable):
        refund_state({"id": 1, "status": word, "amount": 1, "currency": "KES"})


# Disputes


@pytest.mark.parametrize(("button", "state"), [("dispute", "open"), ("won", "won"), ("lost", "lost")])
def test_a_dispute_is_told_and_can_be_asked_about(end, button, state):
    request = paid(end)

    end.press(button, request, request.reference)

    event = end.provider.read_webhook(*end.message(request))
    (found,) = end.provider.look_up(request.reference, None).disputes
    assert (event.subject, event.reference, event.dispute) == ("dispute", request.reference, found)
    assert (found.state, found.amount, found.reason) == (state, request.amount, "fraud")
    assert found.answer_by is not None


def test_a_payment_is_confirmed_although_nobody_answers_about_disputes(end):
    request = paid(end)
    end.simulator.faults.add({"fault": "500", "match": "/dispute", "times": -1})

    assert end.provider.look_up(request.reference, None).state == "paid"


def test_no_page_waits_to_hear_of_disputes(end):
    request = paid(end)
    hurried = PaystackProvider((KEY,), api_base=end.simulator.base_url, patience=ON_A_PAGE)
    end.press("dispute", request, request.reference)
    end.simulator.requests.clear()

    state = hurried.look_up(request.reference, None)

    assert (state.state, state.disputes) == ("paid", ())
    assert [one["operation"] for one in end.simulator.requests] == ["transaction_verify", "refund_list"]


def test_a_resolution_nobody_knows_is_left_to_a_person():
    dispute = {"id": 7, "status": "resolved", "resolution": "moon", "refund_amount": 5, "currency": "KES"}

    assert dispute_state(dispute).state == "open"
