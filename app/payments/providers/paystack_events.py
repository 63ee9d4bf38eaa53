"""Paystack's messages as events of the contract. They have no name of their own: the bytes are their key."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.payments.providers.base import MalformedEvent, PaymentState, ProviderEvent
from app.payments.providers.paystack_objects import dispute_state, payment_state, refund_state
from app.payments.providers.reading import Unreadable, moment, number_name, part, text, whole_money

TIMES = ("updated_at", "updatedAt", "paid_at", "paidAt", "created_at", "createdAt")


def read_event(message: Any, *, key: str, test: bool, now: datetime) -> ProviderEvent:
    """What a verified message is about. Raises MalformedEvent, also for the other mode (test or live)."""
    if not isinstance(message, Mapping) or not text(message.get("event")):
        raise MalformedEvent("The message is signed but is not an event.")
    data = part(message, "data")
    if data.get("domain", "test" if test else "live") != ("test" if test else "live"):
        raise MalformedEvent("The message comes from the other mode, test or live, than our key.")
    event = ProviderEvent(
        event_key=key,
        type=message["event"],
        subject="none",
        occurred_at=next(filter(None, (moment(data.get(name)) for name in TIMES)), now.astimezone(UTC)),
        test=test,
    )
    if event.type.startswith("charge.dispute."):
        return _about_dispute(event, data)
    if event.type.startswith("refund."):
        return _about_refund(event, data)
    return _about_payment(event, data, now) if event.type.startswith("charge.") else event


def _about_payment(event: ProviderEvent, transaction: Mapping[str, Any], now: datetime) -> ProviderEvent:
    reference = text(transaction.get("reference"))
    try:
        claims = payment_state(transaction, now)
    except Unreadable:
        claims = None
    return replace(
        event,
        subject="payment",
        reference=reference,
        provider_ref=reference,
        provider_payment_ref=number_name(transaction.get("id")),
        claims=claims,
    )


def _about_refund(event: ProviderEvent, refund: Mapping[str, Any]) -> ProviderEvent:
    """The refund's own sum, not that of all refunds; Paystack does not always say which refund it is."""
    reference = text(refund.get("transaction_reference")) or text(part(refund, "transaction").get("reference"))
    try:
        state = refund_state(refund)
    except Unreadable:
        state = None
    return replace(
        event,
        subject="refund",
        reference=reference,
        provider_ref=reference,
        claims=_refund_claims(event, refund),
        refund=state,
    )


def _refund_claims(event: ProviderEvent, refund: Mapping[str, Any]) -> PaymentState | None:
    try:
        amount = whole_money(refund.get("amount"), refund.get("currency"))
    except Unreadable:
        return None
    return PaymentState("paid", refunded=amount if event.type == "refund.processed" else None, test=event.test)


def _about_dispute(event: ProviderEvent, dispute: Mapping[str, Any]) -> ProviderEvent:
    disputed = part(dispute, "transaction")
    reference = text(disputed.get("reference")) or text(dispute.get("transaction_reference"))
    try:
        state = dispute_state(dispute)
    except Unreadable:
        state = None
    return replace(
        event,
        subject="dispute",
        reference=reference,
        provider_ref=reference,
        provider_payment_ref=number_name(disputed.get("id")),
        dispute=state,
    )
