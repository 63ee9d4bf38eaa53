"""The pages of our PayPal: the one where a payer approves, and a desk with every order and its buttons."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from app.payments.simulators.pages import buttons, shell, table

Thing = dict[str, Any]

TITLE = "PayPal (simulated)"

OUTCOMES = {
    "pay": "Pay now",
    "decline": "Pay with a card that is declined",
    "deny": "Pay, and have PayPal deny it",
    "late": "Pay from a bank account",
    "wrong_amount": "Pay another amount",
    "leave": "Cancel and return to the shop",
}

DESK_DEEDS = {
    "": ("pay", "decline", "deny", "late", "wrong_amount", "expire"),
    "PENDING": ("complete", "deny_capture"),
    "COMPLETED": ("refund", "dispute", "won", "lost", "reverse"),
    "PARTIALLY_REFUNDED": ("refund", "dispute", "won", "lost", "reverse"),
}


def approval(root: str, order: Thing, brand: str, notice: str) -> str:
    """Where the payer agrees; `root` is where this PayPal is mounted."""
    unit = order["purchase_units"][0]
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    body = Markup("{}<p>{}</p><p><strong>{}</strong> {}</p>{}").format(
        alert,
        brand,
        money(unit["amount"]),
        unit.get("description", ""),
        Markup("<p>This order is {}.</p>").format(order["status"])
        if _status(order)
        else buttons(f"{root}/checkoutnow?token={order['id']}", "outcome", OUTCOMES),
    )
    return shell(TITLE, body)


def desk(root: str, orders: Iterable[Thing], refunds: Iterable[Thing], cases: Iterable[Thing], refunds_are: str) -> str:
    """Everything there is; the buttons do what a payer, a bank or the owner does."""
    other = "PENDING" if refunds_are == "COMPLETED" else "COMPLETED"
    body = Markup(
        '{}<h2>Refunds</h2>{}<p>New refunds are {}. {}</p><h2>Cases</h2>{}<p><a href="{}/_requests">Requests</a> '
        '<a href="{}/_deliveries">Webhooks sent</a></p>'
    ).format(
        table(("Order", "For", "Amount", "State", ""), (_row(root, one) for one in orders)),
        table(("Refund", "For", "Amount", "State", ""), (_refund_row(root, one) for one in refunds)),
        refunds_are,
        buttons(f"{root}/desk/refunds", "do", {other: f"Make them {other}"}),
        table(
            ("Case", "Amount", "State"), ((one["dispute_id"], money(one["dispute_amount"]), _end(one)) for one in cases)
        ),
        root,
        root,
    )
    return shell(TITLE, body)


def problem(sentence: str) -> str:
    return shell(TITLE, Markup('<p role="alert">{}</p>').format(sentence))


def money(amount: Thing) -> str:
    return f"{amount['value']} {amount['currency_code']}"


def _row(root: str, order: Thing) -> tuple[Any, ...]:
    unit = order["purchase_units"][0]
    status = _status(order)
    deeds = {deed: deed.replace("_", " ") for deed in DESK_DEEDS.get(status, ())}
    return (
        Markup('<a href="{0}/checkoutnow?token={1}">{1}</a>').format(root, order["id"]),
        unit.get("invoice_id", ""),
        money(unit["amount"]),
        f"{order['status']} {status}",
        buttons(f"{root}/desk/{order['id']}", "do", deeds),
    )


def _refund_row(root: str, refund: Thing) -> tuple[Any, ...]:
    deeds = {"COMPLETED": "arrives", "FAILED": "fails"} if refund["status"] == "PENDING" else {}
    return (
        refund["id"],
        refund.get("custom_id", ""),
        money(refund["amount"]),
        refund["status"],
        buttons(f"{root}/desk/{refund['id']}", "do", deeds),
    )


def _status(order: Thing) -> str:
    """Of the order's capture; empty before there is one."""
    captures = order["purchase_units"][0].get("payments", {}).get("captures", [])
    return str(captures[0]["status"]) if captures else ""


def _end(case: Thing) -> str:
    return str(case.get("dispute_outcome", {}).get("outcome_code") or case["status"])
