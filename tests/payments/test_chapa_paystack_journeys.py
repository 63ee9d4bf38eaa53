"""An order paid at Chapa and at Paystack, sent back, paid too late: the whole way through the shop."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.checkout import endings
from app.checkout import services as checkout
from app.lib import runtime
from app.lib.db import db, session
from app.lib.errors import NotAllowed
from app.orders.services import Actor
from app.payments import polling, queries, refunds, services, staff_refunds, staff_services
from app.payments.models import Attempt
from app.payments.providers.base import ProviderUnavailable, RefundState
from tests.admin.desk import at_desk
from tests.factories import a_variant, an_order, order_named, stock_of
from tests.payments.byhand import open_issues
from tests.payments.ends_chapa import HASH, ChapaEnd
from tests.payments.ends_chapa import KEY as CHAPA_KEY
from tests.payments.ends_paystack import KEY as PAYSTACK_KEY
from tests.payments.ends_paystack import PaystackEnd
from tests.payments.giving_back import refund_order
from tests.races.meeting import assert_sound

GRACE = Actor("Grace")


@pytest.fixture(scope="module", params=[ChapaEnd, PaystackEnd], ids=["chapa", "paystack"])
def far_end(request):
    end = request.param.open()
    yield end
    end.stop()


@pytest.fixture
def end(far_end, app) -> Iterator[ChapaEnd | PaystackEnd]:
    """A shop that takes payments there."""
    usual = runtime.settings()
    base = far_end.simulator.base_url
    runtime.use(
        replace(
            usual,
            chapa_secret_key=CHAPA_KEY,
            chapa_webhook_secret=(HASH,),
            chapa_api_base=base,
            paystack_secret_key=(PAYSTACK_KEY,),
            paystack_api_base=base,
        )
    )
    far_end.simulator.told.clear()
    yield far_end
    runtime.use(usual)
    assert_sound()


def begun(end, order):
    """The order's payment, opened there; gives back what it asks for."""
    url = checkout.start_payment(order.number, end.provider.name)
    assert url.startswith(end.simulator.base_url)
    (attempt,) = queries.attempts_of(order.id)
    return services.request_of(order, attempt)


def told(end, browser, request):
    headers, body = end.message(request)
    answer = browser.post(f"/payments/{end.provider.name}/webhook", data=body, headers=headers)
    assert answer.status_code == 200


def state_of(order):
    session().expire_all()
    fresh = order_named(order.number)
    return fresh.status, queries.summary(fresh).state


def test_paid_by_a_message_and_sent_back_in_its_own_time(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    request = begun(end, order)
    end.press("pay", request, request.reference)

    told(end, browser, request)
    told(end, browser, request)
    run_jobs()
    paid = state_of(order)
    refund_order(order.number, order.total, "Broken", GRACE)
    run_jobs()
    sent = state_of(order)
    end.later(10)
    session().query(Attempt).update({"check_at": Attempt.created_at})
    session().commit()
    polling.poll()
    run_jobs()

    assert (paid, sent) == (("paid", "paid"), ("paid", "paid"))
    assert state_of(order) == ("paid", "refunded")
    assert len(end.simulator.account.refunds()) == 1


def test_a_forged_message_changes_nothing(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    request = begun(end, order)
    end.press("pay", request, request.reference)
    headers, body = end.message(request)

    forged = browser.post(f"/payments/{end.provider.name}/webhook", data=body + b" ", headers=headers | {"x": "y"})
    run_jobs()

    assert (forged.status_code, state_of(order)[0]) == (400, "pending")


def test_an_order_ends_in_time_and_money_that_comes_all_the_same_still_buys(end, browser, run_jobs):
    variant = a_variant(price=1999)
    order = an_order(variant)
    request = begun(end, order)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET hold_expires_at = now() - interval '1 minute'")
        connection.exec_driver_sql("UPDATE reservations SET expires_at = now() - interval '1 minute'")

    endings.expire(order.id)
    ended = state_of(order)[0]
    button = "pay_after_all" if end.closes else "pay"
    end.press(button, request, request.reference)
    told(end, browser, request)
    run_jobs()

    assert (ended, state_of(order)) == ("cancelled", ("paid", "paid"))
    assert stock_of(variant).reserved == 0


def test_a_page_whose_address_was_lost_gives_way_to_another(end, run_jobs):
    order = an_order(a_variant(price=1999))
    end.simulator.faults.add("drop_after_work")

    with pytest.raises(services.PaymentNotStarted):
        checkout.start_payment(order.number, end.provider.name)
    with pytest.raises(services.PaymentNotStarted):
        checkout.start_payment(order.number, end.provider.name)
    url = checkout.start_payment(order.number, end.provider.name)

    attempts = queries.attempts_of(order.id)
    assert [attempt.state for attempt in attempts] == ["failed", "pending"]
    assert url == attempts[-1].next_url


@pytest.mark.parametrize("far_end", [ChapaEnd], indirect=True)  # Paystack tells of its refunds by payment
def test_a_refund_whose_answer_was_lost_for_good_is_brought_to_a_person(end, browser, run_jobs):
    order = an_order(a_variant(price=1999))
    request = begun(end, order)
    end.press("pay", request, request.reference)
    services.check(request.reference, channel="poller")
    (refund,) = refund_order(order.number, order.money(500), "Broken", GRACE)
    end.simulator.faults.add({"fault": "drop_after_work", "match": "/v1/refund"})
    with pytest.raises(ProviderUnavailable):
        refunds.send(refund.id)
    run_jobs()

    a_day_later()
    polling.poll()
    run_jobs()
    a_day_later()
    polling.poll()
    with pytest.raises(NotAllowed, match="nobody waits"):
        staff_services.dealt_with(request.reference, "refund_unheard", "Looked at it", GRACE)
    waiting = open_issues()
    with pytest.raises(NotAllowed, match="asking the provider"):
        staff_refunds.give_up(refund.reference, GRACE)
    run_jobs()
    with pytest.raises(NotAllowed, match="is sending"):
        staff_refunds.sent_by_hand(refund.reference, "RF18 7", "Sent from the bank", GRACE)
    desk = at_desk(browser)
    assert 'id="give-up"' in desk.page(f"/admin/refunds/{refund.reference}")
    for _ in range(2):
        assert desk.post(f"/admin/refunds/{refund.reference}/give-up").status_code == 303
    given_up = open_issues()
    refunds.send(refund.id)
    staff_refunds.sent_by_hand(refund.reference, "RF18 7", "Sent from the bank", GRACE)
    staff_refunds.sent_by_hand(refund.reference, "RF18 7", "Sent from the bank", GRACE)

    assert (waiting, given_up) == (["refund_unheard"], ["refund_failed"])
    assert open_issues() == []
    assert state_of(order) == ("paid", "partially_refunded")
    assert [one["reference"] for one in end.simulator.account.refunds()].count(refund.reference) == 1
    refunds.record(refund.id, RefundState("succeeded", "CHAPA-7", refund.reference, order.money(500)))
    assert open_issues() == ["refund_twice"]


def a_day_later():
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE refunds SET created_at = created_at - interval '25 hours'")
        connection.exec_driver_sql("UPDATE payment_attempts SET check_at = created_at")
    session().rollback()
