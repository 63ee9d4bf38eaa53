"""Paystack's objects in the words of the contract: transactions, refunds, disputes, declines. No network."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import (
    DisputeState,
    DisputeStates,
    PaymentState,
    PaymentStates,
    RefundState,
    RefundStates,
)
from app.payments.providers.reading import Unreadable, moment, number_name, part, required_text, text, whole_money

# The smallest charge in each currency Paystack takes, in minor units, which is also how it writes amounts.
SMALLEST = {"GHS": 10, "KES": 300, "NGN": 5000, "USD": 200, "ZAR": 100}

# Paystack calls a payment abandoned from its first second until somebody pays, and closes its page for nobody.
# After this long nobody comes back to it.
LIFETIME = timedelta(hours=24)


def can_charge(amount: Money) -> bool:
    """Whether Paystack takes exactly this amount."""
    return amount.currency in SMALLEST and amount.minor >= SMALLEST[amount.currency]


def payment_state(transaction: Mapping[str, Any], now: datetime) -> PaymentState:
    """A transaction in our words; what was sent back or is disputed it does not say. Raises Unreadable."""
    state, awaits_money = _state(transaction, now)
    code = _decline_code(transaction) if state == "failed" else ""
    return PaymentState(
        state=state,
        amount=whole_money(transaction.get("amount"), transaction.get("currency")),
        provider_ref=required_text(transaction, "reference"),
        provider_payment_ref=number_name(transaction.get("id")),
        error_code=code,
        error_message=decline_sentence(code) if code else "",
        test=transaction.get("domain") != "live",
        awaits_money=awaits_money,
    )


def _state(transaction: Mapping[str, Any], now: datetime) -> tuple[PaymentStates, bool]:
    """The state, and whether the money is on its way or can no longer be stopped."""
    match transaction.get("status"):
        case "success" | "reversed":
            # Reversed money had been here once. Where it went is told by the refunds and disputes.
            return "paid", False
        case "failed":
            return "failed", False
        case "abandoned":
            made = made_at(transaction)
            return ("expired" if made is not None and made + LIFETIME <= now else "pending"), False
        case "ongoing" | "pending" | "processing" | "queued":
            # A one-time password is being typed, a transfer or a prompt on a phone is waited for.
            return "pending", True
    raise Unreadable("A transaction without a status that is known.")


def made_at(transaction: Mapping[str, Any]) -> datetime | None:
    return moment(transaction.get("created_at")) or moment(transaction.get("createdAt"))


def is_reversed(transaction: Mapping[str, Any]) -> bool:
    return transaction.get("status") == "reversed"


REFUND_STATES: dict[str, RefundStates] = {
    "pending": "pending",
    "processing": "pending",
    "needs-attention": "pending",
    "processed": "succeeded",
    "failed": "failed",
}

NEEDS_ATTENTION = "Paystack needs the shopper's bank account to send this back. Enter it in Paystack's dashboard."


def refund_state(refund: Mapping[str, Any]) -> RefundState:
    """A refund in our words; our reference is what we wrote as the merchant's note. Raises Unreadable."""
    status = str(refund.get("status"))
    if status not in REFUND_STATES:
        raise Unreadable("A refund without a status that is known.")
    errors = {"needs-attention": NEEDS_ATTENTION, "failed": "Paystack could not send the money back."}
    return RefundState(
        state=REFUND_STATES[status],
        provider_ref=_id(refund),
        reference=our_reference(refund),
        amount=whole_money(refund.get("amount"), refund.get("currency")),
        error=errors.get(status, ""),
    )


def our_reference(refund: Mapping[str, Any]) -> str | None:
    note = text(refund.get("merchant_note"))
    return note if note and note.startswith("ref-") and " " not in note else None


def dispute_state(dispute: Mapping[str, Any]) -> DisputeState:
    """A dispute in our words. Raises Unreadable."""
    disputed = part(dispute, "transaction")
    return DisputeState(
        state=_dispute(dispute),
        provider_ref=_id(dispute),
        # Paystack names no sum until it is agreed; until then all of the payment is at stake.
        amount=whole_money(
            dispute.get("refund_amount") or disputed.get("amount"), dispute.get("currency") or disputed.get("currency")
        ),
        reason=text(dispute.get("category")) or "",
        answer_by=moment(dispute.get("dueAt")) or moment(dispute.get("due_at")),
    )


def _dispute(dispute: Mapping[str, Any]) -> DisputeStates:
    """Resolved without a resolution we know stays open: a person has to look."""
    if dispute.get("status") != "resolved":
        return "open"
    resolution = str(dispute.get("resolution"))
    if resolution.endswith("accepted"):  # merchant-accepted, auto-accepted: the shopper has the money back
        return "lost"
    return "won" if resolution == "declined" else "open"


# Parts of what Paystack calls the gateway's response, in small letters.
DECLINE_CODES = {
    "insufficient": "insufficient_funds",
    "not enough": "insufficient_funds",
    "expired": "expired_card",
    "pin": "incorrect_pin",
    "cvv": "incorrect_cvc",
    "timed out": "timed_out",
    "timeout": "timed_out",
    "cancel": "cancelled_by_shopper",
    "limit": "limit",
}

DECLINES = {
    "insufficient_funds": "There is too little money on this card or account.",
    "expired_card": "The card has expired.",
    "incorrect_pin": "The PIN is wrong.",
    "incorrect_cvc": "The card's security code is wrong.",
    "timed_out": "The bank did not answer in time. Please try again.",
    "cancelled_by_shopper": "You cancelled this payment.",
    "limit": "This payment is above the limit of the card or account.",
}


def _decline_code(transaction: Mapping[str, Any]) -> str:
    said = (text(transaction.get("gateway_response")) or "").lower()
    return next((code for words, code in DECLINE_CODES.items() if words in said), "declined")


def decline_sentence(code: str) -> str:
    """Why the bank said no, for the shopper; vague about anything that could help a thief."""
    return DECLINES.get(code, "The bank declined this payment.")


def _id(thing: Mapping[str, Any]) -> str:
    name = number_name(thing.get("id"))
    if name is None:
        raise Unreadable("An object without an id.")
    return name
