"""Paystack's shapes: how a transaction, a refund or a dispute is written in each answer and message."""

import time
from typing import Any

Thing = dict[str, Any]
FEE = 150  # in ten thousandths of the amount
A_DAY = 24 * 3600


def transaction(one: Thing) -> Thing:
    """As `verify` and `charge.success` tell it."""
    paid = _time(one["paid"])
    return _common(one) | {
        "receipt_number": None,
        "paidAt": paid,
        "fees_breakdown": None,
        "transaction_date": _time(one["made"]),
        "plan": None,
        "plan_object": {},
        "source": None,
    }


def listed_transaction(one: Thing) -> Thing:
    """As `GET /transaction` tells it."""
    told = _common(one) | {"paidAt": _time(one["paid"]) or "", "plan": {}, "source": None}
    nobody = dict.fromkeys(_authorization()) | {"reusable": False}
    return told | {"authorization": told["authorization"] or nobody}


def _common(one: Thing) -> Thing:
    is_paid = one["paid"] is not None
    return {
        "id": one["id"],
        "domain": one["domain"],
        "status": one["status"],
        "reference": one["reference"],
        "amount": one["amount"],
        "requested_amount": one["amount"],
        "message": None,
        "gateway_response": one["gateway_response"],
        "paid_at": _time(one["paid"]),
        "created_at": _time(one["made"]),
        "createdAt": _time(one["made"]),
        "channel": "card",
        "currency": one["currency"],
        "ip_address": "127.0.0.1",
        "metadata": one["metadata"],
        "log": None,
        "fees": one["amount"] * FEE // 10_000 if is_paid else None,
        "fees_split": None,
        "authorization": _authorization() if is_paid else {},
        "customer": _customer(one),
        "split": {},
        "subaccount": {},
        "order_id": None,
        "pos_transaction_data": None,
        "connect": None,
    }


def refund(one: Thing) -> Thing:
    """As `GET /refund` and `GET /refund/{id}` tell it."""
    paid = one["transaction"]
    return {
        "id": one["id"],
        "integration": 463433,
        "transaction": paid["id"],
        "transaction_reference": paid["reference"],
        "transaction_amount": paid["amount"],
        "dispute": None,
        "settlement": None,
        "domain": paid["domain"],
        "currency": paid["currency"],
        "amount": one["amount"],
        "status": one["status"],
        "refunded_at": _time(one["due"]) if one["status"] == "processed" else None,
        "refunded_by": "owner@shop.test",
        "customer_note": one["customer_note"],
        "merchant_note": one["merchant_note"],
        "deducted_amount": one["amount"] if one["status"] == "processed" else 0,
        "fully_deducted": int(one["status"] == "processed"),
        "createdAt": _time(one["made"]),
        "bank_reference": None,
        "reason": "REFUND",
        "customer": _customer(paid) | _with_words(),
        "refund_type": "full" if one["amount"] == paid["amount"] else "partial",
        "initiated_by": "owner@shop.test",
        "refund_channel": "MIGS",
        "session_id": None,
        "collect_account_number": one["status"] == "needs-attention",
    }


def created_refund(one: Thing) -> Thing:
    """As the answer to `POST /refund` tells it."""
    paid = one["transaction"]
    named = {"id", "domain", "reference", "amount", "channel", "currency", "split", "subaccount", "order_id"}
    told = {name: value for name, value in _common(paid).items() if name in named}
    return {
        "id": one["id"],
        "integration": 463433,
        "transaction": told
        | {
            "paid_at": _time(paid["paid"]),
            "paidAt": _time(paid["paid"]),
            "authorization": {"exp_month": None, "exp_year": None, "account_name": None},
            "customer": {"international_format_phone": None},
            "plan": {},
            "subaccount": {"currency": None},
            "pos_transaction_data": None,
            "source": None,
            "fees_breakdown": None,
        },
        "domain": paid["domain"],
        "currency": paid["currency"],
        "amount": one["amount"],
        "status": one["status"],
        "channel": None,
        "customer_note": one["customer_note"],
        "merchant_note": one["merchant_note"],
        "deducted_amount": 0,
        "fully_deducted": False,
        "refunded_by": "owner@shop.test",
        "expected_at": _time(one["made"] + 7 * A_DAY),
        "createdAt": _time(one["made"]),
        "updatedAt": _time(one["made"]),
    }


def refund_event(one: Thing) -> Thing:
    """As the messages tell it: little, and the amount as text."""
    paid = one["transaction"]
    return {
        "status": one["status"],
        "transaction_reference": paid["reference"],
        "refund_reference": None,
        "amount": str(one["amount"]),
        "currency": paid["currency"],
        "processor": "mpgs_zen",
        "customer": {"first_name": None, "last_name": None, "email": paid["email"]},
        "integration": 463433,
        "domain": paid["domain"],
    }


def dispute(one: Thing) -> Thing:
    """As `GET /dispute` and the messages tell it."""
    paid = one["transaction"]
    return {
        "id": one["id"],
        "refund_amount": paid["amount"],
        "currency": paid["currency"],
        "status": one["status"],
        "resolution": one["resolution"],
        "domain": paid["domain"],
        "transaction": _common(paid)
        | {
            "metadata": {"custom_fields": []},
            "customer": None,
            "paidAt": _time(paid["paid"]),
            "plan": {},
            "source": None,
            "fees_breakdown": None,
        },
        "transaction_reference": None,
        "category": one["category"],
        "customer": _customer(paid) | _with_words(),
        "bin": "408408",
        "last4": "4081",
        "dueAt": _time(one["made"] + A_DAY),
        "resolvedAt": _time(one["resolved"]),
        "evidence": None,
        "attachments": None,
        "note": None,
        "history": [{"status": one["status"], "by": "bank@bank.test", "createdAt": _time(one["made"])}],
        "messages": [{"sender": "bank@bank.test", "body": "Not mine.", "createdAt": _time(one["made"])}],
        "createdAt": _time(one["made"]),
        "updatedAt": _time(one["resolved"] or one["made"]),
    }


def _authorization() -> Thing:
    return {
        "authorization_code": "AUTH_8dfhjjdt",
        "bin": "408408",
        "last4": "4081",
        "exp_month": "12",
        "exp_year": "2030",
        "channel": "card",
        "card_type": "visa",
        "bank": "Test Bank",
        "country_code": "NG",
        "brand": "visa",
        "reusable": True,
        "signature": "SIG_yEXu7dLBeqG0kU7g95Ke",
        "account_name": None,
    }


def _customer(one: Thing) -> Thing:
    return {
        "id": 180_909_441,
        "first_name": None,
        "last_name": None,
        "email": one["email"],
        "customer_code": "CUS_3l3p8lccr27l8i2",
        "phone": None,
        "metadata": None,
        "risk_action": "default",
        "international_format_phone": None,
    }


def _with_words() -> Thing:
    """Where a list writes nothing in place of null."""
    return dict.fromkeys(("first_name", "last_name", "phone", "metadata", "international_format_phone"), "")


def _time(at: float | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
