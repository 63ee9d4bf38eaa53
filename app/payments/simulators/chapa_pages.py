"""The pages of our Chapa: its hosted checkout, and a desk with every payment and its buttons."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from app.payments.simulators.pages import buttons, shell, table

Thing = dict[str, Any]

TITLE = "Chapa (simulated)"

OUTCOMES = {
    "pay": "Pay",
    "decline": "Pay without enough money",
    "late": "Pay with a slow operator",
    "leave": "Back to the shop",
}

DESK_DEEDS = {
    "open": ("pay", "late", "decline", "expire"),
    "failed": ("pay", "late", "expire"),
    "pending": (),
    "success": ("refund", "reverse"),
    "cancelled": ("pay_after_all",),
}


def checkout(root: str, payment: Thing, notice: str) -> str:
    """The hosted page of one payment; `root` is where this Chapa is mounted."""
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    body = Markup("{}<p>{}</p><p><strong>{}</strong></p>{}").format(
        alert,
        (payment.get("customization") or {}).get("title", ""),
        money(payment),
        buttons(f"{root}/checkout/payment/{payment['code']}", "outcome", OUTCOMES)
        if payment["status"] in ("open", "failed")
        else Markup("<p>This payment is {}.</p>").format(payment["status"]),
    )
    return shell(TITLE, body)


def desk(root: str, payments: Iterable[Thing], refunds: Iterable[Thing]) -> str:
    """Everything there is; the buttons do what a shopper, an operator or the owner does."""
    body = Markup(
        '{}<h2>Refunds</h2>{}<p><a href="{}/_requests">Requests</a> <a href="{}/_deliveries">Webhooks sent</a></p>'
    ).format(
        table(("Payment", "Amount", "State", ""), (_row(root, one) for one in payments)),
        table(("Refund", "Of", "Amount", "State", ""), (_refund_row(root, one) for one in refunds)),
        root,
        root,
    )
    return shell(TITLE, body)


def problem(sentence: str) -> str:
    return shell(TITLE, Markup('<p role="alert">{}</p>').format(sentence))


def money(payment: Thing) -> str:
    return f"{payment['amount']:,.2f} {payment['currency']}"


def _row(root: str, one: Thing) -> tuple[Any, ...]:
    deeds = {deed: deed.replace("_", " ") for deed in DESK_DEEDS.get(one["status"], ())}
    return (
        Markup('<a href="{}/checkout/payment/{}">{}</a>').format(root, one["code"], one["tx_ref"]),
        money(one),
        one["status"],
        buttons(f"{root}/desk/{one['tx_ref']}", "do", deeds),
    )


def _refund_row(root: str, one: Thing) -> tuple[Any, ...]:
    is_done = one["status"] in ("refunded", "reversed")
    deeds = {} if is_done else {deed: deed for deed in ("processing", "refunded", "reversed")}
    return (
        one["ref_id"],
        one["payment"]["tx_ref"],
        f"{one['amount']:,.2f}",
        one["status"],
        buttons(f"{root}/desk/{one['ref_id']}", "do", deeds),
    )
