"""A refund on its way is asked after by its own name: not every provider tells of its refunds with the payment."""

import pytest
from sqlalchemy import select

from app.checkout import services as checkout
from app.lib.db import session
from app.lib.outbox import Outbox
from app.orders.services import Actor
from app.payments import polling, queries, refunds, services
from app.payments.models import Attempt, Refund
from tests.factories import an_order
from tests.payments.giving_back import refund_order

GRACE = Actor("Grace")


@pytest.fixture
def on_its_way(app, stripe):
    """A refund the provider has begun, of an order that was paid."""
    stripe.account.refunds_are = "pending"
    order = an_order()
    checkout.start_payment(order.number, "stripe")
    (attempt,) = queries.attempts_of(order.id)
    stripe.do("pay", attempt.provider_ref)
    services.check(attempt.reference, channel="poller")
    (refund,) = refund_order(order.number, order.total, "Broken", GRACE)
    refunds.send(refund.id)
    yield refund.id
    stripe.account.refunds_are = "succeeded"


def state_of(refund_id):
    session().expire_all()
    refund = session().get(Refund, refund_id)
    return refund.state, refund.provider_ref


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_it_is_asked_after_and_never_sent_again(on_its_way, stripe, end):
    state, name = state_of(on_its_way)
    stripe.account.finish_refund(name, end)
    stripe.requests.clear()

    refunds.send(on_its_way)

    assert (state, state_of(on_its_way)) == ("pending", (end, name))
    assert [request["operation"] for request in stripe.requests] == ["refunds.retrieve"]


def test_a_refund_that_is_not_found_by_its_name_is_left_as_it_is(on_its_way, stripe):
    refund = session().get(Refund, on_its_way)
    refund.provider_ref = "re_nobody_knows"
    session().commit()

    before = len(stripe.account.all("re"))

    refunds.send(on_its_way)

    assert state_of(on_its_way) == ("pending", "re_nobody_knows")
    assert len(stripe.account.all("re")) == before


def poll(refund_id):
    """What the poller sends for this refund beside its first job."""
    session().query(Attempt).update({"check_at": Attempt.created_at})
    session().commit()
    polling.poll()
    return session().scalars(select(Outbox.payload).where(Outbox.key == f"send-refund:{refund_id}:1")).all()


def test_the_poller_has_it_asked_after(on_its_way):
    session().query(Outbox).filter(Outbox.key == f"send-refund:{on_its_way}").update({"done_at": Outbox.created_at})

    assert poll(on_its_way) == [{"refund_id": on_its_way}]


def test_while_its_first_job_waits_there_is_no_second(on_its_way):
    """Two workers would both ask a provider without keys, hear of nothing, and both send."""
    assert poll(on_its_way) == []
