"""PayPal's objects in the words of the contract: orders, captures, refunds, amounts, reasons. No network."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.lib.money import Money, exponent
from app.payments.providers.base import (
    DisputeState,
    ListedPayment,
    PaymentState,
    PaymentStates,
    RefundState,
    RefundStates,
)
from app.payments.providers.reading import Unreadable, decimal_money, moment, part, required_text, rows, text
from app.payments.providers.units import WireUnits

# What PayPal takes; BRL, CNY and MYR only from accounts in their own country.
CURRENCIES = {
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
}  # fmt: skip

# Only where PayPal differs from ISO 4217: these are written without decimals.
UNITS = WireUnits(exponents={"HUF": 0, "TWD": 0})

# How long nobody need approve an order; after that PayPal forgets it.
LIFETIME = timedelta(hours=3)


def can_charge(amount: Money) -> bool:
    """Whether PayPal takes exactly this amount."""
    return amount.currency in CURRENCIES and amount.minor > 0 and UNITS.is_exact(amount)


def written(amount: Money) -> dict[str, str]:
    """An amount as PayPal writes it. Raises InexactAmount."""
    digits = UNITS.exponents.get(amount.currency, exponent(amount.currency))
    return {"currency_code": amount.currency, "value": f"{Decimal(UNITS.to_wire(amount)).scaleb(-digits):f}"}


def money(value: Any) -> Money:
    """Raises Unreadable."""
    found = value if isinstance(value, Mapping) else {}
    return decimal_money(found.get("value"), found.get("currency_code"))


def unit(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one purchase unit of an order of ours. Raises Unreadable."""
    units = rows(order.get("purchase_units"))
    if len(units) != 1:
        raise Unreadable("An order that is not one of ours.")
    return units[0]


def owner(order: Mapping[str, Any]) -> str | None:
    """The attempt an order was made for. The answer to a capture says it at the capture alone. Raises Unreadable."""
    found = unit(order)
    capture = _capture(found)
    return text(found.get("custom_id")) or (text(capture.get("custom_id")) if capture else None)


def order_state(order: Mapping[str, Any], now: datetime) -> PaymentState:
    """An order with its capture and refunds in our words. Raises Unreadable."""
    found = unit(order)
    order_id = required_text(order, "id")
    capture = _capture(found)
    if capture is None:
        return PaymentState(_before_capture(order, now), amount=money(found.get("amount")), provider_ref=order_id)
    refunds = tuple(refund_state(one) for one in rows(part(found, "payments").get("refunds", [])))
    return _captured(order_id, capture, refunds)


def capture_state(capture: Mapping[str, Any]) -> PaymentState:
    """A capture alone, as messages bring it. Raises Unreadable."""
    state, awaits_money = CAPTURES.get(str(capture.get("status")), (None, False))
    if state is None:
        raise Unreadable("A capture without a status that is known.")
    reason = (text(part(capture, "status_details").get("reason")) or "").lower()
    code = (reason or "declined") if state == "failed" else reason if awaits_money else ""
    return PaymentState(
        state,
        amount=money(capture.get("amount")),
        provider_payment_ref=required_text(capture, "id"),
        error_code=code,
        error_message=DECLINED if state == "failed" else "",
        awaits_money=awaits_money,
    )


DECLINED = "PayPal declined this payment."

CAPTURES: dict[str, tuple[PaymentStates, bool]] = {
    "COMPLETED": ("paid", False),
    "PARTIALLY_REFUNDED": ("paid", False),
    "REFUNDED": ("paid", False),
    "PENDING": ("pending", True),
    "DECLINED": ("failed", False),
    "FAILED": ("failed", False),
}

# Why a capture is "refunded" although nobody refunded it.
TAKEN_BACK = ("BUYER_COMPLAINT", "CHARGEBACK")


def _captured(order_id: str, capture: Mapping[str, Any], refunds: tuple[RefundState, ...]) -> PaymentState:
    state = capture_state(capture)
    assert state.amount is not None
    back = _total(refunds, "succeeded")
    rest = state.amount.minor - back - _total(refunds, "pending")
    disputes: tuple[DisputeState, ...] = ()
    if capture.get("status") == "REFUNDED" and rest > 0:
        # More is gone than the refunds say.
        if part(capture, "status_details").get("reason") in TAKEN_BACK:
            disputes = (taken_back(capture, Money(rest, state.amount.currency)),)
        else:
            back += rest
    return PaymentState(
        state.state,
        amount=state.amount,
        provider_ref=order_id,
        provider_payment_ref=state.provider_payment_ref,
        refunded=Money(back, state.amount.currency),
        error_code=state.error_code,
        error_message=state.error_message,
        refunds=refunds,
        disputes=disputes,
        awaits_money=state.awaits_money,
    )


def taken_back(capture: Mapping[str, Any], amount: Money, reason: str = "") -> DisputeState:
    """Money of a capture that PayPal or a bank took. One capture has one dispute, so it bears the capture's name.

    A case, a reversal and the capture itself tell of the same loss, each under another name of its own.
    """
    said = reason or text(part(capture, "status_details").get("reason")) or "reversed"
    return DisputeState("lost", required_text(capture, "id"), amount, said.lower())


def _total(refunds: Iterable[RefundState], state: str) -> int:
    return sum(one.amount.minor for one in refunds if one.state == state)


def _before_capture(order: Mapping[str, Any], now: datetime) -> PaymentStates:
    match order.get("status"):
        case "APPROVED":
            # Not money yet: PayPal waits for us to take it.
            return "authorised"
        case "VOIDED":
            return "cancelled"
        case "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED":
            made = moment(order.get("create_time"))
            return "expired" if made is not None and made + LIFETIME <= now else "pending"
    raise Unreadable("An order without a status that fits it.")


def _capture(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The capture that counts: one that brought money, before one on its way, before one that failed."""
    captures = rows(part(found, "payments").get("captures", []))
    rank = {"paid": 0, "pending": 1, "failed": 2}
    captures.sort(key=lambda one: rank[CAPTURES.get(str(one.get("status")), ("failed", False))[0]])
    return captures[0] if captures else None


REFUNDS: dict[str, RefundStates] = {
    "PENDING": "pending",
    "COMPLETED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "failed",
}


def refund_state(refund: Mapping[str, Any]) -> RefundState:
    """Raises Unreadable."""
    status = str(refund.get("status"))
    if status not in REFUNDS:
        raise Unreadable("A refund without a status that is known.")
    errors = {"FAILED": "PayPal could not send the money back.", "CANCELLED": "The refund was cancelled at PayPal."}
    return RefundState(
        state=REFUNDS[status],
        provider_ref=required_text(refund, "id"),
        reference=refund_reference(refund),
        amount=money(refund.get("amount")),
        error=errors.get(status, ""),
    )


def refund_reference(refund: Mapping[str, Any]) -> str | None:
    """Ours, if it was asked for by us; a refund made at PayPal's desk bears the payment's names."""
    names = (text(refund.get("custom_id")), text(refund.get("invoice_id")))
    return next((name for name in names if name and name.startswith("ref-")), None)


LISTED: dict[str, tuple[PaymentStates, bool]] = {
    "S": ("paid", False),
    "V": ("paid", False),  # reversed since; the money had been here
    "P": ("pending", True),
    "D": ("failed", False),
}


def listed_payment(row: Mapping[str, Any]) -> ListedPayment | None:
    """A row of the transaction report; None for what is not a payment received. Raises Unreadable."""
    info = part(row, "transaction_info")
    code = text(info.get("transaction_event_code")) or ""
    amount = part(info, "transaction_amount")
    if not code.startswith("T00") or str(amount.get("value", "")).startswith("-"):
        return None
    at = moment(info.get("transaction_initiation_date"))
    state, awaits_money = LISTED.get(str(info.get("transaction_status")), (None, False))
    if state is None or at is None:
        raise Unreadable("A transaction without a status and a date.")
    is_order = info.get("paypal_reference_id_type") == "ODR"
    return ListedPayment(
        reference=text(info.get("custom_field")),
        state=PaymentState(
            state,
            amount=money(amount),
            provider_ref=text(info.get("paypal_reference_id")) if is_order else None,
            provider_payment_ref=required_text(info, "transaction_id"),
            awaits_money=awaits_money,
        ),
        at=at,
    )
