"""Buying with a telephone: what the shopper reads, presses and may do next, with htmx and without."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.lib.db import session, transaction
from app.payments import polling
from app.payments.models import Attempt, PaymentIssue, WebhookEvent
from tests.factories import a_variant, order_named
from tests.journeys.shopping import Shopper, goes_to, number_of, path_of, states, words
from tests.payments.ends_mpesa import KeepingPhones
from tests.payments.phones import KENYA, deliver, ring, shop_in_kenya
from tests.races.meeting import assert_sound


@pytest.fixture(scope="module")
def server() -> Iterator[KeepingPhones]:
    phones = KeepingPhones()
    phones.start()
    yield phones
    phones.stop()


@pytest.fixture
def phones(server: KeepingPhones, app: Any) -> Iterator[KeepingPhones]:
    """M-Pesa's other end on a good day; every telephone is put down afterwards."""
    server.faults.clear()
    server.requests.clear()
    with shop_in_kenya(server):
        yield server
        assert_sound()
    server.clock.move(61)
    server.tick()
    server.told.clear()
    server.told_at.clear()


def pushes(phones: KeepingPhones) -> list[Any]:
    return [one for one in phones.requests if one["path"].startswith("/mpesa/stkpush/")]


def buys(browser: FlaskClient, *, htmx: bool = False, **changes: Any) -> str:
    """Ada puts a shirt for KES 400 into her cart and presses Pay; gives back the address of her order."""
    ada = Shopper(browser, htmx=htmx)
    ada.add(a_variant(price=40_000).sku)
    return path_of(goes_to(ada.place(**{**KENYA, "provider": "mpesa", **changes})))


def attempts() -> list[Attempt]:
    session().rollback()
    return list(session().scalars(select(Attempt).order_by(Attempt.id)))


@pytest.mark.parametrize("htmx", [False, True])
def test_the_page_of_the_order_waits_with_the_shopper(phones, browser, run_jobs, htmx):
    order = buys(browser, htmx=htmx)

    page = browser.get(order).text

    assert states(page) == ("pending", "pending")
    assert "We sent a payment request to 07•• ••• 678. Enter your M-Pesa PIN there to pay KES 400.00." in words(page)
    assert re.search(r"We wait for another (8\d|90) seconds\.", words(page))
    assert re.search(r'hx-get="/orders/\w+/status\?asked=1" hx-trigger="every 2s"', page)
    assert 'http-equiv="refresh" content="3;url=/orders/' in page
    phones.do("pay", ring(phones))
    answer = deliver(phones, browser)
    assert (answer.status_code, answer.json) == (200, {"ResultCode": 0, "ResultDesc": "Accepted"})
    run_jobs()
    fragment = browser.get(f"{order}/status?asked=3", htmx=True).text
    assert states(fragment) == ("paid", "paid")
    assert "hx-trigger" not in fragment and 'id="headline" hx-swap-oob' in fragment
    (attempt,) = attempts()
    assert attempt.provider_payment_ref == phones.phones.all()[0].receipt


def test_the_page_looks_more_seldom_and_then_asks_to_be_told(phones, browser):
    order = buys(browser)

    later = [browser.get(f"{order}/status?asked={n}", htmx=True).text for n in (0, 25, 32, 34)]

    assert [re.findall(r'hx-trigger="every (\d)s"', page) for page in later] == [["2"], ["3"], ["5"], []]
    assert "I have paid, check again" in later[-1] and "I have paid" not in later[0]


def test_a_callback_that_never_comes_is_no_matter(phones, browser):
    order = buys(browser)
    phones.do("pay", ring(phones))

    answer = browser.post(f"{order}/payments/check")

    assert goes_to(answer) == order
    assert states(browser.get(order).text) == ("paid", "paid")


def test_asking_again_while_the_phone_rings_says_that_there_is_no_news(phones, browser):
    order = buys(browser)

    browser.post(f"{order}/payments/check")

    page = browser.get(order).text
    assert "There is no news of the payment yet." in words(page)
    assert states(page) == ("pending", "pending")
    phones.faults.add({"fault": "drop", "match": "/mpesa/"})
    browser.post(f"{order}/payments/check")
    assert "There is no answer at the moment." in words(browser.get(order).text)


def test_the_poller_finds_out_by_itself(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("pay", ring(phones))
    _let_time_pass()

    polling.poll()
    run_jobs()

    assert states(browser.get(order).text) == ("paid", "paid")


@pytest.mark.parametrize("htmx", [False, True])
def test_who_cancelled_is_told_so_and_has_the_request_sent_again(phones, browser, run_jobs, htmx):
    order = buys(browser)
    phones.do("cancel", ring(phones))
    deliver(phones, browser)
    run_jobs()

    page = browser.get(order).text
    assert states(page) == ("pending", "failed")
    assert "You cancelled the request on your phone." in words(page)
    assert "Send the request again" in words(page) and "It goes to 07•• ••• 678 ." in words(page)
    again = dict(re.findall(r'name="(provider|payer_phone)" value="([^"]*)"', page.partition("send-again")[0]))
    answer = browser.post(f"{order}/payments", data=again, htmx=htmx)

    assert goes_to(answer) == order
    assert len(pushes(phones)) == 2
    phones.do("pay", ring(phones))
    deliver(phones, browser)
    run_jobs()
    assert states(browser.get(order).text) == ("paid", "paid")


def test_while_the_phone_rings_nothing_else_is_sent_and_no_other_way_is_opened(phones, browser):
    order = buys(browser)
    assert "Send the request again" not in words(browser.get(order).text)

    for provider in ("mpesa", "demo"):
        answer = browser.post(f"{order}/payments", data={"provider": provider, "payer_phone": "0700 000 000"})
        assert answer.status_code == 409
        assert "A payment request is on your phone" in words(answer.text)

    assert (len(pushes(phones)), len(attempts())) == (1, 1)


def test_who_cancelled_may_pay_another_way_although_nobody_told_us(phones, browser):
    order = buys(browser)
    phones.do("cancel", ring(phones))

    answer = browser.post(f"{order}/payments", data={"provider": "demo"})

    assert goes_to(answer).startswith("/payments/demo/")
    assert [one.state for one in attempts()] == ["cancelled", "pending"]


def test_two_clicks_at_once_make_the_phone_ring_once(phones, new_browser, at_once):
    browser = new_browser()
    order = buys(browser)
    phones.do("cancel", ring(phones))
    key = order_named(number_of(order)).key
    data = {"provider": "mpesa", "payer_phone": "0712345678", "key": key}

    at_once(*[lambda: new_browser().post(f"{order}/payments", data=data)] * 3)

    assert len(pushes(phones)) == 2
    assert [one.state for one in attempts()] == ["cancelled", "pending"]


def test_a_push_without_an_answer_is_never_sent_again_and_its_callback_finds_it(phones, browser, run_jobs):
    phones.faults.add({"fault": "drop_after_work", "match": "/mpesa/stkpush/"})
    order = buys(browser)

    page = browser.get(order).text
    assert "M-Pesa has not told us yet whether the request reached your phone." in words(page)
    browser.post(f"{order}/payments", data={"provider": "mpesa"})
    assert len(pushes(phones)) == 1
    (attempt,) = attempts()
    assert (attempt.state, attempt.provider_ref) == ("unknown", None)
    phones.do("pay", ring(phones))
    deliver(phones, browser)
    run_jobs()

    assert states(browser.get(order).text) == ("paid", "paid")
    assert attempts()[0].provider_ref == ring(phones)


def test_after_an_unanswered_push_another_way_is_open(phones, browser):
    phones.faults.add({"fault": "drop_after_work", "match": "/mpesa/stkpush/"})
    order = buys(browser)

    answer = browser.post(f"{order}/payments", data={"provider": "demo"})

    assert goes_to(answer).startswith("/payments/demo/")


def test_a_late_callback_of_money_is_not_dropped(phones, browser, run_jobs):
    order = buys(browser)
    name = ring(phones)
    phones.do("no_answer", name)
    deliver(phones, browser)
    run_jobs()
    assert states(browser.get(order).text) == ("pending", "failed")
    assert "nobody answered" in words(browser.get(order).text)

    phones.do("pay_after_all", name)
    deliver(phones, browser)
    run_jobs()

    assert states(browser.get(order).text) == ("paid", "paid")


def test_another_amount_in_a_callback_waits_for_a_person(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("pay", ring(phones))
    phones.told[-1] = phones.falsify(phones.told[-1], "wrong_amount")

    deliver(phones, browser)
    run_jobs()

    assert states(browser.get(order).text) == ("pending", "review")


@pytest.mark.parametrize("htmx", [False, True])
def test_a_number_that_is_none_is_refused_beside_its_field_and_kept(phones, browser, htmx):
    ada = Shopper(browser, htmx=htmx)
    ada.add(a_variant(price=40_000).sku)

    answer = ada.place(**{**KENYA, "provider": "mpesa", "payer_phone": "0612 345 678"})

    assert answer.status_code == 422
    assert "Enter the Kenyan number of the M-Pesa account" in words(answer.text)
    assert 'value="0612 345 678"' in answer.text and 'id="payer_phone-error"' in answer.text
    assert re.search(r'id="pay-mpesa" value="mpesa" checked', answer.text)
    assert (pushes(phones), attempts()) == ([], [])


def test_a_number_that_is_none_is_refused_on_the_page_of_the_order_too(phones, browser):
    order = buys(browser)
    phones.do("cancel", ring(phones))

    answer = browser.post(f"{order}/payments", data={"provider": "mpesa", "payer_phone": "12"})

    assert answer.status_code == 422
    assert "Enter the Kenyan number" in words(answer.text) and 'value="12"' in answer.text
    assert len(pushes(phones)) == 1


def test_the_number_typed_for_paying_is_the_one_that_rings(phones, browser):
    buys(browser, payer_phone="0110 123 456")

    assert pushes(phones)[0]["params"]["PhoneNumber"] == "254110123456"
    assert attempts()[0].payer_phone == "+254110123456"


def test_one_telephone_rings_five_times_an_hour_at_most(phones, browser):
    order = buys(browser)
    for _ in range(4):
        phones.do("cancel", ring(phones))
        browser.post(f"{order}/payments", data={"provider": "mpesa", "payer_phone": "0712345678"})
    phones.do("cancel", ring(phones))

    answer = browser.post(f"{order}/payments", data={"provider": "mpesa", "payer_phone": "+254 712 345 678"})

    assert answer.status_code == 409
    assert "This telephone number was asked 5 times within an hour." in words(answer.text)
    assert len(pushes(phones)) == 5


def test_an_amount_with_cents_is_not_offered_to_a_telephone(phones, browser):
    ada = Shopper(browser)
    ada.add(a_variant(price=40_050).sku)

    assert 'value="mpesa"' not in ada.browser.get("/checkout").text
    assert ada.place(**{**KENYA, "provider": "mpesa"}).status_code == 422


def test_a_prompt_nobody_ever_hears_of_again_ends(phones, browser, run_jobs):
    phones.faults.add({"fault": "drop_after_work", "match": "/mpesa/stkpush/"})
    order = buys(browser)
    _let_time_pass(minutes=40)

    polling.poll()
    run_jobs()

    assert states(browser.get(order).text) == ("pending", "failed")


def test_nothing_is_believed_that_comes_to_a_wrong_address(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("pay", ring(phones))
    right = path_of(phones.told_at[-1])
    reference, token = right.split("/")[-2:]
    wrong = [
        f"/payments/mpesa/webhook/{reference}/{token[:-1]}{'0' if token[-1] != '0' else '1'}",
        f"/payments/mpesa/webhook/{reference}/",
        f"/payments/mpesa/webhook/{reference}/{token}0",
        f"/payments/mpesa/webhook/att-aaaabbbbccccddddeeeeffffgg/{token}",
        f"/payments/stripe/webhook/{reference}/{token}",
        f"/payments/mpesa/webhook/{reference}/%F0%9F%92%A9",
    ]

    answers = [browser.post(path, data=b"{}").status_code for path in wrong]

    assert answers == [404] * 6
    assert browser.post("/payments/mpesa/webhook", data=b"{}").status_code == 400
    assert browser.post(right, data=b"nonsense").status_code == 400
    assert session().scalars(select(WebhookEvent)).all() == []
    run_jobs()
    assert states(browser.get(order).text) == ("pending", "pending")


def test_a_callback_about_another_push_speaks_of_no_payment(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("cancel", ring(phones))
    phones.told[-1]["Body"]["stkCallback"] |= {"CheckoutRequestID": "ws_CO_forged", "ResultCode": 0}

    assert deliver(phones, browser).status_code == 200
    run_jobs()

    session().rollback()
    assert session().scalars(select(WebhookEvent)).one().state == "orphan"
    assert attempts()[0].provider_payment_ref is None
    assert states(browser.get(order).text) == ("pending", "pending")


def test_a_success_nobody_can_confirm_pays_nothing_and_a_person_hears_of_it(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("cancel", ring(phones))
    items = {"Item": [{"Name": "Amount", "Value": 400}]}
    phones.told[-1]["Body"]["stkCallback"] |= {"ResultCode": 0, "CallbackMetadata": items}

    deliver(phones, browser)
    run_jobs()

    assert states(browser.get(order).text) == ("pending", "failed")
    message = session().scalars(select(WebhookEvent)).one()
    assert message.state == "failed"
    assert message.note == "It says that money came; asked about it, the provider says: cancelled."


def test_staff_hear_of_a_request_that_was_lost_also_on_the_order_s_own_number(phones, browser):
    order = buys(browser)
    phones.do("cancel", ring(phones))
    phones.faults.add({"fault": "drop_after_work", "times": 1, "match": "/mpesa/stkpush/"})
    browser.post(f"{order}/payments", data={"provider": "mpesa"})
    _let_time_pass(minutes=30)

    polling.ask(attempts()[-1].reference)

    assert (attempts()[-1].payer_phone, attempts()[-1].state) == ("+254712345678", "expired")
    assert session().scalars(select(PaymentIssue.kind)).all() == ["unheard"]


def test_the_same_callback_twice_is_one_message(phones, browser, run_jobs):
    order = buys(browser)
    phones.do("pay", ring(phones))

    assert [deliver(phones, browser).status_code for _ in range(2)] == [200, 200]
    run_jobs()

    assert len(session().scalars(select(WebhookEvent)).all()) == 1
    assert states(browser.get(order).text) == ("paid", "paid")


def test_a_request_on_the_phone_leaves_the_order_to_be_paid_at_the_door(phones, browser):
    with shop_in_kenya(phones, cash_on_delivery=("KE",)):
        order = buys(browser, provider="cash_on_delivery")
        browser.post(f"{order}/payments", data={"provider": "mpesa"})
        phones.do("cancel", ring(phones))
        deliver(phones, browser)
        page = browser.get(order).text

    assert {attempt.provider: attempt.state for attempt in attempts()}["cash_on_delivery"] == "pending"
    assert len(pushes(phones)) == 1
    assert "Nothing was paid on delivery." not in words(page)


def _let_time_pass(*, minutes: int = 1) -> None:
    """For the attempts there are: they began so many minutes earlier, and are due to be asked after."""
    now, by = datetime.now(UTC), timedelta(minutes=minutes)
    began = {"created_at": Attempt.created_at - by, "expires_at": Attempt.expires_at - by, "check_at": now}
    with transaction() as current:
        current.execute(update(Attempt).values(began))
