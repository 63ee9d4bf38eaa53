"""An order paid at PayPal: approved, taken, sent back, disputed, or too late: the whole way through the shop."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.checkout import endings
from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import session
from app.orders.services import Actor
from app.payments import queries, services
from app.payments.models import Attempt, PaymentIssue, WebhookEvent
from tests.factories import a_variant, an_order, order_named
from tests.payments.ends_paypal import KEYS, PayPalEnd
from tests.payments.giving_back import refund_order
from tests.races.meeting import assert_sound

GRACE = Actor("Grace")


@pytest.fixture(scope="module")
def far_end() -> Iterator[PayPalEnd]:
    end = PayPalEnd.open()
    yield end
    end.stop()


@pytest.fixture
def end(far_end: PayPalEnd, app: Any) -> Iterator[PayPalEnd]:
    """A shop that takes payments there."""
    usual = runtime.settings()
    client_id, client_secret, webhook_id = KEYS
    runtime.use(
        replace(
            usual,
            paypal_client_id=client_id,
            paypal_client_secret=client_secret,
            paypal_webhook_id=webhook_id,
            paypal_api_base=far_end.simulator.base_url,
        )
    )
    far_end.simulator.told.clear()
    far_end.simulator.requests.clear()
    far_end.simulator.faults.clear()
    yield far_end
    runtime.use(usual)
    assert_sound()


def begun(order: Any) -> Attempt:
    """The order's payment, opened there."""
    checkout.start_payment(order.number, "paypal")
    return latest(order)


def latest(order: Any) -> Attempt:
    session().rollback()
    session().expire_all()
    return queries.attempts_of(order.id)[-1]


def post(end: PayPalEnd, browser: Any, which: int = -1, **changes: str) -> int:
    """Bring one of PayPal's messages; gives back the shop's answer."""
    body = json.dumps(end.simulator.told[which]).encode()
    headers = {**end.simulator.sign(body, False), "Content-Type": "application/json", **changes}
    return browser.post("/payments/paypal/webhook", data=body, headers=headers).status_code


def come_back(browser: Any, attempt: Attempt) -> Any:
    address = f"/payments/paypal/return?reference={attempt.reference}&token={attempt.provider_ref}&PayerID=ADA"
    return browser.get(address, follow_redirects=True)


def state_of(order: Any) -> tuple[str, str]:
    session().rollback()
    session().expire_all()
    fresh = order_named(order.number)
    return fresh.status, queries.summary(fresh).state


def captures(end: PayPalEnd) -> int:
    return sum(one.get("operation") == "orders.capture" for one in end.simulator.requests)


def test_approved_and_back_is_paid_and_messages_change_nothing_more(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("pay", attempt.provider_ref)

    page = come_back(browser, attempt)
    answers = [post(end, browser, which) for which in (0, 1, 1, 0)]
    run_jobs()

    assert (page.status_code, answers) == (200, [200] * 4)
    assert state_of(order) == ("paid", "paid")
    assert captures(end) == 1
    assert session().query(WebhookEvent).count() == 2


def test_a_browser_that_dies_after_approval_costs_nobody_the_order(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    end.simulator.do("pay", begun(order).provider_ref)

    post(end, browser)
    run_jobs()

    assert state_of(order) == ("paid", "paid")


def test_an_approval_that_comes_after_the_order_ended_takes_no_money(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    checkout.cancel(order.number, actor=GRACE, reason="Changed my mind", by_shopper=True)
    end.simulator.do("pay", attempt.provider_ref)

    post(end, browser)
    run_jobs()
    come_back(browser, attempt)

    assert (state_of(order)[0], latest(order).state, captures(end)) == ("cancelled", "expired", 0)


def test_an_approval_after_another_way_paid_takes_no_money(end, browser, run_jobs, stripe):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    checkout.start_payment(order.number, "stripe")
    card = latest(order)
    stripe.do("pay", card.provider_ref)
    services.check(card.reference, channel="poller")
    end.simulator.do("pay", attempt.provider_ref)

    post(end, browser)
    run_jobs()

    assert (state_of(order), captures(end)) == (("paid", "paid"), 0)


def test_money_for_another_amount_than_asked_is_never_taken(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("pay", attempt.provider_ref)
    unit = end.simulator.account.find(attempt.provider_ref)["purchase_units"][0]
    unit["amount"] = {"currency_code": "USD", "value": "0.01"}

    come_back(browser, attempt)

    assert (state_of(order)[0], latest(order).state, captures(end)) == ("pending", "expired", 0)


def test_a_declined_card_is_told_and_another_one_pays_at_the_same_page(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("decline", attempt.provider_ref)

    page = come_back(browser, attempt)
    again = checkout.start_payment(order.number, "paypal")
    end.simulator.do("pay", attempt.provider_ref)
    post(end, browser)
    run_jobs()

    assert "Go back to PayPal and choose another one" in page.text
    assert again.endswith(f"checkoutnow?token={attempt.provider_ref}")
    assert state_of(order) == ("paid", "paid")


def test_a_denied_payment_can_be_tried_again(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("deny", attempt.provider_ref)

    page = come_back(browser, attempt)
    second = begun(order)
    end.simulator.do("pay", second.provider_ref)
    come_back(browser, second)

    assert "PayPal declined this payment." in page.text
    assert second.provider_ref != attempt.provider_ref
    assert state_of(order) == ("paid", "paid")


def test_money_on_its_way_is_waited_for(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("late", attempt.provider_ref)
    come_back(browser, attempt)
    waiting = state_of(order)

    end.later(10)
    post(end, browser)
    run_jobs()

    assert (waiting, state_of(order)) == (("pending", "pending"), ("paid", "paid"))


def test_another_amount_than_asked_waits_for_a_person(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("wrong_amount", attempt.provider_ref)

    come_back(browser, attempt)

    assert state_of(order) == ("pending", "review")


def test_a_start_without_an_answer_is_repeated_and_opens_one_order(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/v2/checkout/orders"})
    with pytest.raises(services.PaymentNotStarted):
        checkout.start_payment(order.number, "paypal")

    url = checkout.start_payment(order.number, "paypal")

    mine = [
        one
        for one in end.simulator.account.orders()
        if one["purchase_units"][0]["custom_id"] == latest(order).reference
    ]
    assert [url.endswith(one["id"]) for one in mine] == [True]


def test_sent_back_in_parts_and_at_paypal_s_desk(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("pay", attempt.provider_ref)
    come_back(browser, attempt)

    refund_order(order.number, order.money(500), "Broken", GRACE)
    run_jobs()
    part = state_of(order)
    end.simulator.do("refund", attempt.provider_ref)
    post(end, browser)
    run_jobs()

    assert (part, state_of(order)) == (("paid", "partially_refunded"), ("paid", "refunded"))


def test_a_lost_case_is_counted_once_though_three_messages_tell_of_it(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("pay", attempt.provider_ref)
    come_back(browser, attempt)
    refund_order(order.number, order.money(500), "Broken", GRACE)
    run_jobs()

    end.simulator.do("dispute", attempt.provider_ref)
    end.simulator.do("lost", attempt.provider_ref)
    for which in (-1, -3, -2):
        post(end, browser, which)
        run_jobs()

    attempt = latest(order)
    assert [(one.kind, one.amount_minor) for one in attempt.refunds] == [
        ("refund", 500),
        ("dispute", attempt.captured_minor - 500),
    ]
    assert [(one.state, one.provider_ref) for one in attempt.disputes] == [("lost", attempt.provider_payment_ref)]
    assert session().query(PaymentIssue).filter_by(kind="dispute").count() == 1


def test_of_a_case_that_ends_with_a_part_only_that_part_is_gone(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    attempt = begun(order)
    end.simulator.do("pay", attempt.provider_ref)
    come_back(browser, attempt)
    end.simulator.do("dispute", attempt.provider_ref)
    post(end, browser)
    told = copy.deepcopy(end.simulator.told[-1])
    part = {"outcome_code": "ACCEPTED", "amount_refunded": {"currency_code": "USD", "value": "5.00"}}
    told["resource"] |= {"status": "RESOLVED", "dispute_outcome": part}
    end.simulator.told.append(told | {"id": "WH-part", "event_type": "CUSTOMER.DISPUTE.RESOLVED"})

    post(end, browser)
    run_jobs()

    assert [(one.kind, one.amount_minor) for one in latest(order).refunds] == [("dispute", 500)]


def test_messages_are_answered_by_what_can_be_known_about_them(end, browser):
    order = an_order(a_variant(price=1999))
    end.simulator.do("pay", begun(order).provider_ref)

    forged = post(end, browser, **{"PAYPAL-TRANSMISSION-SIG": "Zm9yZ2Vk"})
    unsigned = browser.post("/payments/paypal/webhook", data=b"{}").status_code
    end.simulator.faults.add({"fault": "500", "match": "/v1/notifications"})
    unsure = post(end, browser)

    assert (forged, unsigned, unsure) == (400, 400, 503)
    assert session().query(WebhookEvent).count() == 0
    assert post(end, browser) == 200


def test_an_order_nobody_approves_ends_in_time(end, run_jobs):
    order = an_order(a_variant(price=1999))
    begun(order)
    session().connection().exec_driver_sql("UPDATE orders SET hold_expires_at = now() - interval '1 minute'")
    session().connection().exec_driver_sql("UPDATE reservations SET expires_at = now() - interval '1 minute'")
    session().commit()

    endings.expire(order.id)

    assert (state_of(order)[0], latest(order).state) == ("cancelled", "expired")
