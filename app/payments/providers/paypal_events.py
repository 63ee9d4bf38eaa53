"""PayPal's messages as events of the contract. Few fields are read, and none is relied on to be there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from app.lib.money import Money
from app.payments.providers.base import DisputeState, DisputeStates, MalformedEvent, PaymentState, ProviderEvent
from app.payments.providers.paypal_objects import (
    capture_state,
    money,
    order_state,
    owner,
    refund_reference,
    refund_state,
    taken_back,
)
from app.payments.providers.reading import Unreadable, moment, part, required_text, rows, text

T = TypeVar("T")

NAME_IN_ADDRESS = r"/{kind}/([A-Za-z0-9-]{{1,64}})$"


def read_event(message: Any, *, test: bool) -> ProviderEvent:
    """What a verified message is about. Raises MalformedEvent."""
    if not isinstance(message, Mapping) or not text(message.get("id")) or not text(message.get("event_type")):
        raise MalformedEvent("The message is signed but is not an event.")
    occurred_at = moment(message.get("create_time"))
    if occurred_at is None:
        raise MalformedEvent("The message does not say when it happened.")
    event = ProviderEvent(
        event_key=message["id"], type=message["event_type"], subject="none", occurred_at=occurred_at, test=test
    )
    resource = part(message, "resource")
    reader = next((read for prefix, read in READERS if event.type.startswith(prefix)), None)
    return reader(event, resource) if reader and resource else event


def _about_order(event: ProviderEvent, order: Mapping[str, Any]) -> ProviderEvent:
    return replace(
        event,
        subject="payment",
        reference=_tried(owner, order),
        provider_ref=text(order.get("id")),
        claims=_tried(lambda thing: order_state(thing, event.occurred_at), order),
    )


def _about_capture(event: ProviderEvent, capture: Mapping[str, Any]) -> ProviderEvent:
    related = part(part(capture, "supplementary_data"), "related_ids")
    return replace(
        event,
        subject="payment",
        reference=_payment_reference(capture),
        provider_ref=text(related.get("order_id")) or _linked(capture, "orders"),
        provider_payment_ref=text(capture.get("id")),
        claims=_tried(capture_state, capture),
    )


def _about_refund(event: ProviderEvent, refund: Mapping[str, Any]) -> ProviderEvent:
    """The message brings the refund; of its payment it has only the address, one step up."""
    return replace(
        event,
        subject="refund",
        reference=_payment_reference(refund),
        provider_payment_ref=_linked(refund, "captures"),
        claims=PaymentState("paid", refunded=_tried(_refunded_so_far, refund), test=event.test),
        refund=_tried(refund_state, refund),
    )


def _refunded_so_far(refund: Mapping[str, Any]) -> Money:
    total = part(refund, "seller_payable_breakdown").get("total_refunded_amount")
    return money(total or refund.get("amount"))


def _about_reversal(event: ProviderEvent, reversal: Mapping[str, Any]) -> ProviderEvent:
    """A bank or PayPal took money of a capture. What the message brings is the reversal, or the capture itself."""
    capture_id = _linked(reversal, "captures") or text(reversal.get("id"))
    capture = {"id": capture_id, "status_details": reversal.get("status_details")}
    return replace(
        event,
        subject="dispute",
        reference=_payment_reference(reversal),
        provider_payment_ref=capture_id,
        dispute=_tried(lambda thing: taken_back(capture, money(thing.get("amount"))), reversal),
    )


def _about_dispute(event: ProviderEvent, dispute: Mapping[str, Any]) -> ProviderEvent:
    disputed = _tried(lambda thing: rows(thing.get("disputed_transactions"))[0], dispute) or {}
    return replace(
        event,
        subject="dispute",
        reference=text(disputed.get("custom")),
        provider_payment_ref=text(disputed.get("seller_transaction_id")),
        dispute=_tried(lambda thing: _dispute_state(thing, disputed), dispute),
    )


# Where it says nothing of these, or something new, the dispute stays open, so that a person looks.
OUTCOMES: dict[str, DisputeStates] = {
    "RESOLVED_BUYER_FAVOUR": "lost",
    "ACCEPTED": "lost",
    "RESOLVED_SELLER_FAVOUR": "won",
    "RESOLVED_WITH_PAYOUT": "won",
    "CANCELED_BY_BUYER": "won",
    "DENIED": "won",
}


def _dispute_state(dispute: Mapping[str, Any], disputed: Mapping[str, Any]) -> DisputeState:
    """Named by the capture, as reversals are; the case's own name is in the reason, for PayPal's resolution centre."""
    outcome = part(dispute, "dispute_outcome")
    state = OUTCOMES.get(str(outcome.get("outcome_code")), "open") if dispute.get("status") == "RESOLVED" else "open"
    gone = outcome.get("amount_refunded") if state == "lost" else None
    reason = (text(dispute.get("reason")) or "").lower().replace("_", " ")
    return DisputeState(
        state=state,
        provider_ref=required_text(disputed, "seller_transaction_id"),
        amount=money(gone or dispute.get("dispute_amount")),
        reason=", ".join(filter(None, (reason, f"case {required_text(dispute, 'dispute_id')}"))),
        answer_by=moment(dispute.get("seller_response_due_date")),
    )


# By the beginning of the type, the more particular ones first.
READERS: tuple[tuple[str, Callable[[ProviderEvent, Mapping[str, Any]], ProviderEvent]], ...] = (
    ("CHECKOUT.ORDER.", _about_order),
    ("PAYMENT.CAPTURE.REFUNDED", _about_refund),
    ("PAYMENT.CAPTURE.REVERSED", _about_reversal),
    ("PAYMENT.CAPTURE.", _about_capture),
    ("PAYMENT.REFUND.", _about_refund),
    ("CUSTOMER.DISPUTE.", _about_dispute),
)


def _payment_reference(thing: Mapping[str, Any]) -> str | None:
    """The attempt's; a refund asked for by us bears its own name in the same place."""
    return None if refund_reference(thing) else text(thing.get("custom_id"))


def _linked(thing: Mapping[str, Any], kind: str) -> str | None:
    """The name of what it belongs to, out of the address one step up."""
    for link in _tried(lambda holder: rows(holder.get("links")), thing) or []:
        found = re.search(NAME_IN_ADDRESS.format(kind=kind), text(link.get("href")) or "")
        if found and link.get("rel") == "up":
            return found.group(1)
    return None


def _tried(read: Callable[[Mapping[str, Any]], T], thing: Mapping[str, Any]) -> T | None:
    try:
        return read(thing)
    except (Unreadable, IndexError):
        return None
