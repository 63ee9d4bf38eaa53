"""PayPal's refusals in the words of the contract. Its own text goes to the log, never to shoppers."""

from app.payments.providers.base import NotConfigured, ProviderError, ProviderRefused, ProviderUnavailable
from app.payments.providers.http import Answer
from app.payments.providers.reading import Unreadable, rows, text

# The shopper can still go back to PayPal and choose another way to pay there.
AT_THE_PAYER = {
    "instrument_declined": "PayPal could not use this card or account. Go back to PayPal and choose another one.",
    "redirect_payer_for_alternate_funding": "This card or account does not work. Go back to PayPal and choose another.",
    "payer_action_required": "PayPal wants you to confirm something. Go back to PayPal to go on.",
    "order_not_approved": "The payment was not approved at PayPal yet. Go back to PayPal to go on.",
}

# This order will never be paid; another attempt, or another way to pay, may.
FINAL = {
    "not_found": "The payment was not finished at PayPal in time. Please try again.",
    "order_expired": "The payment was not finished at PayPal in time. Please try again.",
    "max_number_of_payment_attempts_exceeded": "PayPal declined this payment too often. Choose another way to pay.",
    "transaction_refused": "PayPal refused this payment. Choose another way to pay.",
    "compliance_violation": "PayPal refused this payment. Choose another way to pay.",
    "payee_blocked_transaction": "PayPal refused this payment. Choose another way to pay.",
    "transaction_blocked_by_payee": "PayPal refused this payment. Choose another way to pay.",
    "payer_cannot_pay": "This PayPal account cannot pay this shop. Choose another way to pay.",
    "payer_account_restricted": "This PayPal account cannot pay just now. Choose another way to pay.",
    "payer_account_locked_or_closed": "This PayPal account cannot pay just now. Choose another way to pay.",
    "domestic_transaction_required": "This PayPal account can only pay in its own country.",
    "transaction_limit_exceeded": "This amount is above the limit of this PayPal account.",
    "transaction_receiving_limit_exceeded": "PayPal refused this payment. Choose another way to pay.",
}

# For staff, who asked for a refund.
REFUNDS = {
    "capture_fully_refunded": "This payment has already been refunded in full.",
    "refund_amount_exceeded": "This is more than what is left of the payment.",
    "refund_time_limit_exceeded": "PayPal refunds payments for 180 days only, and this one is older.",
    "refund_failed_insufficient_funds": "There is too little money in the shop's PayPal account for this refund.",
    "refund_not_allowed": "PayPal does not let this payment be refunded.",
    "partial_refund_not_allowed": "PayPal lets this payment be refunded only as a whole.",
    "max_number_of_refunds_exceeded": "PayPal lets this payment be refunded no more times.",
    "transaction_disputed": "This payment is disputed, so it cannot be refunded in part. See the case at PayPal.",
    "refund_not_permitted_due_to_chargeback": "The shopper's bank took this money back, so it cannot be refunded.",
    "refund_amount_too_low": "This is too little to be refunded.",
    "pending_capture": "The money of this payment has not arrived yet, so it cannot be refunded.",
    "refund_is_restricted": "Another PayPal app took this payment, and only that one can refund it.",
}

OTHERS = {
    "payee_account_restricted": "The shop's PayPal account is restricted. See PayPal's messages about it.",
    "payee_account_locked_or_closed": "The shop's PayPal account is locked or closed.",
    "decimal_precision": "This amount cannot be paid with PayPal.",
    "invalid_currency_code": "This currency cannot be paid with PayPal.",
    "currency_not_supported": "This currency cannot be paid with PayPal.",
}

SENTENCES = AT_THE_PAYER | FINAL | REFUNDS | OTHERS


def translated(answer: Answer) -> ProviderError:
    """An error of ours for an answer that is not fine."""
    issue = _issue(answer)
    said = f"HTTP {answer.status}, {issue}, debug id {text(answer.body.get('debug_id')) or 'none'}"
    if answer.status == 401:
        return NotConfigured(f"PayPal does not accept PAYPAL_CLIENT_ID with PAYPAL_CLIENT_SECRET ({said}).")
    if answer.status == 403:
        return NotConfigured(f"The app of PAYPAL_CLIENT_ID may not do this; see its features at PayPal ({said}).")
    if answer.status == 409:
        return ProviderUnavailable(f"PayPal is busy with the same request ({said}).")
    if answer.status >= 500 or answer.status < 400:
        return ProviderUnavailable(f"PayPal gave no usable answer ({said}).")
    return refusal_of("not_found" if answer.status == 404 else issue.lower(), said)


def refusal_of(code: str, detail: str) -> ProviderRefused:
    sentence = SENTENCES.get(code, "This cannot be done with PayPal just now.")
    return ProviderRefused(code, sentence, retryable=code in AT_THE_PAYER, detail=detail)


def _issue(answer: Answer) -> str:
    """The particular problem, or the general name of the error."""
    try:
        first = rows(answer.body.get("details", []))[0]
    except (Unreadable, IndexError):
        first = {}
    return text(first.get("issue")) or text(answer.body.get("name")) or text(answer.body.get("error")) or "no reason"
