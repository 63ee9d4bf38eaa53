"""The same stories about every provider. Whoever adds a provider adds its other end here, and no story."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.lib.money import Money
from app.payments.providers.base import BadSignature, PaymentRequest, ProviderRefused

from .ends import DemoEnd, OtherEnd, StripeEnd, a_refund, a_request
from .ends_chapa import ChapaEnd
from .ends_mpesa import MpesaEnd
from .ends_paypal import PayPalEnd
from .ends_paystack import PaystackEnd

pytestmark = pytest.mark.pure


@pytest.fixture(
    params=[StripeEnd, PayPalEnd, ChapaEnd, PaystackEnd, MpesaEnd, DemoEnd],
    ids=["stripe", "paypal", "chapa", "paystack", "mpesa", "demo"],
)
def end(request: pytest.FixtureRequest) -> Iterator[OtherEnd]:
    end = request.param.open()
    yield end
    end.stop()


def asked(end: OtherEnd, **changes: Any) -> PaymentRequest:
    """Ada's order, at a price this provider takes."""
    return a_request(**{"amount": end.price, **changes})


def of(end: OtherEnd, minor: int) -> Money:
    """So much in the money of this provider's stories."""
    return Money(minor, end.price.currency)


def only_if(able: bool, reason: str) -> None:
    if not able:
        pytest.skip(reason)


def test_starting_twice_opens_one_payment(end):
    only_if(end.provider.start_repeats, "Asked twice, it would be done twice.")
    request = asked(end)

    first = end.provider.start(request)

    if end.same_page:
        assert end.provider.start(request) == first
    else:
        with pytest.raises(ProviderRefused) as refused:
            end.provider.start(request)
        assert refused.value.retryable  # under another name; the page of this one nobody can find again
    assert (first.kind, first.url != "") == ("redirect", True)
    assert end.provider.look_up(request.reference, first.provider_ref).state == "pending"


def test_other_content_under_the_same_version_is_refused(end):
    only_if(end.provider.start_repeats, "Asked twice, it would be done twice.")
    request = asked(end)
    end.provider.start(request)

    with pytest.raises(ProviderRefused) as refused:
        end.provider.start(asked(end, amount=end.price + end.price))

    assert refused.value.code == end.other_content


def test_a_payment_is_found_by_our_reference_when_the_answer_was_lost(end):
    only_if(end.searches, "Without its own name for it, this provider finds nothing.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    state = end.provider.look_up(request.reference, None)

    assert (state.state, state.provider_ref) == ("paid", step.provider_ref)


def test_a_payment_nobody_started_is_unknown(end):
    state = end.provider.look_up("att-nobody", None)

    assert (state.state, state.error_code) == ("unknown", "not_found")


@pytest.mark.parametrize("which", range(3))
def test_a_paid_payment_says_exactly_what_was_asked(end, which):
    only_if(which < len(end.exact), "This provider has no such amount, or says none.")
    amount = end.exact[which]
    request = asked(end, amount=amount)
    step = end.provider.start(request)

    end.press("pay", request, step.provider_ref)

    state = end.provider.look_up(request.reference, step.provider_ref)
    assert (state.state, state.amount) == ("paid", amount)
    assert state.refunded == (Money(0, amount.currency) if end.names_refunds else None)
    assert state.provider_payment_ref


def test_a_declined_card_is_told_in_words(end):
    request = asked(end)
    step = end.provider.start(request)

    end.press("decline", request, step.provider_ref)

    state = end.provider.look_up(request.reference, step.provider_ref)
    assert state.state in ("pending", "failed")
    assert state.error_message == end.decline


def test_late_money_is_on_its_way_and_then_there(end):
    request = asked(end)
    step = end.provider.start(request)

    end.press("late", request, step.provider_ref)
    at_once = end.provider.look_up(request.reference, step.provider_ref)
    end.later(10)
    then = end.provider.look_up(request.reference, step.provider_ref)

    assert (at_once.state, at_once.awaits_money) == ("pending", True)
    assert (then.state, then.awaits_money) == ("paid", False)


def test_an_unpaid_payment_runs_out(end):
    request = asked(end)
    step = end.provider.start(request)

    end.later(end.lifetime)

    assert end.provider.look_up(request.reference, step.provider_ref).state in ("expired", "cancelled")


def test_a_closed_payment_cannot_be_paid(end):
    only_if(end.closes, "What is open at this provider cannot be closed.")
    request = asked(end)
    step = end.provider.start(request)

    closed = end.provider.expire(request.reference, step.provider_ref)

    assert closed.state == "expired"
    with pytest.raises(Exception, match="cannot be paid"):
        end.press("pay", request, step.provider_ref)


def test_closing_a_paid_payment_tells_that_it_was_paid(end):
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    assert end.provider.expire(request.reference, step.provider_ref).state == "paid"


def test_a_refund_asked_twice_goes_back_once(end):
    only_if(end.provider.can_refund, "Money goes back by hand.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    refund = a_refund(end.provider, request, step.provider_ref, amount=of(end, 500))

    first, again = end.provider.refund(refund), end.provider.refund(refund)
    end.later(10)
    then = end.provider.look_up_refund(refund, first.provider_ref)

    state = end.provider.look_up(request.reference, step.provider_ref)
    assert again == (first if end.names_refunds else replace(first, provider_ref=""))
    assert (first.state, first.reference) == (end.refunds_begin, refund.reference)
    assert then == replace(first, state="succeeded")
    if end.names_refunds:
        assert state.refunded == of(end, 500)
        assert state.refunds == (then,)


def test_more_than_what_is_left_is_never_sent_back(end):
    only_if(end.provider.can_refund, "Money goes back by hand.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    end.provider.refund(a_refund(end.provider, request, step.provider_ref, amount=of(end, 1500)))

    with pytest.raises(ProviderRefused):
        end.provider.refund(a_refund(end.provider, request, step.provider_ref, amount=of(end, 500), reference="ref-2"))

    end.later(10)
    assert end.provider.look_up(request.reference, step.provider_ref).refunded in (of(end, 1500), None)


def test_an_unpaid_payment_has_nothing_to_refund(end):
    only_if(end.provider.can_refund, "Money goes back by hand.")
    request = asked(end)
    step = end.provider.start(request)

    with pytest.raises(ProviderRefused):
        end.provider.refund(a_refund(end.provider, request, step.provider_ref))


def test_a_refund_is_found_by_our_reference_when_the_answer_was_lost(end):
    only_if(end.provider.can_refund, "Money goes back by hand.")
    only_if(end.names_refunds, "This provider has no list of refunds; it takes the name of each once.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    refund = a_refund(end.provider, request, step.provider_ref)

    before = end.provider.look_up_refund(refund, None)
    sent = end.provider.refund(refund)
    after = end.provider.look_up_refund(refund, None)

    assert (before, after) == (None, sent)


def test_a_refund_made_at_the_provider_shows_up(end):
    only_if(end.provider.can_refund, "Money goes back by hand.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    end.press("refund", request, step.provider_ref)

    state = end.provider.look_up(request.reference, step.provider_ref)
    headers, body = end.message(request)
    event = end.provider.read_webhook(headers, body)
    assert state.refunded == request.amount
    assert [refund.reference for refund in state.refunds] == ([None] if end.names_refunds else [])
    assert (event.subject, event.claims.refunded) == ("refund", request.amount)


def test_a_message_says_which_payment_and_what_it_claims(end):
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)

    headers, body = end.message(request)
    event = end.provider.read_webhook(headers, body, "" if end.signs else request.reference)

    assert (event.subject, event.reference, event.provider_ref) == (
        "payment",
        request.reference,
        step.provider_ref,
    )
    assert (event.claims.state, event.claims.amount) == ("paid", request.amount)


def test_one_changed_byte_makes_a_message_worthless(end):
    only_if(end.signs, "This provider signs nothing.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    headers, body = end.message(request)

    with pytest.raises(BadSignature):
        end.provider.read_webhook(headers, body[:-2] + bytes([body[-2] ^ 1]) + body[-1:])


def test_an_unsigned_message_is_worthless(end):
    only_if(end.signs, "This provider signs nothing.")
    with pytest.raises(BadSignature):
        end.provider.read_webhook({}, b"{}")


def test_the_names_of_headers_may_be_in_any_case(end):
    only_if(end.signs, "This provider signs nothing.")
    request = asked(end)
    step = end.provider.start(request)
    end.press("pay", request, step.provider_ref)
    headers, body = end.message(request)

    event = end.provider.read_webhook({name.upper(): value for name, value in headers.items()}, body)

    assert event.reference == request.reference


def test_a_new_version_of_an_attempt_may_ask_for_something_else(end):
    only_if(end.closes, "What is open at this provider cannot be closed.")
    request = asked(end)
    step = end.provider.start(request)
    end.provider.expire(request.reference, step.provider_ref)
    other = replace(asked(end, amount=of(end, 2500)), reference="att-second", version=2)

    step = end.provider.start(other)
    end.press("pay", other, step.provider_ref)

    assert end.provider.look_up(other.reference, step.provider_ref).amount == of(end, 2500)


def test_nothing_is_offered_for_nothing(end):
    assert not end.provider.supports(of(end, 0), "US")
    assert end.provider.supports(end.price, "US")
