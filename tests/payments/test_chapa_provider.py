"""What is true of Chapa alone: its words and units, pages that are closed, refunds by name, its bad days."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.config import load
from app.lib.money import Money
from app.payments.providers.base import (
    NotConfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from app.payments.providers.chapa import ChapaProvider, configured
from app.payments.providers.chapa_objects import complaint, local_phone, new_transaction, payment_state, refund_state
from app.payments.providers.reading import Unreadable, decimal_money

from .ends import a_refund, a_request
from .ends_chapa import HASH, KEY, ChapaEnd

pytestmark = pytest.mark.pure


@pytest.fixture
def end() -> Iterator[ChapaEnd]:
    end = ChapaEnd.open()
    yield end
    end.stop()


def paid(end, **changes):
    """A paid request; Chapa's name for it is our reference."""
    request = a_request(**changes)
    end.provider.start(request)
    end.press("pay", request, request.reference)
    return request


def without_network(*secrets):
    return ChapaProvider(KEY, secrets or (HASH,))


# What Chapa is asked


def test_a_page_is_asked_for_in_chapa_s_words(end):
    request = a_request(
        amount=Money(40_050, "ETB"), name="Ada Lovelace King", phone="+251 911 22 33 44", description="Order: SO-7KQ2/ü"
    )

    end.provider.start(request)

    assert end.simulator.requests[-1]["params"] == {
        "amount": "400.50",
        "currency": "ETB",
        "tx_ref": request.reference,
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace King",
        "phone_number": "0911223344",
        "callback_url": request.return_url,
        "return_url": request.return_url,
        "customization": {"title": "Order SO-7KQ2", "description": "Order SO-7KQ2"},
    }


@pytest.mark.parametrize(
    ("phone", "local"),
    [
        ("+251911223344", "0911223344"),
        ("00251711223344", "0711223344"),
        ("0911-22 33 44", "0911223344"),
        ("+254711223344", ""),
        ("0811223344", ""),
        ("091122334", ""),
        ("", ""),
    ],
)
def test_only_an_ethiopian_mobile_number_is_told(phone, local):
    assert local_phone(phone) == local
    assert ("phone_number" in new_transaction(a_request(phone=phone))) is bool(local)


def test_a_long_order_number_does_not_make_the_title_too_long():
    title = new_transaction(a_request(order_number="SO-2026-0000012345"))["customization"]["title"]

    assert (title, len(title)) == ("Order SO-2026-00", 16)


def test_an_address_chapa_does_not_like_costs_no_sale(end):
    request = a_request(email="ada@localhost")

    step = end.provider.start(request)

    assert step.url.startswith(end.simulator.base_url)
    assert "email" not in end.simulator.requests[-1]["params"]


@pytest.mark.parametrize(
    ("amount", "is_offered"),
    [(Money(1, "ETB"), True), (Money(1999, "USD"), True), (Money(1999, "KES"), False), (Money(0, "ETB"), False)],
)
def test_only_birr_and_dollars_are_offered(amount, is_offered):
    assert without_network().supports(amount, "ET") is is_offered
    if not is_offered:
        with pytest.raises(ProviderRefused):
            without_network().start(a_request(amount=amount))


# A start whose answer was lost, and pages that are closed


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


def test_a_page_whose_address_was_lost_but_that_was_paid_leads_back_to_us(end):
    request = paid(end)

    assert end.provider.start(request).url == request.return_url


def test_a_page_is_closed_once_and_is_closed_however_often_it_is_asked(end):
    request = a_request()
    end.provider.start(request)

    first = end.provider.expire(request.reference, request.reference)
    again = end.provider.expire(request.reference, request.reference)

    assert (first.state, first.amount) == ("expired", request.amount)
    assert again.state == "cancelled"


def test_a_prompt_that_was_under_way_can_still_bring_money(end):
    request = a_request()
    end.provider.start(request)
    end.press("late", request, request.reference)

    closed = end.provider.expire(request.reference, request.reference)
    end.later(10)

    assert (closed.state, closed.awaits_money) == ("pending", True)
    assert end.provider.look_up(request.reference, None).state == "paid"


def test_another_attempt_s_payment_is_not_ours(end):
    request = paid(end)

    state = end.provider.look_up("att-somebody-else", request.reference)

    assert (state.state, state.error_code) == ("unknown", "other_reference")


# What Chapa says


PAYMENT = {
    "tx_ref": "att-1",
    "reference": "AP0001",
    "amount": "400.00",
    "currency": "ETB",
    "mode": "test",
    "status": "success",
}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("success", "paid"),
        ("refunded", "paid"),
        ("reversed", "paid"),
        ("pending", "pending"),
        ("failed", "failed"),
        ("failed/cancelled", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_every_word_of_chapa_has_its_meaning(status, state):
    found = payment_state(PAYMENT | {"status": status})

    assert (found.state, found.amount) == (state, Money(40_000, "ETB"))
    assert (found.refunded == found.amount) is (status in ("refunded", "reversed"))


@pytest.mark.parametrize("change", [{"status": "brand-new"}, {"amount": "many"}, {"tx_ref": 7}, {"currency": ""}])
def test_what_cannot_be_understood_is_no_state_at_all(change):
    with pytest.raises(Unreadable):
        payment_state(PAYMENT | change)


@pytest.mark.parametrize("written", [400, "400", "400.0", "400.00", "400.000"])
def test_the_same_amount_may_be_written_in_many_ways(written):
    assert decimal_money(written, "etb") == Money(40_000, "ETB")


@pytest.mark.parametrize("written", [400.0, True, "400,00", "4e2", "-400", "400.001", "", None])
def test_an_amount_is_never_guessed(written):
    with pytest.raises(Unreadable):
        decimal_money(written, "ETB")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Payment not paid yet", "Payment not paid yet"),
        (
            {"amount": ["validation.required"], "email": ["validation.email"]},
            "amount: validation.required; email: validation.email",
        ),
        (None, ""),
        ([["deep"]], ""),
        ({"amount": {"deep": 1}}, "amount: "),
    ],
)
def test_a_complaint_may_have_any_shape(message, line):
    assert complaint({"message": message}) == line


# Refunds


def test_a_refund_whose_answer_was_lost_is_not_made_again(end):
    request = paid(end)
    refund = a_refund(end.provider, request, request.reference, amount=Money(500, "USD"))
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/v1/refund"})

    with pytest.raises(ProviderUnavailable):
        end.provider.refund(refund)
    again = end.provider.refund(refund)

    assert [one["amount"] for one in end.simulator.account.refunds()] == [5]
    assert (again.state, again.provider_ref, again.reference) == ("pending", "", refund.reference)


def test_a_refund_of_everything_is_known_to_be_done_even_without_its_name(end):
    request = paid(end)
    refund = a_refund(end.provider, request, request.reference)
    end.provider.refund(refund)

    before = end.provider.look_up_refund(refund, None)
    end.later(10)
    after = end.provider.look_up_refund(refund, None)

    assert before is None
    assert (after.state, after.reference, after.amount) == ("succeeded", refund.reference, request.amount)


@pytest.mark.parametrize(
    ("ends", "state"), [("refunded", "succeeded"), ("reversed", "failed"), ("processing", "pending")]
)
def test_a_refund_takes_its_time_and_has_its_own_end(end, ends, state):
    request = paid(end)
    refund = a_refund(end.provider, request, request.reference, amount=Money(500, "USD"))
    sent = end.provider.refund(refund)
    end.simulator.account.refunds_end = ends

    end.later(10)

    found = end.provider.look_up_refund(refund, sent.provider_ref)
    assert (found.state, found.amount, found.error != "") == (state, refund.amount, state == "failed")


def test_a_refund_chapa_never_heard_of_is_none(end):
    request = paid(end)

    assert end.provider.look_up_refund(a_refund(end.provider, request, request.reference), "MERC-DIS-REF-0") is None


def test_chapa_s_own_name_for_a_payment_is_tried_when_it_does_not_know_ours(end):
    request = paid(end)
    refund = a_refund(end.provider, request, request.reference)

    sent = end.provider.refund(replace(refund, attempt_reference="att-under-another-name"))

    assert sent.state == "pending"


@pytest.mark.parametrize(
    "words", [{"ref": "R1", "status": "Refund Initiated"}, {"ref_id": "R1", "status": "initiated"}]
)
def test_both_ways_in_which_chapa_writes_a_refund_are_read(words):
    assert refund_state(words, "ref-1", Money(5, "ETB")).provider_ref == "R1"


# The list


def test_the_list_is_read_until_it_is_too_old(end):
    for number in range(25):
        paid(end, reference=f"att-{number}", amount=Money(100 + number, "ETB"))
    now = datetime.fromtimestamp(end.simulator.clock.now(), UTC)

    listed = list(end.provider.list_payments(now - timedelta(hours=1), now + timedelta(hours=1)))
    end.simulator.requests.clear()
    later = list(end.provider.list_payments(now + timedelta(hours=1), now + timedelta(hours=2)))

    assert {(one.reference, one.state.amount.minor) for one in listed} == {(f"att-{n}", 100 + n) for n in range(25)}
    assert all(one.state.provider_payment_ref.startswith("AP") for one in listed)
    assert (later, len(end.simulator.requests)) == ([], 1)


# Bad days and keys


@pytest.mark.parametrize(
    ("fault", "error", "outcome_unknown"),
    [
        ("drop", ProviderUnavailable, True),
        ("500", ProviderUnavailable, True),
        ("html", ProviderUnavailable, True),
        ("429", ProviderUnavailable, False),
        ("401", NotConfigured, None),
    ],
)
def test_a_bad_day_becomes_one_of_our_errors(end, fault, error, outcome_unknown):
    end.simulator.faults.add({"fault": fault, "times": -1})

    for ask in (end.provider.start, lambda request: end.provider.look_up(request.reference, None)):
        with pytest.raises(error) as raised:
            ask(a_request())

        assert getattr(raised.value, "outcome_unknown", None) is outcome_unknown
        assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CHAPA_SECRET_KEY": KEY}, "CHAPA_WEBHOOK_SECRET is not"),
        ({"CHAPA_WEBHOOK_SECRET": HASH}, "CHAPA_SECRET_KEY is not"),
        ({"CHAPA_SECRET_KEY": "CHAPUBK_TEST-1", "CHAPA_WEBHOOK_SECRET": HASH}, "must begin with CHASECK"),
    ],
)
def test_half_of_the_settings_is_a_sentence(settings, words):
    with pytest.raises(NotConfigured, match=words):
        configured(load(settings))


def test_both_settings_are_a_provider_and_none_is_none():
    provider = configured(load({"CHAPA_SECRET_KEY": "CHASECK-live", "CHAPA_WEBHOOK_SECRET": HASH}))

    assert (provider.test, provider.form_action_origins) == (False, ("https://checkout.chapa.co",))
    assert configured(load({})) is None
