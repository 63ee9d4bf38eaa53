"""settle(): the only place where a payment changes state, whoever brings the news.

The webhook, the return page, the poller and staff all end here. The order is locked first, then the attempt,
so they take turns; what is known already changes nothing.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.inventory import services as inventory
from app.invoices import services as invoices
from app.lib import outbox, runtime
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
from app.payments.models import Attempt, Payment
from app.payments.promises import counts
from app.payments.providers.base import PaymentState
from app.payments.providers.by_hand import BY_HAND
from app.payments.queries import DOUBTFUL, PaymentSummary, attempts_of, may_count, summarise
from app.payments.registry import all_providers


@retrying
def settle(reference: str, fact: PaymentState, *, channel: str) -> None:
    """Apply what the provider says about an attempt. Any order of news, any number of times: one end state.

    `channel` says who brought it: return, webhook, poller, staff. Raises NotFound for an unknown reference.
    """
    with transaction():
        order, attempt = locked(reference)
        _remember_names(attempt, fact)
        has_paid = order.status != "cancelled" and counts(order, attempt)
        pays = False
        if fact.state == "paid":
            pays = _paid(order, attempt, fact, channel)
        elif fact.state in ("failed", "expired", "cancelled"):
            _ended(order, attempt, fact, channel)
        elif fact.state in ("pending", "authorised") and attempt.state in ("created", "unknown"):
            move_attempt(order, attempt, fact.state, "", channel)
        elif fact.error_code == "not_found" and _is_long_over(attempt):
            _ended(order, attempt, replace(fact, state="expired"), channel)
        if attempt.captured_minor:
            # Before the money counts: what was sent back or taken meanwhile pays nothing.
            refunds.learn(order, attempt, fact.refunds, fact.refunded)
            disputes.learn(order, attempt, fact.disputes)
        if pays and has_paid:
            _point_out_excess(order, attempt)
        elif pays:
            fulfil(order, attempt, channel)


def mark(order: Order, attempt: Attempt, received: Money, receipt: str, actor: Actor) -> None:
    """A person saw this money come, for an attempt of a locked order: it counts, as much of it as there is."""
    _receive(order, attempt, received, receipt, "staff")
    if attempt.review in DOUBTFUL:
        attempt.review = ""
    close_issues(attempt, "marked as paid", actor, DOUBTFUL)
    fulfil(order, attempt, "staff")


def _is_long_over(attempt: Attempt) -> bool:
    """The provider has never heard of it, and no late request of ours can still arrive there."""
    return attempt.expires_at is not None and attempt.expires_at + timedelta(minutes=10) < datetime.now(UTC)


def _remember_names(attempt: Attempt, fact: PaymentState) -> None:
    attempt.provider_ref = attempt.provider_ref or fact.provider_ref
    if attempt.provider_payment_ref is None or fact.state == "paid":
        # Staff may have written down another name of the same money; the provider's own is the one it knows.
        attempt.provider_payment_ref = fact.provider_payment_ref or attempt.provider_payment_ref


def _paid(order: Order, attempt: Attempt, fact: PaymentState, channel: str) -> bool:
    """Write down money that is new to us; True when it counts without anybody's decision."""
    if attempt.state == "paid":
        return _more_came(order, attempt, fact.amount, channel)
    received = attempt.amount if fact.amount is None else fact.amount
    if not received.minor:
        return False
    _receive(order, attempt, received, attempt.provider_payment_ref, channel)
    attempt.review = _difference(attempt, received) or attempt.review
    if attempt.review not in DOUBTFUL:
        return True
    open_issue(attempt, attempt.review, _doubt_in_words(attempt, received))
    return False


def _more_came(order: Order, attempt: Attempt, received: Money | None, channel: str) -> bool:
    """A person may have written down less than the provider says came. True when that counts."""
    if received is None or received.currency != attempt.captured.currency or received <= attempt.captured:
        return False
    had = attempt.captured
    attempt.captured_minor = received.minor
    orders.record(
        order,
        "payment",
        f"{received} came, where {had} was written down",
        channel=channel,
        is_internal=True,
        reference=attempt.reference,
    )
    if attempt.review == "amount" and not _difference(attempt, received):
        attempt.review = ""
        close_issues(attempt, "The rest came.", orders.SHOP, ("amount",))
    if attempt.review in DOUBTFUL:
        open_issue(attempt, attempt.review, _doubt_in_words(attempt, received), renew=True)
    return attempt.review not in DOUBTFUL


def _receive(order: Order, attempt: Attempt, received: Money, receipt: str | None, channel: str) -> None:
    attempt.captured_minor = received.minor
    attempt.captured_currency = received.currency
    attempt.paid_at = datetime.now(UTC)
    attempt.provider_payment_ref = receipt or attempt.provider_payment_ref
    attempt.error_code = attempt.error_message = None
    known = all_providers().get(attempt.provider)
    title = known.title if known is not None else attempt.provider
    move_attempt(order, attempt, "paid", f"{received} paid: {title}", channel)
    if attempt.payer_phone:
        close_issues(attempt, "It was heard of.", orders.SHOP, ("unheard",))


def _difference(attempt: Attempt, received: Money) -> str:
    """In what the money is not the one that was asked for, as a review; empty when it is."""
    if received.currency != attempt.currency:
        return "currency"
    if received.minor != attempt.amount_minor:
        return "amount"
    if attempt.provider_payment_ref and holder_of(attempt.provider, attempt.provider_payment_ref, but=attempt):
        return "receipt"
    return ""


def holder_of(provider: str, receipt: str, *, but: Attempt | None = None) -> str | None:
    """The number of the order that another attempt's money with this reference came for, if there is one.

    Whoever asks about the same reference meanwhile waits until this transaction ends.
    """
    taken = func.hashtextextended(f"receipt:{provider}:{receipt}", 0)
    session().execute(select(func.pg_advisory_xact_lock(taken)))
    return session().scalar(
        select(Order.number)
        .join(Payment, Payment.order_id == Order.id)
        .join(Attempt, Attempt.payment_id == Payment.id)
        .where(
            Attempt.provider == provider,
            Attempt.provider_payment_ref == receipt,
            Attempt.captured_minor > 0,
            Attempt.id != (but.id if but is not None else 0),
        )
        .limit(1)
    )


def _doubt_in_words(attempt: Attempt, received: Money) -> str:
    if attempt.review == "receipt":
        what = f"{received} came with the reference {attempt.provider_payment_ref}, which another payment has already."
    else:
        what = f"{received} arrived where {attempt.amount} was asked."
    return f"{what} It does not count until somebody decides."


def doubt(attempt: Attempt, review: str, note: str) -> None:
    """A signed message contradicts the attempt: whatever arrives now waits for a person."""
    with transaction():
        attempt.review = attempt.review or review
        open_issue(attempt, review, note)


def fulfil(order: Order, attempt: Attempt, channel: str) -> None:
    """Money for a locked order is here: it pays the order or a part of it, or goes back, or a person decides."""
    session().flush()
    if not attempt.left:
        return
    if order.status == "cancelled" and order.cancel_reason != "expired":
        _send_back(order, attempt, "The order had been cancelled when the money came.")
        return
    if order.status != "cancelled" and not order.awaits_money:
        attempt.review = "second"
        open_issue(attempt, "second", f"Order {order.number} was paid already. Refund this payment.")
        return
    money = summarise(order, attempts_of(order.id))
    if money.kept < order.total:
        _too_little(order, attempt, money, channel)
        return
    if not order.is_due_at_the_door and not take_stock(order):
        _too_late(order, channel)
        return
    _pay(order, channel)
    _point_out_excess(order, attempt)
    # The last thing: everybody who issues a paper waits for the same row.
    invoices.issue_invoice(order)


def owe_nothing(order: Order) -> None:
    """An order whose total is nothing, just placed with its units held: nobody to wait for, and nothing to invoice."""
    inventory.take(order.id)
    _pay(order, "")


def _point_out_excess(order: Order, attempt: Attempt) -> None:
    session().flush()
    excess = summarise(order, attempts_of(order.id)).excess
    if excess:
        note = f"{excess} more than {order.total} was paid. Refund the excess."
        open_issue(attempt, "excess", note, renew=True)


def _pay(order: Order, channel: str) -> None:
    if order.status in ("pending", "confirmed", "cancelled"):
        late = order.status == "cancelled"
        reason = "The money came late, and everything was still there." if late else ""
        move(order, "paid", channel=channel, reason=reason)
    order.paid_at = datetime.now(UTC)
    order.cancel_reason = None
    for attempt in attempts_of(order.id):
        close_issues(attempt, "The rest came.", orders.SHOP, ("part",))
        if attempt.is_open and attempt.provider in BY_HAND:
            move_attempt(order, attempt, "cancelled", "", channel)
    outbox.send("orders.mail_confirmation", key=f"mail-confirmation:{order.id}", order_id=order.id)


def _too_little(order: Order, attempt: Attempt, money: PaymentSummary, channel: str) -> None:
    """A part never pays an order. It waits for the rest, or for a person."""
    if order.status == "cancelled":
        _send_back(order, attempt, "The order had not been paid in time, and this is not enough to pay it.")
        return
    if attempt.left < attempt.captured and channel != "staff":
        # Some of it went back at the provider before we heard of it: who knows what was agreed.
        attempt.review = "amount"
        close_issues(attempt, "Some of it went back.", orders.SHOP, ("part",))
        note = f"Of {attempt.captured} only {attempt.left} is left; {order.total} is owed. It does not count."
        open_issue(attempt, "amount", f"{note} until somebody decides.")
        return
    note = f"{money.kept} of {order.total} is here, {money.balance} is still due. Refund it if the rest never comes."
    open_issue(attempt, "part", note, renew=True)
    if order.is_pending:
        _hold_for_the_rest(order)


def _hold_for_the_rest(order: Order) -> None:
    until = datetime.now(UTC) + timedelta(minutes=runtime.settings().hold_minutes)
    if order.hold_expires_at < until:
        order.hold_expires_at = until
        inventory.prolong(order.id, until)


@retrying
def accept(reference: str, actor: Actor) -> None:
    """A person decides that money under review counts after all: it pays its order, or a part of it.

    Raises NotFound, and NotAllowed when nothing waits for a decision or the money cannot pay any of the order.
    """
    with transaction():
        order, attempt = locked(reference)
        if attempt.state != "paid" or attempt.review not in DOUBTFUL:
            raise NotAllowed("This payment does not wait for a decision any more.")
        if not may_count(order, attempt):
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


def take_stock(order: Order) -> bool:
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


def _too_late(order: Order, channel: str) -> None:
    """The units were sold to somebody else meanwhile: all of the order's money goes back by itself."""
    if order.status == "pending":
        inventory.release(order.id)
        move(order, "cancelled", channel=channel, reason="Sold out before the money came.")
        order.cancel_reason = "sold_out"
    for attempt in attempts_of(order.id):
        if attempt.left:
            _send_back(order, attempt, "Sold out before the money came.")
    outbox.send("orders.mail_sold_out", key=f"mail-sold-out:{order.id}", order_id=order.id)


def _send_back(order: Order, attempt: Attempt, reason: str) -> None:
    attempt.review = "late"
    session().flush()
    session().refresh(attempt, ["is_disputed"])
    if attempt.is_disputed:
        open_issue(attempt, "late", f"{reason} The bank asks for it too: refund it only if the dispute is won.")
        return
    close_issues(attempt, "sent back", orders.SHOP, (*DOUBTFUL, "part"))
    refunds.refund_attempt(order, attempt, attempt.left.minor, reason, orders.SHOP)


def _ended(order: Order, attempt: Attempt, fact: PaymentState, channel: str) -> None:
    if not attempt.is_open:
        return
    attempt.error_code = fact.error_code or None
    attempt.error_message = fact.error_message or None
    sentence = fact.error_message or {"expired": "The payment page expired."}.get(fact.state, "The payment failed.")
    if attempt.state == "unknown" and attempt.payer_phone and attempt.provider_ref is None:
        # The phone may have rung and been answered: its provider knows no name of ours that could be asked for.
        note = f"Nobody heard whether {attempt.amount} was paid. Look for it in the statement of the account."
        open_issue(attempt, "unheard", note)
    move_attempt(order, attempt, fact.state, sentence, channel)
