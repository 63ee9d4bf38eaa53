"""Chapa's objects in the words of the contract: transactions, refunds, complaints about a request. No network."""

import re
from collections.abc import Mapping
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import PaymentRequest, PaymentState, PaymentStates, RefundState, RefundStates
from app.payments.providers.reading import Unreadable, decimal_money, part, required_text, text

CURRENCIES = ("ETB", "USD")
LONGEST_TITLE = 16

# What Chapa calls a payment. Fees are not part of its amount, and do not come back with a refund.
STATES: dict[str, PaymentStates] = {
    "success": "paid",
    "refunded": "paid",
    "reversed": "paid",
    "pending": "pending",
    "failed": "failed",
    "failed/cancelled": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "expired": "expired",
}
GONE_BACK = ("refunded", "reversed")


def payment_state(transaction: Mapping[str, Any]) -> PaymentState:
    """A transaction in our words. Raises Unreadable.

    Chapa says that everything went back, or nothing: a part that went back is known from its own look-up alone.
    """
    status = str(transaction.get("status")).lower()
    if status not in STATES:
        raise Unreadable("A transaction without a status that is known.")
    amount = decimal_money(transaction.get("amount"), transaction.get("currency"))
    failed = STATES[status] == "failed"
    return PaymentState(
        state=STATES[status],
        amount=amount,
        provider_ref=required_text(transaction, "tx_ref"),
        provider_payment_ref=text(transaction.get("reference")),
        refunded=amount if status in GONE_BACK else None,
        error_code="declined" if failed else "",
        error_message="The bank declined this payment." if failed else "",
        test=transaction.get("mode") != "live",
        # Somebody is entering a PIN just now; a page nobody has paid at yet has no data at all.
        awaits_money=STATES[status] == "pending",
    )


def is_unpaid(answer: Mapping[str, Any]) -> bool:
    """Whether a look-up without data speaks of a page nobody has paid at yet, and not of one never opened."""
    return "not paid" in complaint(answer).lower()


REFUND_STATES: dict[str, RefundStates] = {
    "initiated": "pending",
    "refund initiated": "pending",
    "pending": "pending",
    "processing": "pending",
    "refunded": "succeeded",
    "success": "succeeded",
    # Of a refund, not of a payment: the money came back to the shop.
    "reversed": "failed",
    "failed": "failed",
    "rejected": "failed",
}


def refund_state(refund: Mapping[str, Any], reference: str, amount: Money) -> RefundState:
    """A refund in our words. Raises Unreadable."""
    state = REFUND_STATES.get(str(refund.get("status")).lower())
    if state is None:
        raise Unreadable("A refund without a status that is known.")
    written = refund.get("amount")
    return RefundState(
        state=state,
        # Chapa's documentation calls it by both names.
        provider_ref=text(refund.get("ref_id")) or text(refund.get("ref")) or "",
        reference=reference,
        amount=amount if written is None else decimal_money(written, refund.get("currency") or amount.currency),
        error="Chapa could not send the money back." if state == "failed" else "",
    )


def new_transaction(request: PaymentRequest) -> dict[str, Any]:
    """The content of a request for a page; the same request always gives the same."""
    first, _, last = request.name.strip().partition(" ")
    said = {
        "email": request.email,
        "first_name": first[:50],
        "last_name": last.strip()[:50],
        "phone_number": local_phone(request.phone),
    }
    return {
        "amount": request.amount.plain(),
        "currency": request.amount.currency,
        "tx_ref": request.reference,
        # Chapa's server calls the first, the shopper's browser the second; both only make us ask.
        "callback_url": request.return_url,
        "return_url": request.return_url,
        "customization": {
            "title": _plain(f"Order {request.order_number}", LONGEST_TITLE),
            "description": _plain(request.description, 50),
        },
        **{field: value for field, value in said.items() if value},
    }


def local_phone(phone: str) -> str:
    """0911223344 for +251911223344; empty for a number that is not an Ethiopian mobile one: Chapa takes no other."""
    digits = re.sub(r"[ ()-]", "", phone)
    local = re.sub(r"^(\+|00)251", "0", digits)
    return local if re.fullmatch(r"0[79][0-9]{8}", local) else ""


def _plain(words: str, longest: int) -> str:
    """Only what Chapa takes in the words on its page: letters, digits, hyphen, underscore, space, full stop."""
    return re.sub(r"[^A-Za-z0-9_. -]", "", words)[:longest].strip() or "Order"


def complaint(answer: Mapping[str, Any]) -> str:
    """Chapa's message as one line, be it a sentence or lists of them by field. For the log and for matching."""
    message = answer.get("message")
    if isinstance(message, Mapping):
        parts = [f"{field}: {_line(words)}" for field, words in message.items()]
        return "; ".join(parts)[:300]
    return _line(message)[:300]


def fields_complained_of(answer: Mapping[str, Any]) -> set[str]:
    """The fields of the request Chapa does not like; empty when it does not say."""
    return {str(field) for field in part(answer, "message")}


def _line(words: Any) -> str:
    if isinstance(words, list):
        return ", ".join(word for word in words if isinstance(word, str))
    return words if isinstance(words, str) else ""
