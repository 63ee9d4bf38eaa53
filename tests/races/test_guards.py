"""Guards that keep money single, each met with the guard and without: what only one of them stops is seen here.

Others stand beside their stories: the lock in settle() and the unique message in test_settling, what may be sent back
in test_refunds, one open payment page in test_checkout.
"""

import dataclasses
import itertools

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.payments import health, opening, polling
from app.payments import services as payments
from app.payments.payers import Payer
from app.payments.providers.mpesa import MpesaProvider
from app.payments.services import PaymentNotStarted
from tests.factories import a_variant, an_order
from tests.races.meeting import count
from tests.races.paying import PAST
from tests.races.stories import names_of

PAID = "SELECT count(*) FROM orders WHERE status = 'paid'"


def press_pay_twice(street):
    """The first answer is lost on its way; gives back how many pages were opened for the order."""
    with street.in_use():
        stripe = street.simulators["stripe"]
        before = len(stripe.account.all("cs"))
        number = an_order(a_variant()).number
        stripe.faults.add("drop_after_work")
        with pytest.raises(PaymentNotStarted):
            checkout.start_payment(number, "stripe")
        session().rollback()
        checkout.start_payment(number, "stripe")
        return len(stripe.account.all("cs")) - before


def test_pressing_again_after_a_lost_answer_leads_to_the_same_page(street):
    assert press_pay_twice(street) == 1


def test_guard_off_with_another_key_each_time_two_pages_can_be_paid(street, monkeypatch):
    original, number = opening.request_of, itertools.count(1)
    monkeypatch.setattr(opening, "request_of", lambda *of: dataclasses.replace(original(*of), version=next(number)))

    assert press_pay_twice(street) == 2


def one_payment_for_two_orders(street, monkeypatch):
    """M-Pesa gives two orders the same name for their payments, and one of them is paid."""
    with street.in_use(CURRENCY="KES", TAX_RATE="0"):
        shirt = a_variant(price=20000)
        first, second = (an_order(shirt, country="KE").number for _ in range(2))
        answers = []
        original = MpesaProvider.start

        def start(self, request):
            answers[:] = answers or [original(self, request)]
            return answers[0]

        monkeypatch.setattr(MpesaProvider, "start", start)
        checkout.start_payment(first, "mpesa", Payer(phone="0711000001"))
        street.simulators["mpesa"].do("pay", answers[0].provider_ref)
        try:
            checkout.start_payment(second, "mpesa", Payer(phone="0711000002"))
        finally:
            session().rollback()
            for number in (first, second):
                payments.check(names_of(number)[0], channel="poller")


def test_one_payment_pays_one_order_whatever_its_provider_calls_it(street, monkeypatch):
    with pytest.raises(IntegrityError):
        one_payment_for_two_orders(street, monkeypatch)

    assert count(PAID) == 1


def test_guard_off_without_the_unique_name_one_payment_pays_two_orders(street, monkeypatch, without):
    without("uq_payment_attempts_provider_provider_ref")

    one_payment_for_two_orders(street, monkeypatch)

    assert count(PAID) == 2


def probes(at_once):
    """How many of six go out to a provider that was away, when the pause is over."""
    for _ in range(health.MOST_FAILURES):
        health.failed("stripe", "No answer.", was_probe=False)
    health.ask_soon("stripe")
    return at_once(*[lambda: health.admit("stripe")] * 6).count(True)


def test_when_the_pause_is_over_one_call_finds_out_for_all(at_once):
    assert probes(at_once) == 1


def test_guard_off_without_the_claim_everybody_runs_into_a_provider_that_is_away(at_once, monkeypatch):
    monkeypatch.setattr(
        health, "PROBE", text("UPDATE provider_health SET failures = failures WHERE provider = :name RETURNING true")
    )

    assert probes(at_once) > 1


def test_a_phone_that_nobody_heard_of_again_is_a_matter_for_staff_until_the_money_is_heard_of(app, run_jobs, street):
    with street.in_use(CURRENCY="KES", TAX_RATE="0"):
        mpesa = street.simulators["mpesa"]
        number = an_order(a_variant(price=20000), country="KE").number
        mpesa.faults.add("drop_after_work")
        checkout.start_payment(number, "mpesa", Payer(phone="0722000001"))
        reference, _ = names_of(number)
        push = mpesa.phones.all()[0]
        callback = street.letters("mpesa", lambda: mpesa.do("pay", push.name))
        with transaction() as current:
            current.execute(text("UPDATE payment_attempts SET created_at = :past, expires_at = :past"), {"past": PAST})

        polling.ask(reference)
        waiting = count("SELECT count(*) FROM payment_issues WHERE kind = 'unheard' AND resolved_at IS NULL")
        callback[0].post(app)
        run_jobs()

        assert waiting == 1
        assert count(PAID) == 1
        assert count("SELECT count(*) FROM payment_issues WHERE resolved_at IS NULL") == 0
