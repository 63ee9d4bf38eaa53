"""Refunds that did not go by themselves: sent once more, or sent by other means and written down."""

from sqlalchemy import select

from app.lib import outbox
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.orders.models import Order
from app.orders.services import Actor
from app.payments import refunds
from app.payments.issues import close_issues
from app.payments.models import Attempt, Refund
from app.payments.promises import (
    LOCKED,
    SEND,
    ask_a_person,
    is_owed,
    is_unheard_of,
    promise,
    recount,
    successor,
    unanswered,
)
from app.payments.providers.base import RefundState

LONGEST = 200  # characters of a reference or a note
ASKING = "The shop is asking the provider about this refund. Look at what became of it in a while, then go on."
SENDING = "The provider is sending this refund. Wait until it has arrived or failed."


@retrying
def try_again(reference: str, actor: Actor) -> Refund:
    """Send a refund that failed once more, the same way; asked twice it is sent once.

    Raises NotFound, and NotAllowed when it did not fail, when its money is gone or owed no longer, or is disputed.
    """
    with transaction():
        order, refund = _locked(reference)
        known = _successor_of(refund)
        if known is not None:
            return known
        _refuse_unless_owed(refund)
        again = promise(
            order,
            refund.attempt,
            refund.amount_minor,
            refund.reason,
            actor,
            credit=refund.credit,
            reference=successor(refund.reference),
        )
        _close_when_answered(refund.attempt, "sent once more", actor)
        return again


@retrying
def give_up(reference: str, actor: Actor) -> Refund:
    """Wait no longer for a refund nobody heard of: from now on it counts as failed, and the shop asks no more for it.

    Should it arrive all the same, a person hears of that. Asked twice it changes nothing. Raises NotFound, and
    NotAllowed while it may still be sent.
    """
    with transaction():
        order, refund = _locked(reference)
        if refund.state == "failed":
            return refund
        if not is_unheard_of(refund):
            raise NotAllowed(SENDING)
        if outbox.waits(SEND, refund_id=refund.id):
            raise NotAllowed(ASKING)
        refunds.fail(order, refund, f"Nobody heard what became of it; {actor.name or 'staff'} waits for it no longer.")
        return refund


@retrying
def sent_by_hand(reference: str, their_reference: str, note: str, actor: Actor) -> Refund:
    """A person sent the money of a refund some other way, and writes down how it can be found there.

    Serves a refund that waits for a hand, and one that failed. Asked twice it is written once. Raises Invalid without
    a reference, NotFound, NotAllowed as `try_again` does.
    """
    theirs, said = their_reference.strip(), note.strip()
    if not theirs:
        raise Invalid("Write the reference: of the transfer, the receipt, or the person who got it.", "reference")
    for text, field in (theirs, "reference"), (said, "note"):
        if len(text) > LONGEST:
            raise Invalid(f"Use at most {LONGEST} characters.", field)
    with transaction():
        order, refund = _locked(reference)
        refund = _newest(refund)
        if refund.state == "failed":
            _refuse_unless_owed(refund)
            refund = _instead(refund, actor)
        elif refund.kind != "by_hand":
            raise NotAllowed(SENDING)
        elif refund.state == "succeeded":
            return _noted(refund, theirs)
        refund.reason = f"{refund.reason} ({said})"[:500] if said else refund.reason
        refunds.apply(order, refund, RefundState("succeeded", theirs, None, refund.amount))
        _close_when_answered(refund.attempt, f"sent by other means: {theirs}", actor)
        recount(refund.attempt)
        ask_a_person(order, refund.attempt)
        return refund


def _newest(refund: Refund) -> Refund:
    """The refund, or what stands in for it since it failed."""
    later = _successor_of(refund) if refund.state == "failed" else None
    return refund if later is None else _newest(later)


def _noted(refund: Refund, theirs: str) -> Refund:
    """What was noted before. Another reference means that the money was sent twice, and whoever did hears of it."""
    if refund.provider_ref != theirs:
        raise NotAllowed(f"{refund.amount} was noted as sent already, with the reference {refund.provider_ref}.")
    return refund


def _instead(refund: Refund, actor: Actor) -> Refund:
    """A refund by hand in the place of one that failed."""
    if refund.attempt.is_disputed:
        raise NotAllowed(LOCKED)
    row = Refund(
        attempt=refund.attempt,
        credit=refund.credit,
        kind="by_hand",
        reference=successor(refund.reference),
        state="pending",
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        actor_id=actor.id,
    )
    session().add(row)
    session().flush()
    return row


def _locked(reference: str) -> tuple[Order, Refund]:
    refund_id = session().scalar(select(Refund.id).where(Refund.reference == reference))
    if refund_id is None:
        raise NotFound("There is no such refund.")
    return refunds.locked(refund_id)


def _successor_of(refund: Refund) -> Refund | None:
    name = successor(refund.reference)
    return next((one for one in refund.attempt.refunds if one.reference == name), None)


def _refuse_unless_owed(refund: Refund) -> None:
    if refund.state != "failed":
        raise NotAllowed("This refund did not fail, so it is not sent again.")
    if not is_owed(refund):
        raise NotAllowed("This money went back another way, or is promised already.")


def _close_when_answered(attempt: Attempt, how: str, actor: Actor) -> None:
    session().flush()
    if not unanswered(attempt):
        close_issues(attempt, how, actor, ("refund_failed",))
