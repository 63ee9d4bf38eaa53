"""Money sent back: promised under a lock, sent by a job, believed when the provider says so."""

from datetime import UTC, datetime

from sqlalchemy import select

from app.lib import outbox
from app.lib.db import retrying, session, transaction
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import credits
from app.payments.issues import open_issue
from app.payments.models import Attempt, Payment, Refund
from app.payments.promises import LOCKED, ask_a_person, is_owed, owed, promise, recount, successor
from app.payments.providers.base import (
    NotConfigured,
    PaymentState,
    Provider,
    ProviderRefused,
    RefundRequest,
    RefundState,
)
from app.payments.registry import IN_A_JOB, provider_of_old

UNNAMED = "elsewhere-"  # in place of the provider's name for a refund of which it told only the sum


def refund_everything(order: Order, reason: str, actor: Actor) -> list[Refund]:
    """Send back whatever of a locked order's money was not sent back yet; nothing when there is none."""
    return credits.give_back_everything(order, reason, actor)


def refund_attempt(order: Order, attempt: Attempt, minor: int, reason: str, actor: Actor) -> Refund:
    """Send money back that gives nothing of its locked order back: it came late, twice, or was too much."""
    return promise(order, attempt, minor, reason, actor)


def send(refund_id: int) -> None:
    """Ask the provider to send the money, unless it knows of this refund already: keys do not live for ever.

    One that has a name there is only asked after, for not every provider tells of its refunds with the payment. Raises
    ProviderUnavailable when nobody knows what happened, and NotConfigured without keys, so that the job is tried again.
    """
    request = _request(refund_id)
    if request is None:
        return
    provider_name, ask, named = request
    provider = provider_of_old(provider_name, IN_A_JOB)
    try:
        answer = provider.look_up_refund(ask, named)
        if answer is None and named is None:
            answer = provider.refund(ask)
    except ProviderRefused as no:
        if named is None:
            # Perhaps because the money went back at the provider's own desk: that is no failure.
            _refused(refund_id, no.sentence, _books(provider, ask))
        return
    if answer is not None:
        record(refund_id, answer)


def _request(refund_id: int) -> tuple[str, RefundRequest, str | None] | None:
    """Whom to ask, what, and the provider's name for it; None when there is nothing to ask any more."""
    with transaction() as current:
        refund = current.get(Refund, refund_id)
        if refund is None or refund.kind != "refund" or refund.state != "pending":
            return None
        attempt = refund.attempt
        if attempt.is_disputed and refund.provider_ref is None:
            _refused(refund_id, LOCKED, None)
            return None
        ask = RefundRequest(
            reference=refund.reference,
            attempt_reference=attempt.reference,
            provider_ref=attempt.provider_ref,
            provider_payment_ref=attempt.provider_payment_ref,
            amount=refund.amount,
            reason=refund.reason,
        )
        return attempt.provider, ask, refund.provider_ref


def _books(provider: Provider, ask: RefundRequest) -> PaymentState | None:
    """What the provider says about the payment now, if it says anything."""
    try:
        return provider.look_up(ask.attempt_reference, ask.provider_ref)
    except (ProviderRefused, NotConfigured):
        return None


@retrying
def _refused(refund_id: int, sentence: str, books: PaymentState | None) -> None:
    """A refund will not be made. Nobody is called when its money went back another way meanwhile."""
    with transaction():
        order, refund = locked(refund_id)
        if refund.state != "pending":
            return
        _close(refund, "failed", sentence)
        if books is not None and books.state == "paid":
            learn(order, refund.attempt, books.refunds, books.refunded)
        recount(refund.attempt)
        if refund.state == "failed":
            _tell_of_failure(order, refund)


def locked(refund_id: int) -> tuple[Order, Refund]:
    """A refund and its order, the order locked first, then the attempt and the refund."""
    refund = session().get_one(Refund, refund_id)
    payment = session().get_one(Payment, refund.attempt.payment_id)
    order = orders.locked_by_id(payment.order_id)
    for row in (Attempt, refund.attempt_id), (Refund, refund_id):
        _lock(*row)
    return order, refund


def _lock(model: type[Attempt | Refund], row_id: int) -> None:
    statement = select(model).where(model.id == row_id).with_for_update()
    session().scalars(statement.execution_options(populate_existing=True)).one()


@retrying
def record(refund_id: int, answer: RefundState) -> None:
    """Write down what became of a refund."""
    with transaction():
        order, refund = locked(refund_id)
        apply(order, refund, answer)
        recount(refund.attempt)


def apply(order: Order, refund: Refund, answer: RefundState) -> None:
    """Move one refund of a locked order; a finished one may still fail, days later, but never starts again."""
    refund.provider_ref = answer.provider_ref or refund.provider_ref
    if answer.state in (refund.state, "pending"):
        return
    if answer.state == "failed":
        fail(order, refund, answer.error)
        return
    if refund.state == "failed" and not _is_owed_after_all(order, refund):
        note = f"{refund.amount} went back although that had failed, and was sent another way as well."
        open_issue(refund.attempt, "refund_twice", note)
        if refund.attempt.left.minor < refund.amount_minor:
            return
        refund.credit = None  # what it was owed for is paid by the other
    was = refund.state
    _close(refund, "succeeded", "")
    orders.record(order, "refund", f"{refund.amount} sent back", was=was, now="succeeded", reference=refund.reference)
    outbox.send(
        "orders.mail_refunded",
        key=f"mail-refunded:{refund.id}",
        order_id=order.id,
        refund_id=refund.id,
        amount=str(refund.amount),
    )


def fail(order: Order, refund: Refund, why: str) -> None:
    """A refund of a locked order was not made, or is waited for no longer: somebody hears of it if it is still owed."""
    _close(refund, "failed", why)
    recount(refund.attempt)
    _tell_of_failure(order, refund)


def _is_owed_after_all(order: Order, refund: Refund) -> bool:
    """Whether a failed refund that went through was still owed; what only stands in for it, unsent, gives way."""
    if is_owed(refund):
        return True
    stands_in = successor(refund.reference)
    for other in refund.attempt.refunds:
        if other.reference == stands_in and other.state == "pending" and not other.provider_ref:
            _close(other, "failed", "The first try went through after all.")
            session().flush()
            ask_a_person(order, refund.attempt)
    return is_owed(refund)


def _close(refund: Refund, state: str, error: str) -> None:
    refund.state, refund.error = state, error or None
    refund.settled_at = datetime.now(UTC)


def _tell_of_failure(order: Order, refund: Refund) -> None:
    """Into the order's history, and into the queue when the money is still here and still owed."""
    session().flush()
    reason = refund.error or "The provider gave no reason."
    if not is_owed(refund):
        _send_the_rest(order, refund)
        sentence = f"The refund of {refund.amount} was not made: the money had gone back already, or some of it."
        orders.record(order, "refund", sentence, is_internal=True, now="failed", reference=refund.reference)
        return
    sentence = f"The refund of {refund.amount} failed: {reason}"
    orders.record(order, "refund", sentence, is_internal=True, now="failed", reference=refund.reference)
    open_issue(refund.attempt, "refund_failed", f"A refund of {refund.amount} failed: {reason}", renew=True)


def _send_the_rest(order: Order, refund: Refund) -> None:
    """A refund gave way to a smaller one, made elsewhere: what is owed beyond that goes back by itself."""
    attempt, rest = refund.attempt, owed(refund)
    if not rest:
        return
    if attempt.is_disputed:
        row = _row(attempt, Money(rest, refund.currency), None, "failed")
        row.credit, row.reason, row.error = refund.credit, refund.reason, LOCKED
        _tell_of_failure(order, row)
        return
    promise(order, attempt, rest, refund.reason, orders.SHOP, credit=refund.credit)


def learn(order: Order, attempt: Attempt, seen: tuple[RefundState, ...], total: Money | None) -> None:
    """Refunds the provider told us about: ours are moved, those made at its desk are written down.

    `total` is cumulative; when it is more than the refunds we know, the difference was made elsewhere too.
    """
    with transaction() as current:
        for state in seen:
            for refund in _known(attempt, state) or _made_elsewhere(order, attempt, state, seen):
                apply(order, refund, state)
        current.flush()
        missing = (total.minor if total else 0) - sum(
            refund.amount_minor for refund in attempt.refunds if refund.state != "failed" and refund.kind == "refund"
        )
        if missing > 0 and total is not None:
            unnamed = f"{UNNAMED}{total.minor}"
            state = RefundState("succeeded", unnamed, None, Money(missing, total.currency))
            for refund in _made_elsewhere(order, attempt, state, seen):
                apply(order, refund, state)
        recount(attempt)


def taken_by_the_bank(order: Order, attempt: Attempt, provider_ref: str, amount: Money) -> None:
    """A dispute was lost: as much of it as was not sent back already is gone, without a letter to the shopper."""
    with transaction():
        before = attempt.left
        recount(attempt)
        if attempt.left != before:
            sentence = f"{before - attempt.left} taken by the shopper's bank"
            orders.record(order, "refund", sentence, is_internal=True, reference=provider_ref)


def _known(attempt: Attempt, state: RefundState) -> list[Refund]:
    """Our rows of a refund the provider speaks of: one made at its desk may have several."""
    ours = [refund for refund in attempt.refunds if state.reference and refund.reference == state.reference]
    if ours:
        return ours
    named: dict[str, list[Refund]] = {}
    for refund in attempt.refunds:
        if refund.provider_ref and refund.kind == "refund":
            named.setdefault(refund.provider_ref, []).append(refund)
    if state.provider_ref in named:
        return named[state.provider_ref]
    # We may have heard of its money before we heard its name.
    unnamed = (rows for name, rows in named.items() if name.startswith(UNNAMED))
    return next((rows for rows in unnamed if sum(row.amount_minor for row in rows) == state.amount.minor), [])


def _made_elsewhere(order: Order, attempt: Attempt, state: RefundState, seen: tuple[RefundState, ...]) -> list[Refund]:
    """Write a refund down that was made at the provider's desk, a row for each credit it belongs to."""
    amount = state.amount
    if amount.minor <= 0 or amount.currency != attempt.captured.currency:
        return []
    if state.state == "failed":
        return [_row(attempt, amount, state.provider_ref, "failed")]
    gave_way = _make_room(order, attempt, amount.minor, {one.reference for one in seen})
    if amount.minor > attempt.left.minor:
        note = f"{amount} was refunded at the provider, but only {attempt.left} of this payment was left."
        open_issue(attempt, "refund_twice", note)
        return [_row(attempt, amount, state.provider_ref, "failed")]
    rows = []
    for credit, minor in credits.learned(order, attempt, amount.minor):
        row = _row(attempt, Money(minor, amount.currency), state.provider_ref, "pending")
        row.credit = credit
        rows.append(row)
    session().flush()
    for refund in gave_way:
        _send_the_rest(order, refund)
    return rows


def _make_room(order: Order, attempt: Attempt, minor: int, listed: set[str | None]) -> list[Refund]:
    """What went back at the desk cannot go back again: promises the provider has not heard of give way to it."""
    gave_way = []
    for refund in attempt.refunds:
        if attempt.left.minor >= minor:
            break
        waits = refund.state == "pending" and not refund.provider_ref and refund.reference not in listed
        if waits:
            _close(refund, "failed", "The money went back at the provider already.")
            ask_a_person(order, attempt)
            gave_way.append(refund)
        elif refund.kind == "dispute" and refund.state == "succeeded":
            _close(refund, "failed", "Less was left than the bank asked for.")
    session().flush()
    return gave_way


def _row(attempt: Attempt, amount: Money, provider_ref: str | None, state: str) -> Refund:
    refund = Refund(
        attempt=attempt,
        reference=f"ref-{random_key()}",
        provider_ref=provider_ref,
        state=state,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason="made at the provider",
    )
    session().add(refund)
    session().flush()
    return refund
