"""Stripe's objects in the words of the contract: sessions, refunds, amounts, declines. No network, no SDK."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import ListedPayment, PaymentState, PaymentStates, RefundState, RefundStates
from app.payments.providers.units import InexactAmount, WireUnits

# Only where Stripe differs from ISO 4217: the first counts no decimals, the other two insist on two of them.
# Amounts in thousandths must end in 0, and the decimals of ISK and UGX must be 00.
UNITS = WireUnits(
    exponents={"MGA": 0, "ISK": 2, "UGX": 2},
    steps={"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "ISK": 100, "UGX": 100},
)

# Public lists disagree on how Stripe counts these, and a wrong guess takes a hundred times too much.
UNCERTAIN = {"UGX"}

MOST = 10**15  # on the wire; a larger figure is a mistake
LARGEST = 99_999_999  # on the wire; Stripe takes at most eight digits

# The smallest charge, on the wire. Stripe converts its half dollar for currencies not listed here.
SMALLEST = {
    "AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip


class Unreadable(ValueError):
    """An object without the fields Stripe promises."""


def can_charge(amount: Money) -> bool:
    """Whether Stripe takes exactly this amount."""
    if amount.currency in UNCERTAIN or not UNITS.is_exact(amount):
        return False
    return SMALLEST.get(amount.currency, 1) <= UNITS.to_wire(amount) <= LARGEST


def session_state(session: Mapping[str, Any]) -> PaymentState:
    """A Checkout session in our words; says more when its payment is expanded. Raises Unreadable."""
    intent, charge = _intent_and_charge(session)
    state, awaits_money = _state(session, intent)
    failure = part(intent, "last_payment_error")
    failed_code = text(failure.get("decline_code")) or text(failure.get("code")) or ""
    currency = session.get("currency")
    return PaymentState(
        state=state,
        amount=money(session.get("amount_total"), currency),
        provider_ref=required_text(session, "id"),
        provider_payment_ref=text(intent.get("id")),
        refunded=money(charge.get("amount_refunded", 0), currency),
        error_code=failed_code if state != "paid" else "",
        error_message=decline_sentence(failed_code) if failure and state != "paid" else "",
        refunds=tuple(refund_state(refund) for refund in _refunds(charge)),
        test=session.get("livemode") is not True,
        awaits_money=awaits_money,
    )


def listed_session(session: Mapping[str, Any]) -> ListedPayment:
    """A row of the list of sessions. Raises Unreadable."""
    made = session.get("created")
    if type(made) is not int:
        raise Unreadable("A session without its time.")
    return ListedPayment(
        reference=text(session.get("client_reference_id")),
        state=session_state(session),
        at=datetime.fromtimestamp(made, UTC),
    )


def _intent_and_charge(session: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The payment intent and its charge, whether expanded, only named, or not there yet."""
    intent = part(session, "payment_intent")
    return intent, part(intent, "latest_charge")


def has_more_refunds(session: Mapping[str, Any]) -> bool:
    """Whether the expanded charge holds only the newest of its refunds."""
    _, charge = _intent_and_charge(session)
    return part(charge, "refunds").get("has_more") is True


def _refunds(charge: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Failed ones too, of which the charge's own figure says nothing."""
    rows = part(charge, "refunds").get("data", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unreadable("A list of refunds that is none.")
    return rows


def _state(session: Mapping[str, Any], intent: Mapping[str, Any]) -> tuple[PaymentStates, bool]:
    """The state, and whether the money is on its way without the shopper."""
    if session.get("payment_status") in ("paid", "no_payment_required"):
        return "paid", False
    match session.get("status"):
        case "open":
            return "pending", False
        case "expired":
            return "expired", False
        case "complete" if intent.get("status") in ("requires_payment_method", "canceled"):
            return "failed", False
        case "complete":
            return "pending", True
    raise Unreadable("A session without a status.")


REFUND_STATES: dict[str, RefundStates] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def refund_state(refund: Mapping[str, Any]) -> RefundState:
    """A refund object in our words. Raises Unreadable."""
    state = REFUND_STATES.get(str(refund.get("status")))
    if state is None:
        raise Unreadable("A refund without a status.")
    return RefundState(
        state=state,
        provider_ref=required_text(refund, "id"),
        reference=text(part(refund, "metadata").get("refund_id")),
        amount=money(refund.get("amount"), refund.get("currency")),
        error=text(refund.get("failure_reason")) or "",
    )


DECLINES = {
    "insufficient_funds": "The card has too little money on it.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The card's security code is wrong.",
    "incorrect_number": "The card number is wrong.",
    "authentication_required": "The bank wants you to confirm this payment.",
    "processing_error": "The bank could not be reached. Please try again.",
}


def decline_sentence(code: str) -> str:
    """Why the bank said no, for the shopper; vague where Stripe asks shops to be vague."""
    return DECLINES.get(code, "The bank declined this payment.")


def money(number: Any, currency: Any) -> Money:
    """Raises Unreadable for anything but a whole number that money can be, and a currency code."""
    if type(number) is not int or not 0 <= number < MOST:
        raise Unreadable("An amount that is no amount of money.")
    if not isinstance(currency, str) or not currency.isascii() or len(currency) != 3:
        raise Unreadable("An amount that is not a whole number with a currency.")
    try:
        return UNITS.from_wire(number, currency)
    except InexactAmount as error:
        raise Unreadable(str(error)) from None


def text(value: Any) -> str | None:
    """An identifier of theirs that is safe to keep and to compare; None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None


def required_text(thing: Mapping[str, Any], key: str) -> str:
    value = text(thing.get(key))
    if value is None:
        raise Unreadable(f"An object without {key}.")
    return value


def part(thing: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A nested object; one that is only named by its id becomes {"id": ...}, a missing one becomes empty."""
    value = thing.get(key)
    if isinstance(value, str):
        return {"id": value}
    return value if isinstance(value, Mapping) else {}
