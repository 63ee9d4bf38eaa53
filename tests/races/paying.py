"""Payments with the demo provider, whose page is a function call away."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import select, text, update

from app.checkout import services as checkout
from app.inventory.models import Reservation
from app.lib import jobs
from app.lib.db import db, session, transaction
from app.lib.outbox import lease_due
from app.orders.models import Order
from app.payments import demo_desk
from app.payments.models import Attempt, Payment
from app.payments.providers.base import PaymentState
from app.payments.providers.demo import DemoProvider, SignedEvent
from app.payments.queries import summary
from app.payments.registry import provider_named
from tests.factories import order_named


def open_payment(number: str) -> str:
    """Lead Ada to the demo page; gives back the attempt's reference."""
    return checkout.start_payment(number, "demo").rsplit("/", 1)[1]


def press_pay(number: str) -> str:
    """Ada pays; the shop has not heard of it yet."""
    reference = open_payment(number)
    demo_desk.choose(reference, "pay")
    session().rollback()
    return reference


def fact(reference: str) -> PaymentState:
    """What the demo provider says about the attempt."""
    state = _desk().look_up(reference, None)
    session().rollback()
    return state


def message(reference: str) -> SignedEvent:
    """The message the demo provider would post now."""
    event = _desk().signed_event(reference)
    session().rollback()
    return event


def _desk() -> DemoProvider:
    return cast(DemoProvider, provider_named("demo"))


def status_of(number: str) -> str:
    return order_named(number).status


def money_of(number: str) -> Any:
    """What the order's attempts come to now."""
    session().rollback()
    found = summary(order_named(number))
    session().rollback()
    return found


PAST = datetime(2026, 1, 1, tzinfo=UTC)


def let_hold_run_out(number: str) -> None:
    """An hour goes by for one order: its time is over, and no job has run."""
    with transaction() as current:
        order = order_named(number)
        order.hold_expires_at = PAST
        current.execute(update(Reservation).where(Reservation.order_id == order.id).values(expires_at=PAST))


def do_jobs(at_once: Callable[..., list[Any]], *, workers: int = 3) -> None:
    """Everything the outbox holds, by several workers at the same time."""

    def worker() -> None:
        while due := lease_due(db.engine, 30, most=2):
            for outbox_id, lease in due:
                jobs.run(outbox_id, lease)

    assert not any(at_once(*[worker] * workers))


def do_money_jobs() -> None:
    """Everything the outbox holds but its letters, which stay where they can be counted: drawing papers takes long."""
    while due := lease_due(db.engine, 30):
        topics = dict(session().execute(TOPICS, {"ids": [outbox_id for outbox_id, _ in due]}).all())
        session().rollback()
        for outbox_id, lease in due:
            if not topics[outbox_id].startswith("orders.mail"):
                jobs.run(outbox_id, lease)


TOPICS = text("SELECT id, topic FROM outbox WHERE id = ANY(:ids)")


def read_without_lock(reference: str) -> tuple[Order, Attempt]:
    """An attempt and its order as `settlement.locked` gives them, but anybody may change them meanwhile."""
    attempt = session().scalars(select(Attempt).where(Attempt.reference == reference)).one()
    order_id = session().scalars(select(Payment.order_id).where(Payment.id == attempt.payment_id)).one()
    order = session().get_one(Order, order_id)
    _ = order.status, order.lines, attempt.state
    return order, attempt
