"""What M-Pesa's results mean, and what its callback says. Numbers come as numbers or as text."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from app.lib.money import Money
from app.payments.providers.base import MalformedEvent, PaymentState, PaymentStates, ProviderEvent

CURRENCY = "KES"
STILL_PROCESSED = "4999"

RESULTS: dict[str, tuple[PaymentStates, str]] = {
    "0": ("paid", ""),
    "1": ("failed", "There was not enough money in the M-Pesa account."),
    "1001": ("failed", "Another M-Pesa request was open on the phone. Wait a minute, then try again."),
    "1019": ("expired", "The request ended before the PIN was entered."),
    "1025": ("failed", "M-Pesa could not send the request to the phone."),
    "1032": ("cancelled", "You cancelled the request on your phone."),
    "1037": ("expired", "The phone could not be reached, or nobody answered the request."),
    "2001": ("failed", "The M-Pesa PIN was wrong."),
    "9999": ("failed", "M-Pesa could not send the request to the phone."),
}

NAME = re.compile(r"[\x21-\x7e]{1,100}")
RECEIPT = re.compile(r"[A-Za-z0-9]{6,20}")
SHILLINGS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")


def is_name(value: Any) -> TypeGuard[str]:
    """Whether it can be the name of a request."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def code_of(message: Mapping[str, Any], name: str) -> str | None:
    """A code without its type: 0 and "0" are the same; None for anything else."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    written = str(value)
    return written if re.fullmatch(r"[0-9]{1,6}", written) else None


def result_state(code: str, description: Any, provider_ref: str, *, test: bool) -> PaymentState:
    """The state a ResultCode stands for; a code nobody knows is a failure that keeps M-Pesa's own words."""
    if code == STILL_PROCESSED:
        return PaymentState("pending", provider_ref=provider_ref, awaits_money=True, test=test)
    said = description[:200] if isinstance(description, str) and description.isprintable() else ""
    state, sentence = RESULTS.get(code, ("failed", f"M-Pesa did not take the payment. {said}".strip()))
    if state == "paid":
        return PaymentState("paid", provider_ref=provider_ref, test=test)
    return PaymentState(state, provider_ref=provider_ref, error_code=code, error_message=sentence, test=test)


def read_callback(body: bytes, reference: str, *, test: bool, now: datetime) -> ProviderEvent:
    """The message that came to this attempt's address. Raises MalformedEvent."""
    callback = _callback(body)
    name, code = callback.get("CheckoutRequestID"), code_of(callback, "ResultCode")
    if not is_name(name) or code is None:
        raise MalformedEvent("A callback without a CheckoutRequestID or a ResultCode.")
    items = _items(callback)
    receipt = items.get("MpesaReceiptNumber")
    receipt = receipt if isinstance(receipt, str) and RECEIPT.fullmatch(receipt) else None
    state, _ = RESULTS.get(code, ("failed", ""))
    claims = PaymentState(state, amount=_amount(items), provider_ref=name, provider_payment_ref=receipt, test=test)
    return ProviderEvent(
        # One result for each push, they say; should there be another after all, it is not taken for a repeat.
        event_key=f"{name}.{code}",
        type=f"stkCallback.{code}",
        subject="payment",
        occurred_at=_paid_at(items) or now,
        reference=reference,
        provider_ref=name,
        provider_payment_ref=receipt,
        claims=claims,
        test=test,
    )


def _callback(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body.decode("utf-8"), parse_float=str)["Body"]["stkCallback"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise MalformedEvent("Not a callback of M-Pesa.") from None
    if not isinstance(found, dict):
        raise MalformedEvent("Not a callback of M-Pesa.")
    return found


def _items(callback: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a success by name; an item may come without a value."""
    metadata = callback.get("CallbackMetadata")
    rows = metadata.get("Item") if isinstance(metadata, dict) else None
    if not isinstance(rows, list):
        return {}
    return {row["Name"]: row.get("Value") for row in rows if isinstance(row, dict) and isinstance(row.get("Name"), str)}


def _amount(items: Mapping[str, Any]) -> Money | None:
    """400, 400.0 and "400.00" are the same. Raises MalformedEvent for what is no amount."""
    value = items.get("Amount")
    if value is None:
        return None
    if isinstance(value, bool) or not SHILLINGS.fullmatch(str(value)):
        raise MalformedEvent("A callback with an amount that is none.")
    return Money(int(Decimal(str(value)).scaleb(2)), CURRENCY)


def _paid_at(items: Mapping[str, Any]) -> datetime | None:
    """TransactionDate is a number in East African time: 20260102030405."""
    try:
        return datetime.strptime(f"{items.get('TransactionDate')}+0300", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
