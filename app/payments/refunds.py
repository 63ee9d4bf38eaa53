"""Money sent back: promised under a lock, sent by a job, believed when the provider says so."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from app.lib import outbox
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments.issues import open_issue
from app.payments.models import Attempt, Payment, Refund
from app.payments.providers.base import ProviderRefused, RefundRequest, RefundState
from app.payments.registry import IN_A_JOB, provider_of_old


@retrying
def refund_order(number: str, amount: Money, reason: str, actor: Actor) -> list[Refund]:
    """Send `amount` of an order's money back, from its newest payment first.

    Raises Invalid for an amount that is not positive or above what is left, pending refunds counted.
    """
    with transaction():
        order = orders.locked(number)
        return give_back(order, amount, reason, actor)


def give_back(order: Order, amount: Money, reason: str, actor: Actor) -> list[Refund]:
    """The same for an order that is locked already."""
    with transaction():
        attempts = _captured(order.id)
        left = sum(_left(attempt) for attempt in attempts)
        if amount.currency != order.currency or not 0 < amount.minor <= left:
            raise Invalid(f"At most {order.money(left)} can be refunded.", "amount")
        rest, made = amount.minor, []
        for attempt in attempts:
            part = min(rest, _left(attempt))
            if part:
                made.append(refund_attempt(order, attempt, part, reason, actor))
                rest -= part
        return made


def refund_everything(order: Order, reason: str, actor: Actor) -> list[Refund]:
    """Send back whatever of the order's money was not sent back yet; nothing when there is none."""
    with transaction():
        return [
            refund_attempt(order, attempt, _left(attempt), reason, actor)
            for attempt in _captured(order.id)
            if _left(attempt)
        ]


def refund_attempt(order: Order, attempt: Attempt, minor: int, reason: str, actor: Actor) -> Refund:
    """Promise a refund of one attempt whose order is locked, and have it sent after the commit."""
    currency = attempt.captured_currency or attempt.currency
    with transaction() as current:
        refund = Refund(
            attempt=attempt,
            reference=f"ref-{random_key()}",
            amount_minor=minor,
            currency=currency,
            reason=reason[:500],
            actor_id=actor.id,
        )
        current.add(refund)
        attempt.check_at = datetime.now(UTC) + timedelta(minutes=2)
        current.flush()
        sentence = f"Refund of {Money(minor, currency)} requested: {reason}" if reason else "Refund requested"
        orders.record(order, "refund", sentence, actor=actor, now="pending")
        outbox.send("payments.send_refund", key=f"send-refund:{refund.id}", refund_id=refund.id)
        return refund


def send(refund_id: int) -> None:
    """Ask the provider to send the money, unless it knows of this refund already: keys do not live for ever.

    Raises ProviderUnavailable when nobody knows what happened, and NotConfigured without keys, so that the job
    is tried again.
    """
    request = _request(refund_id)
    if request is None:
        return
    provider_name, ask = request
    try:
        provider = provider_of_old(provider_name, IN_A_JOB)
        answer = provider.look_up_refund(ask, None) or provider.refund(ask)
    except ProviderRefused as no:
        answer = RefundState("failed", "", ask.reference, ask.amount, error=no.sentence)
    record(refund_id, answer)


def _request(refund_id: int) -> tuple[str, RefundRequest] | None:
    with transaction() as current:
        refund = current.get(Refund, refund_id)
        if refund is None or refund.state != "pending" or refund.provider_ref:
            return None
        attempt = refund.attempt
        return attempt.provider, RefundRequest(
            reference=refund.reference,
            attempt_reference=attempt.reference,
            provider_ref=attempt.provider_ref,
            provider_payment_ref=attempt.provider_payment_ref,
            amount=refund.amount,
            reason=refund.reason,
        )


@retrying
def record(refund_id: int, answer: RefundState) -> None:
    """Write down what became of a refund."""
    with transaction() as current:
        refund = current.get_one(Refund, refund_id)
        order = orders.locked_by_id(_order_id(refund.attempt))
        current.refresh(refund, with_for_update=True)
        current.refresh(refund.attempt, with_for_update=True)
        apply(order, refund, answer)
        recount(refund.attempt)


def apply(order: Order, refund: Refund, answer: RefundState) -> None:
    """Move one refund of a locked order; a finished one may still fail, days later, but never starts again."""
    refund.provider_ref = answer.provider_ref or refund.provider_ref
    if answer.state in (refund.state, "pending"):
        return
    was, refund.state = refund.state, answer.state
    refund.error = answer.error or None
    refund.settled_at = datetime.now(UTC)
    if answer.state == "succeeded":
        orders.record(order, "refund", f"{refund.amount} sent back", was=was, now=refund.state)
        outbox.send(
            "orders.mail_refunded",
            key=f"mail-refunded:{refund.id}",
            order_id=order.id,
            refund_id=refund.id,
            amount=str(refund.amount),
        )
    elif answer.state == "failed":
        sentence = f"The refund of {refund.amount} failed: {answer.error}"
        orders.record(order, "refund", sentence, is_internal=True, was=was, now=refund.state)
        open_issue(refund.attempt, "refund_failed", f"A refund of {refund.amount} failed: {answer.error}")


def recount(attempt: Attempt) -> None:
    """What has been refunded is the sum of the refunds that succeeded."""
    session().flush()
    rows = session().scalars(select(Refund).where(Refund.attempt_id == attempt.id))
    total = sum(refund.amount_minor for refund in rows if refund.state == "succeeded")
    if total > attempt.captured_minor:
        raise NotAllowed("More was refunded than was ever paid.")
    attempt.refunded_minor = total


def learn(order: Order, attempt: Attempt, seen: tuple[RefundState, ...], total: Money | None) -> None:
    """Refunds the provider told us about: ours are moved, those made at its desk are written down.

    `total` is cumulative; when it is more than the refunds we know, the difference was made elsewhere too.
    """
    with transaction() as current:
        known = {refund.reference: refund for refund in attempt.refunds}
        by_ref = {refund.provider_ref: refund for refund in attempt.refunds if refund.provider_ref}
        for state in seen:
            refund = known.get(state.reference or "") or by_ref.get(state.provider_ref)
            if refund is None:
                refund = _made_elsewhere(attempt, state.amount, state.provider_ref)
            apply(order, refund, state)
        session().flush()
        missing = (total.minor if total else 0) - sum(
            refund.amount_minor for refund in attempt.refunds if refund.state != "failed" and refund.kind == "refund"
        )
        if missing > 0 and total is not None:
            refund = _made_elsewhere(attempt, Money(missing, total.currency), None)
            apply(order, refund, RefundState("succeeded", "", None, refund.amount))
        current.flush()
        recount(attempt)


def taken_by_the_bank(order: Order, attempt: Attempt, provider_ref: str, amount: Money) -> None:
    """A dispute was lost: as much of it as was not sent back already is gone, without a letter to the shopper."""
    with transaction() as current:
        minor = min(amount.minor, _left(attempt))
        if not minor:
            return
        current.add(
            Refund(
                attempt=attempt,
                kind="dispute",
                reference=f"ref-{random_key()}",
                provider_ref=provider_ref,
                state="succeeded",
                amount_minor=minor,
                currency=amount.currency,
                reason="dispute lost",
                settled_at=datetime.now(UTC),
            )
        )
        orders.record(order, "refund", f"{Money(minor, amount.currency)} taken by the shopper's bank", is_internal=True)
        recount(attempt)


def _made_elsewhere(attempt: Attempt, amount: Money, provider_ref: str | None) -> Refund:
    refund = Refund(
        attempt=attempt,
        reference=f"ref-{random_key()}",
        provider_ref=provider_ref or "elsewhere",
        state="pending",
        amount_minor=amount.minor,
        currency=amount.currency,
        reason="made at the provider",
    )
    session().add(refund)
    session().flush()
    return refund


def _captured(order_id: int) -> list[Attempt]:
    return list(
        session().scalars(
            select(Attempt)
            .join(Payment)
            .where(Payment.order_id == order_id, Attempt.captured_minor > 0)
            .order_by(Attempt.id.desc())
            .with_for_update(of=Attempt)
        )
    )


def _left(attempt: Attempt) -> int:
    promised = sum(refund.amount_minor for refund in attempt.refunds if refund.state != "failed")
    return attempt.captured_minor - promised


def _order_id(attempt: Attempt) -> int:
    return session().scalars(select(Payment.order_id).where(Payment.id == attempt.payment_id)).one()
