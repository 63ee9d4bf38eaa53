"""settle(): the only place where a payment changes state, whoever brings the news.

The webhook, the return page, the poller and staff all end here. The order is locked first, then the attempt,
so they take turns; what is known already changes nothing.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.inventory import services as inventory
from app.lib import outbox
from app.lib.db import retrying, session, transaction
from app.lib.errors import NotAllowed
from app.lib.money import Money
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.orders.states import move
from app.payments import disputes, refunds
from app.payments.attempts import locked, move_attempt
from app.payments.issues import close_issues, open_issue
from app.payments.models import Attempt
from app.payments.providers.base import PaymentState
from app.payments.queries import DOUBTFUL, attempts_of, summarise


@retrying
def settle(reference: str, fact: PaymentState, *, channel: str) -> None:
    """Apply what the provider says about an attempt. Any order of news, any number of times: one end state.

    `channel` says who brought it: return, webhook, poller, staff. Raises NotFound for an unknown reference.
    """
    with transaction():
        order, attempt = locked(reference)
        _remember_names(attempt, fact)
        counts = False
        if fact.state == "paid":
            counts = _paid(order, attempt, fact, channel)
        elif fact.state in ("failed", "expired", "cancelled"):
            _ended(order, attempt, fact, channel)
        elif fact.state in ("pending", "authorised") and attempt.state in ("created", "unknown"):
            move_attempt(order, attempt, fact.state, "", channel)
        elif fact.error_code == "not_found" and _is_long_over(attempt):
            _ended(order, attempt, replace(fact, state="expired"), channel)
        if attempt.captured_minor:
            # Before the money counts: what was sent back at the provider meanwhile pays nothing.
            refunds.learn(order, attempt, fact.refunds, fact.refunded)
        if counts:
            fulfil(order, attempt, channel)
        if attempt.captured_minor:
            disputes.learn(order, attempt, fact.disputes)


def _is_long_over(attempt: Attempt) -> bool:
    """The provider has never heard of it, and no late request of ours can still arrive there."""
    return attempt.expires_at is not None and attempt.expires_at + timedelta(minutes=10) < datetime.now(UTC)


def _remember_names(attempt: Attempt, fact: PaymentState) -> None:
    attempt.provider_ref = attempt.provider_ref or fact.provider_ref
    attempt.provider_payment_ref = attempt.provider_payment_ref or fact.provider_payment_ref


def _paid(order: Order, attempt: Attempt, fact: PaymentState, channel: str) -> bool:
    """Write down money that is new to us; True when it counts without anybody's decision."""
    if attempt.state == "paid":
        return False
    received = fact.amount or attempt.amount
    if not received.minor:
        return False
    attempt.captured_minor = received.minor
    attempt.captured_currency = received.currency
    attempt.paid_at = datetime.now(UTC)
    attempt.error_code = attempt.error_message = None
    move_attempt(order, attempt, "paid", f"{received} paid with {attempt.provider}", channel)
    _compare(attempt, received)
    if attempt.review in DOUBTFUL:
        open_issue(
            attempt,
            attempt.review,
            f"{received} arrived where {attempt.amount} was asked. The order stays unpaid until somebody decides.",
        )
        return False
    return True


def _compare(attempt: Attempt, received: Money) -> None:
    if received.currency != attempt.currency:
        attempt.review = "currency"
    elif received.minor != attempt.amount_minor:
        attempt.review = "amount"


def doubt(attempt: Attempt, review: str, note: str) -> None:
    """A signed message contradicts the attempt: whatever arrives now waits for a person."""
    with transaction():
        attempt.review = attempt.review or review
        open_issue(attempt, review, note)


def fulfil(order: Order, attempt: Attempt, channel: str) -> None:
    """Money for a locked order is here: it pays the order, or it goes back, or a person decides."""
    session().flush()
    if not attempt.left:
        return
    if order.status not in ("pending", "cancelled"):
        attempt.review = "second"
        open_issue(attempt, "second", f"Order {order.number} was paid already. Refund this payment.")
        return
    if order.status == "cancelled" and order.cancel_reason != "expired":
        _send_back(order, attempt, "The order had been cancelled when the money came.")
        return
    if summarise(order, attempts_of(order.id)).refundable < order.total:
        _too_little(order, attempt)
        return
    if not _take_stock(order):
        _too_late(order, attempt, channel)
        return
    late = order.status == "cancelled"
    move(
        order,
        "paid",
        channel=channel,
        reason="The money came late, and everything was still there." if late else "",
    )
    order.paid_at = datetime.now(UTC)
    order.cancel_reason = None
    outbox.send("orders.mail_confirmation", key=f"mail-confirmation:{order.id}", order_id=order.id)


def _too_little(order: Order, attempt: Attempt) -> None:
    """Partial money never pays an order: some of it went back at the provider before we heard of it."""
    attempt.review = "amount"
    note = f"Of {attempt.captured} only {attempt.left} is left; {order.total} is owed. The order stays unpaid."
    open_issue(attempt, "amount", note)


@retrying
def accept(reference: str, actor: Actor) -> None:
    """A person decides that money under review counts after all: it pays its order.

    Raises NotFound, and NotAllowed when nothing waits for a decision or the money does not cover the order.
    """
    with transaction():
        order, attempt = locked(reference)
        if attempt.state != "paid" or attempt.review not in DOUBTFUL:
            raise NotAllowed("This payment does not wait for a decision any more.")
        if not attempt.covers(order.total):
            raise NotAllowed(f"{attempt.left} does not pay {order.total}. Refund it, and ask the shopper to pay again.")
        attempt.review = ""
        close_issues(attempt, "accepted", actor, DOUBTFUL)
        orders.record(
            order,
            "payment",
            f"{attempt.left} accepted",
            channel="staff",
            is_internal=True,
            actor=actor,
            reference=reference,
        )
        fulfil(order, attempt, "staff")


def _take_stock(order: Order) -> bool:
    """Sell what the order holds, reserving again what it lost when its hold ran out."""
    if order.unsold_line is not None:
        return False
    wanted = order.quantities
    lost = inventory.missing(order.id, wanted)
    if lost:
        # Reserving only what was lost and then taking everything would lock out of order.
        inventory.keep_still(wanted)
        try:
            with session().begin_nested():
                inventory.reserve(order.id, lost, datetime.now(UTC) + timedelta(minutes=5))
        except inventory.NotEnoughStock:
            return False
    inventory.take(order.id)
    return True


def _too_late(order: Order, attempt: Attempt, channel: str) -> None:
    """The units were sold to somebody else meanwhile: the money goes back by itself."""
    if order.status == "pending":
        inventory.release(order.id)
        move(order, "cancelled", channel=channel, reason="Sold out before the money came.")
        order.cancel_reason = "sold_out"
    _send_back(order, attempt, "Sold out before the money came.")
    outbox.send("orders.mail_sold_out", key=f"mail-sold-out:{order.id}", order_id=order.id)


def _send_back(order: Order, attempt: Attempt, reason: str) -> None:
    attempt.review = "late"
    refunds.refund_attempt(order, attempt, attempt.left.minor, reason, orders.SHOP)


def _ended(order: Order, attempt: Attempt, fact: PaymentState, channel: str) -> None:
    if not attempt.is_open:
        return
    attempt.error_code = fact.error_code or None
    attempt.error_message = fact.error_message or None
    sentence = fact.error_message or {"expired": "The payment page expired."}.get(fact.state, "The payment failed.")
    move_attempt(order, attempt, fact.state, sentence, channel)
