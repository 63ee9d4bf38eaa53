"""Disputes: a bank asks for money back. They are written down and shown; goods and orders stay as they are."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from app.lib.db import session, transaction
from app.orders import services as orders
from app.orders.models import Order
from app.payments import refunds
from app.payments.issues import close_issues, open_issue
from app.payments.models import Attempt, Dispute
from app.payments.providers.base import DisputeState

# News may come in any order. What is over does not open again, and money that is gone is gone.
RANK = {"open": 0, "won": 1, "lost": 2}


def learn(order: Order, attempt: Attempt, seen: Iterable[DisputeState]) -> None:
    """Write down what is said about disputes of an attempt whose order is locked; any number of times."""
    with transaction():
        known = {dispute.provider_ref: dispute for dispute in attempt.disputes}
        for state in map(_without_money_won, seen):
            dispute = known.get(state.provider_ref)
            if dispute is None and not state.amount.minor:
                continue
            if dispute is None:
                dispute = known[state.provider_ref] = _opened(order, attempt, state)
            if RANK[state.state] > RANK[dispute.state]:
                _ended(order, dispute, state)


def _without_money_won(state: DisputeState) -> DisputeState:
    """One that ended without money, by a replacement for example, took none from us."""
    return state if state.amount.minor else replace(state, state="won")


def _opened(order: Order, attempt: Attempt, state: DisputeState) -> Dispute:
    dispute = Dispute(
        attempt=attempt,
        provider_ref=state.provider_ref,
        state="open",
        amount_minor=state.amount.minor,
        currency=state.amount.currency,
        reason=state.reason[:200],
        answer_by=state.answer_by,
    )
    session().add(dispute)
    session().flush()
    sentence = f"The shopper's bank disputes {state.amount}{f' ({state.reason})' if state.reason else ''}."
    orders.record(order, "dispute", sentence, is_internal=True, now="open", reference=attempt.reference)
    until = f" until {state.answer_by:%d %B %Y}" if state.answer_by else ""
    open_issue(attempt, "dispute", f"{sentence} Answer at the provider{until}.")
    return dispute


def _ended(order: Order, dispute: Dispute, state: DisputeState) -> None:
    orders.record(
        order,
        "dispute",
        f"The dispute about {dispute.amount} is {state.state}.",
        is_internal=True,
        was=dispute.state,
        now=state.state,
        reference=dispute.attempt.reference,
    )
    dispute.state, dispute.closed_at = state.state, datetime.now(UTC)
    attempt = dispute.attempt
    if state.state == "lost":
        # A dispute may end with a part of what it began about.
        dispute.amount_minor = state.amount.minor
        refunds.taken_by_the_bank(order, attempt, dispute.provider_ref, dispute.amount)
        open_issue(attempt, "dispute", f"The dispute about {dispute.amount} is lost: the bank took it.", renew=True)
        return
    if any(other.state == "open" for other in attempt.disputes):
        return
    close_issues(attempt, "The dispute was won.", orders.SHOP, ("dispute",))
    if order.status == "cancelled" and attempt.left:
        note = f"The dispute is won, and order {order.number} is cancelled: {attempt.left} waits to be refunded."
        open_issue(attempt, "late", note)
