"""Refunds as promises: written down under the order's lock before anybody is asked, and counted from then on."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.lib import outbox
from app.lib.db import session, transaction
from app.lib.errors import NotAllowed
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor
from app.payments.issues import close_issues, open_issue
from app.payments.models import Attempt, Credit, Dispute, Payment, Refund
from app.payments.providers.by_hand import BY_HAND
from app.payments.queries import NOT_THE_ORDERS, attempts_of, summarise
from app.payments.registry import all_providers

HEARD_OF_WITHIN = timedelta(days=1)
SEND = "payments.send_refund"  # the job
LOCKED = "The shopper's bank disputes this payment, so nothing of it can be refunded until that is decided."


def captured(order_id: int) -> list[Attempt]:
    """The order's attempts that brought money, the newest first, locked; the order is locked already."""
    return list(
        session().scalars(
            select(Attempt)
            .join(Payment)
            .where(Payment.order_id == order_id, Attempt.captured_minor > 0)
            .options(selectinload(Attempt.refunds))
            .order_by(Attempt.id.desc())
            .with_for_update(of=Attempt)
            .execution_options(populate_existing=True)
        )
    )


def due(credit: Credit) -> int:
    """What of a credit is neither sent nor on its way, in minor units: its refund failed."""
    return credit.amount_minor - sum(refund.amount_minor for refund in credit.refunds if refund.state != "failed")


def promise(
    order: Order,
    attempt: Attempt,
    minor: int,
    reason: str,
    actor: Actor,
    *,
    credit: Credit | None = None,
    reference: str = "",
) -> Refund:
    """Promise money of one attempt whose order is locked, and have it sent after the commit.

    A provider that cannot send money back leaves that to a person. Raises NotAllowed while a bank disputes the
    attempt, and for more than is left of it.
    """
    if attempt.is_disputed:
        raise NotAllowed(LOCKED)
    if not 0 < minor <= attempt.left.minor:
        raise NotAllowed(f"Of this payment only {attempt.left} is left.")
    with transaction() as current:
        refund = Refund(
            attempt=attempt,
            credit=credit,
            kind="refund" if sends_back(attempt.provider) else "by_hand",
            reference=reference or f"ref-{random_key()}",
            state="pending",
            amount_minor=minor,
            currency=attempt.captured.currency,
            reason=reason[:500],
            actor_id=actor.id,
        )
        current.add(refund)
        current.flush()
        sentence = (
            f"Refund of {refund.amount} requested: {reason}" if reason else f"Refund of {refund.amount} requested"
        )
        orders.record(order, "refund", sentence, actor=actor, now="pending", reference=refund.reference)
        if refund.kind == "by_hand":
            ask_a_person(order, attempt)
        else:
            attempt.check_at = datetime.now(UTC) + timedelta(minutes=2)
            outbox.send(SEND, key=f"send-refund:{refund.id}", refund_id=refund.id)
        return refund


def sends_back(provider: str) -> bool:
    """Whether the provider can return money. One whose keys are out is asked once they are back."""
    if provider in BY_HAND:
        return False
    found = all_providers().get(provider)
    return found is None or found.can_refund


def ask_a_person(order: Order, attempt: Attempt) -> None:
    """Keep the queue's item about money that goes back by hand in step with what is still to be sent."""
    waiting = [refund for refund in attempt.refunds if refund.kind == "by_hand" and refund.state == "pending"]
    if not waiting:
        close_issues(attempt, "sent by hand", orders.SHOP, ("refund_by_hand",))
        return
    total = Money.total((refund.amount for refund in waiting), attempt.captured.currency)
    who = ", ".join(dict.fromkeys(part for part in (order.email, attempt.payer_phone or order.phone) if part))
    note = f"Send {total} to {order.name} ({who}) by hand: the way it was paid cannot send money back."
    open_issue(attempt, "refund_by_hand", note, renew=True)


def successor(reference: str) -> str:
    """The reference of the one refund that stands in for a failed one: who comes twice finds the same."""
    return f"ref-{sha256(reference.encode()).hexdigest()[:26]}"


def unanswered(attempt: Attempt) -> list[Refund]:
    """Failed refunds whose money is still here and still owed, so that a person has to do something."""
    names = {refund.reference for refund in attempt.refunds}
    return [
        refund
        for refund in attempt.refunds
        if refund.state == "failed" and successor(refund.reference) not in names and is_owed(refund)
    ]


def is_unheard_of(refund: Refund) -> bool:
    """Whether a provider was asked to send it long ago and has said nothing since, so that a person has to look."""
    asked = refund.kind == "refund" and refund.state == "pending" and not refund.provider_ref
    return asked and refund.created_at + HEARD_OF_WITHIN < datetime.now(UTC)


def is_owed(refund: Refund) -> bool:
    """Whether the money of a failed refund can, and shall, still be sent."""
    return owed(refund) == refund.amount_minor


def owed(refund: Refund) -> int:
    """How much of a failed refund can, and shall, still be sent, in minor units."""
    attempt = refund.attempt
    wanted = due(refund.credit) if refund.credit is not None else _spare(attempt)
    return max(0, min(refund.amount_minor, attempt.left.minor, wanted))


def _spare(attempt: Attempt) -> int:
    """How much of its money is not what the order is paid with: without a credit nothing else goes back."""
    order = session().get_one(Order, attempt.payment.order_id)
    if not counts(order, attempt):
        return attempt.left.minor
    return summarise(order, attempts_of(order.id)).excess.minor


def counts(order: Order, attempt: Attempt) -> bool:
    """Whether an attempt's money is what the order was paid with."""
    return (
        order.paid_at is not None
        and attempt.captured_minor > 0
        and attempt.captured.currency == order.currency
        and attempt.review not in NOT_THE_ORDERS
    )


def recount(attempt: Attempt) -> None:
    """What has been refunded is the sum of the refunds that succeeded; of a lost dispute what was left is gone."""
    session().flush()
    _fit_what_banks_took(attempt)
    total = _sum(attempt.refunds, "succeeded")
    if total > attempt.captured_minor:
        raise NotAllowed("More was refunded than was ever paid.")
    attempt.refunded_minor = total
    if any(refund.state == "failed" for refund in attempt.refunds) and not unanswered(attempt):
        # What failed may have gone back another way since, and then nobody is needed any more.
        close_issues(attempt, "went back another way", orders.SHOP, ("refund_failed",))
    long_ago = datetime.now(UTC) - HEARD_OF_WITHIN
    if any(refund.created_at < long_ago for refund in attempt.refunds) and not any(map(is_unheard_of, attempt.refunds)):
        close_issues(attempt, "It was heard of.", orders.SHOP, ("refund_unheard",))


def _fit_what_banks_took(attempt: Attempt) -> None:
    """News comes in any order: a refund heard of later was no longer the bank's to take, one that failed was."""
    for dispute in (one for one in attempt.disputes if one.state == "lost"):
        taken = next(
            (r for r in attempt.refunds if (r.kind, r.provider_ref) == ("dispute", dispute.provider_ref)), None
        )
        others = _sum((refund for refund in attempt.refunds if refund is not taken), "succeeded", "pending")
        # A bank that counts in another currency than the payment's asks for all of it.
        asked = dispute.amount_minor if dispute.currency == attempt.captured.currency else attempt.captured_minor
        fits = max(0, min(asked, attempt.captured_minor - others))
        if taken is None and fits:
            taken = _taken(attempt, dispute, fits)
        if taken is not None:
            taken.state = "succeeded" if fits else "failed"
            taken.amount_minor = fits or taken.amount_minor


def _taken(attempt: Attempt, dispute: Dispute, minor: int) -> Refund:
    row = Refund(
        attempt=attempt,
        kind="dispute",
        reference=f"ref-{random_key()}",
        provider_ref=dispute.provider_ref,
        state="succeeded",
        amount_minor=minor,
        currency=attempt.captured.currency,
        reason="dispute lost",
        settled_at=datetime.now(UTC),
    )
    session().add(row)
    session().flush()
    return row


def _sum(refunds: Iterable[Refund], *states: str) -> int:
    return sum(refund.amount_minor for refund in refunds if refund.state in states)
