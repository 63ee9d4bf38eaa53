"""PayPal's report of transactions: payments received and sent back in a time, a page at a time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from app.payments.simulators.paypal_rules import Refused, Thing

LONGEST = timedelta(days=31)
KNOWN = {"start_date", "end_date", "fields", "page_size", "page"}
STATES = {"COMPLETED": "S", "PARTIALLY_REFUNDED": "S", "REFUNDED": "S", "PENDING": "P", "DECLINED": "D"}


def report(orders: Iterable[Thing], asked: Thing) -> Thing:
    """The answer to a search. Raises Refused."""
    since, until = _time(asked, "start_date"), _time(asked, "end_date")
    if unknown := set(asked) - KNOWN:
        raise Refused(400, "NOT_SUPPORTED", field=min(unknown))
    if not since <= until <= since + LONGEST:
        raise Refused(400, "INVALID_PARAMETER_VALUE", field="end_date", value=asked["end_date"])
    size, number = _whole(asked, "page_size", 100, 500), _whole(asked, "page", 1, 2**31 - 1)
    found = [row for order in orders for row in _rows(order) if since <= _moment(row) <= until]
    found.sort(key=_moment)
    page = found[(number - 1) * size : number * size]
    answer: Thing = {
        "account_number": "SHPMERCHANT22",
        "start_date": asked["start_date"],
        "end_date": asked["end_date"],
        "last_refreshed_datetime": asked["end_date"],
        "page": number,
        "total_items": len(found),
        "total_pages": max(1, -(-len(found) // size)),
    }
    return answer | ({"transaction_details": [{"transaction_info": row} for row in page]} if page else {})


def _rows(order: Thing) -> list[Thing]:
    payments = order["purchase_units"][0].get("payments", {})
    captures = [
        _row(one, "T0006", STATES[one["status"]], one["amount"]["value"], order["id"], "ODR")
        for one in payments.get("captures", [])
    ]
    return captures + [
        _row(one, "T1107", "S", f"-{one['amount']['value']}", payments["captures"][0]["id"], "TXN")
        for one in payments.get("refunds", [])
        if one["status"] == "COMPLETED"
    ]


def _row(one: Thing, code: str, state: str, value: str, about: str, kind: str) -> Thing:
    names = {"invoice_id": one.get("invoice_id"), "custom_field": one.get("custom_id")}
    return {
        "transaction_id": one["id"],
        "paypal_reference_id": about,
        "paypal_reference_id_type": kind,
        "transaction_event_code": code,
        "transaction_initiation_date": one["create_time"],
        "transaction_updated_date": one.get("update_time", one["create_time"]),
        "transaction_amount": {"currency_code": one["amount"]["currency_code"], "value": value},
        "transaction_status": state,
    } | {name: name_of for name, name_of in names.items() if name_of}


def _moment(row: Thing) -> datetime:
    return datetime.fromisoformat(row["transaction_initiation_date"])


def _time(asked: Thing, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(asked[name])
    except KeyError:
        raise Refused(400, "MISSING_REQUIRED_PARAMETER", field=name) from None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(400, "INVALID_PARAMETER_SYNTAX", field=name, value=asked[name])
    return found


def _whole(asked: Thing, name: str, default: int, most: int) -> int:
    written: Any = asked.get(name, str(default))
    if not written.isdigit() or not 1 <= int(written) <= most:
        raise Refused(400, "INVALID_PARAMETER_VALUE", field=name, value=written)
    return int(written)
