"""Stripe's messages as events of the contract. Few fields are read, and none is relied on to be there:

the shape of a message follows the API version of the endpoint in the dashboard, not that of the SDK.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.payments.providers.base import DisputeState, DisputeStates, MalformedEvent, PaymentState, ProviderEvent
from app.payments.providers.stripe_objects import (
    Unreadable,
    money,
    part,
    refund_state,
    required_text,
    session_state,
    text,
)


def read_event(event: Any, *, test: bool) -> ProviderEvent:
    """What a verified message is about. Raises MalformedEvent, also for the other mode (test or live)."""
    if not isinstance(event, Mapping) or not text(event.get("id")) or not text(event.get("type")):
        raise MalformedEvent("The message is signed but is not an event.")
    if event.get("livemode") is not (not test):
        raise MalformedEvent("The message comes from the other mode, test or live, than our key.")
    known = ProviderEvent(
        event_key=event["id"],
        type=event["type"],
        subject="none",
        occurred_at=_time(event.get("created")),
        test=test,
    )
    thing = part(part(event, "data"), "object")
    reader = READERS.get(known.type)
    return reader(known, thing) if reader and thing else known


def _about_session(event: ProviderEvent, session: Mapping[str, Any]) -> ProviderEvent:
    claims = _claims(session)
    if claims and event.type == "checkout.session.async_payment_failed":
        claims = replace(claims, state="failed", awaits_money=False)
    return replace(
        event,
        subject="payment",
        reference=text(session.get("client_reference_id")) or _attempt(session),
        provider_ref=text(session.get("id")),
        provider_payment_ref=text(part(session, "payment_intent").get("id")),
        claims=claims,
    )


def _about_charge(event: ProviderEvent, charge: Mapping[str, Any]) -> ProviderEvent:
    """`charge.refunded` comes for partial refunds too; its figure is the sum of all of them so far."""
    payment_ref = text(part(charge, "payment_intent").get("id"))
    try:
        claims = PaymentState(
            state="paid",
            amount=money(charge.get("amount"), charge.get("currency")),
            provider_payment_ref=payment_ref,
            refunded=money(charge.get("amount_refunded"), charge.get("currency")),
            test=event.test,
        )
    except Unreadable:
        claims = None
    return replace(
        event,
        subject="refund",
        reference=_attempt(charge),
        provider_payment_ref=payment_ref,
        claims=claims,
    )


def _about_refund(event: ProviderEvent, refund: Mapping[str, Any]) -> ProviderEvent:
    try:
        state = refund_state(refund)
    except Unreadable:
        state = None
    return replace(
        event,
        subject="refund",
        reference=_attempt(refund),
        provider_payment_ref=text(part(refund, "payment_intent").get("id")),
        refund=state,
    )


def _about_dispute(event: ProviderEvent, dispute: Mapping[str, Any]) -> ProviderEvent:
    return replace(
        event,
        subject="dispute",
        reference=_attempt(dispute),
        provider_payment_ref=text(part(dispute, "payment_intent").get("id")),
        dispute=_dispute_state(dispute),
    )


DISPUTES: dict[str, DisputeStates] = {"won": "won", "warning_closed": "won", "prevented": "won", "lost": "lost"}


def _dispute_state(dispute: Mapping[str, Any]) -> DisputeState | None:
    """Every state between its beginning and its end is open: somebody has to answer, or waits for the bank."""
    try:
        return DisputeState(
            state=DISPUTES.get(text(dispute.get("status")) or "", "open"),
            provider_ref=required_text(dispute, "id"),
            amount=money(dispute.get("amount"), dispute.get("currency")),
            reason=text(dispute.get("reason")) or "",
            answer_by=_answer_by(part(dispute, "evidence_details").get("due_by")),
        )
    except Unreadable:
        return None


def _answer_by(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and 0 < seconds < 2**33 else None


READERS: dict[str, Callable[[ProviderEvent, Mapping[str, Any]], ProviderEvent]] = {
    "checkout.session.completed": _about_session,
    "checkout.session.async_payment_succeeded": _about_session,
    "checkout.session.async_payment_failed": _about_session,
    "checkout.session.expired": _about_session,
    "charge.refunded": _about_charge,
    "charge.refund.updated": _about_refund,
    "refund.created": _about_refund,
    "refund.updated": _about_refund,
    "refund.failed": _about_refund,
    "charge.dispute.created": _about_dispute,
    "charge.dispute.updated": _about_dispute,
    "charge.dispute.closed": _about_dispute,
}


def _claims(session: Mapping[str, Any]) -> PaymentState | None:
    try:
        return session_state(session)
    except Unreadable:
        return None


def _attempt(thing: Mapping[str, Any]) -> str | None:
    return text(part(thing, "metadata").get("attempt_id"))


def _time(seconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise MalformedEvent("The message does not say when it happened.") from None
