"""Money a person saw come: on the bank's statement, in the courier's hand, or at a provider that cannot be asked."""

import logging

from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import services, settlement
from app.payments.attempts import locked
from app.payments.models import Attempt
from app.payments.opening import payment_of
from app.payments.providers.base import ProviderUnavailable
from app.payments.providers.by_hand import BY_HAND, CASH_ON_DELIVERY
from app.payments.queries import attempts_of, summarise

log = logging.getLogger(__name__)

LONGEST = 200  # characters of a reference or a reason


def mark_paid(number: str, what: str, amount: Money, receipt: str, reason: str, actor: Actor) -> bool:
    """Write down that `amount` came for an order, and let it pay the order, or the part of it that it covers.

    `what` is the reference of one of the order's attempts, or the name of a way to pay without a network; `receipt` is
    what the bank or provider calls the payment, and may be empty for cash alone. False when this was marked before: it
    changes nothing then, and neither does a provider's own message that
    comes later, unless it knows of more money. Pages where the order could still
    be paid are closed. Raises Invalid, NotFound, and NotAllowed when the attempt was paid otherwise.
    """
    receipt, reason = receipt.strip(), reason.strip()
    _refuse_nonsense(what, receipt, reason)
    order_id = _mark(number, what, amount, receipt, reason, actor)
    if order_id is None:
        return False
    _close_pages(order_id)
    return True


def _refuse_nonsense(what: str, receipt: str, reason: str) -> None:
    if not receipt and what != CASH_ON_DELIVERY:
        raise Invalid("Write the reference of the payment, so that it can be found again.", "receipt")
    if not reason:
        raise Invalid("Write how you know that the money came.", "reason")
    if len(receipt) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters.", "receipt")
    if len(reason) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters.", "reason")


@retrying
def _mark(number: str, what: str, amount: Money, receipt: str, reason: str, actor: Actor) -> int | None:
    """The order's id when it may be paid by now, None when nothing changed."""
    with transaction():
        order = orders.locked(number)
        if amount.currency != order.currency or amount.minor <= 0:
            raise Invalid(f"Enter an amount in {order.currency} above 0.", "amount")
        attempt = _attempt(order, what, amount, receipt)
        if attempt.state == "paid":
            if _is_same(attempt, amount, receipt):
                return None
            raise NotAllowed(f"{attempt.captured} came for this payment already. Look at the order again.")
        _refuse_used(attempt, receipt)
        orders.record(
            order,
            "payment",
            f"Marked as paid: {amount}{f', reference {receipt}' if receipt else ''}. {reason}",
            channel="staff",
            is_internal=True,
            actor=actor,
            reference=attempt.reference,
        )
        settlement.mark(order, attempt, amount, receipt, actor)
        return order.id


def _attempt(order: Order, what: str, amount: Money, receipt: str) -> Attempt:
    if what not in BY_HAND:
        of, attempt = locked(what)
        if of.id != order.id:
            raise NotFound("There is no such payment.")
        return attempt
    attempts = [attempt for attempt in attempts_of(order.id) if attempt.provider == what]
    for attempt in attempts:
        if attempt.state == "paid" and _is_same(attempt, amount, receipt):
            return attempt
    waiting = [attempt for attempt in attempts if attempt.state != "paid"]
    return locked(waiting[-1].reference)[1] if waiting else _new_attempt(order, what, amount)


def _is_same(attempt: Attempt, amount: Money, receipt: str) -> bool:
    """Whether this is what was marked before: a form that was sent twice. Cash has no name, so its sum has to do."""
    return attempt.captured == amount and (attempt.provider_payment_ref or "") == receipt


def _new_attempt(order: Order, provider: str, amount: Money) -> Attempt:
    """For money nobody had announced. It asks for what is due, or for what came when nothing is."""
    due = summarise(order, attempts_of(order.id)).balance.minor
    attempt = Attempt(
        payment_id=payment_of(order).id,
        reference=f"att-{random_key()}",
        provider=provider,
        state="created",
        amount_minor=due or min(amount.minor, order.total_minor),
        currency=order.currency,
    )
    session().add(attempt)
    session().flush()
    return attempt


def _refuse_used(attempt: Attempt, receipt: str) -> None:
    if not receipt:
        return
    other = settlement.holder_of(attempt.provider, receipt, but=attempt)
    if other is not None:
        raise Invalid(f"This reference was noted for order {other} already. Look at it again.", "receipt")


def _close_pages(order_id: int) -> None:
    """Nobody shall pay twice by an old page; when it cannot be closed, a second payment waits for staff."""
    with transaction() as current:
        order = current.get_one(Order, order_id, populate_existing=True)
        if order.awaits_money:
            return
    try:
        services.close_others(order_id)
    except ProviderUnavailable:
        log.warning("An open payment page of an order that was marked as paid could not be closed")
