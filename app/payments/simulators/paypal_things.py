"""The objects of our PayPal in the shapes of its API: captures, cases, events, and their parts."""

import copy
import secrets
from decimal import Decimal

from app.payments.simulators.paypal_rules import WITHOUT_DECIMALS, Refused, Thing

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
MERCHANT = {"email_address": "merchant@example.com", "merchant_id": "SHPMERCHANT22"}
PAYER = {"email_address": "ada@example.com", "account_id": "ADAPAYER23456"}
PAYER_NAME = {"given_name": "Ada", "surname": "Lovelace"}


def new_capture(base: str, order: Thing, status: str, now: str, *, off_by: int) -> Thing:
    """Money taken for an order, `off_by` more units of its currency than it says."""
    unit = order["purchase_units"][0]
    capture_id = key(17)
    currency = unit["amount"]["currency_code"]
    amount = {"currency_code": currency, "value": written(Decimal(unit["amount"]["value"]) + off_by, currency)}
    capture: Thing = {
        "id": capture_id,
        "status": status,
        "amount": amount,
        "final_capture": True,
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "seller_receivable_breakdown": {"gross_amount": dict(amount)},
        "create_time": now,
        "update_time": now,
        "links": [
            link(base, f"/v2/payments/captures/{capture_id}", "self"),
            link(base, f"/v2/payments/captures/{capture_id}/refund", "refund", "POST"),
            link(base, f"/v2/checkout/orders/{order['id']}", "up"),
        ],
    }
    capture |= {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    if status == "PENDING":
        capture["status_details"] = {"reason": "ECHECK"}
    return capture


def new_refund(base: str, capture: Thing, asked: Thing, amount: Thing, status: str, now: str) -> Thing:
    """Money sent back. What is not named anew bears the payment's names."""
    refund_id = key(17)
    names = {name: capture[name] for name in ("custom_id", "invoice_id") if name in capture}
    refund = {
        "id": refund_id,
        "amount": dict(amount),
        "status": status,
        **names,
        **{name: asked[name] for name in ("custom_id", "invoice_id", "note_to_payer") if name in asked},
        "create_time": now,
        "update_time": now,
        "links": [
            link(base, f"/v2/payments/refunds/{refund_id}", "self"),
            link(base, f"/v2/payments/captures/{capture['id']}", "up"),
        ],
    }
    if status == "PENDING":
        refund["status_details"] = {"reason": "ECHECK"}
    return refund


def new_reversal(base: str, capture: Thing, amount: Thing, now: str) -> Thing:
    """Money a bank took."""
    return {
        "id": key(17),
        "amount": amount,
        "status": "COMPLETED",
        "create_time": now,
        "links": [link(base, f"/v2/payments/captures/{capture['id']}", "up")],
    }


def new_case(capture: Thing, now: str, answer_by: str) -> Thing:
    """A payer's complaint about all of a capture."""
    return {
        "dispute_id": f"PP-D-{secrets.randbelow(90_000) + 10_000}",
        "create_time": now,
        "update_time": now,
        "disputed_transactions": [
            {
                "buyer_transaction_id": key(17),
                "seller_transaction_id": capture["id"],
                "custom": capture.get("custom_id", ""),
                "invoice_number": capture.get("invoice_id", ""),
            }
        ],
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_amount": dict(capture["amount"]),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "seller_response_due_date": answer_by,
    }


def new_event(kind: str, resource_type: str, about: Thing, now: str) -> Thing:
    """What happened, with the thing as it is now. A capture brings the name of its order."""
    resource = copy.deepcopy(about)
    if resource_type == "capture":
        order_id = about["links"][-1]["href"].rpartition("/")[2]
        resource["supplementary_data"] = {"related_ids": {"order_id": order_id}}
    return {
        "id": f"WH-{key(17)}-{key(17)}",
        "event_version": "1.0",
        "create_time": now,
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": kind,
        "summary": kind.replace(".", " ").capitalize(),
        "resource": resource,
        "links": [],
    }


def link(base: str, path: str, rel: str, method: str = "GET") -> Thing:
    return {"href": base + path, "rel": rel, "method": method}


def captures(order: Thing) -> list[Thing]:
    found: list[Thing] = order["purchase_units"][0].get("payments", {}).get("captures", [])
    return found


def capture_of(order: Thing) -> Thing:
    """Raises Refused when no money was taken."""
    found = captures(order)
    if not found:
        raise Refused(422, "ORDER_NOT_APPROVED")
    return found[0]


def sent_back(order: Thing) -> Decimal:
    """Money on its way counts too: it cannot be sent twice."""
    rows = order["purchase_units"][0].get("payments", {}).get("refunds", [])
    counted = [Decimal(one["amount"]["value"]) for one in rows if one["status"] in ("COMPLETED", "PENDING")]
    return sum(counted, Decimal(0))


def written(number: Decimal, currency: str) -> str:
    return f"{number:.0f}" if currency in WITHOUT_DECIMALS else f"{number:.2f}"


def key(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))
