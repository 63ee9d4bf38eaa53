"""The pages of our Paystack: its hosted checkout, and a desk with every transaction and its buttons."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from app.payments.simulators.pages import buttons, shell, table

Thing = dict[str, Any]

TITLE = "Paystack (simulated)"

OUTCOMES = {
    "pay": "Pay",
    "decline": "Pay with a card that is declined",
    "late": "Pay by bank transfer",
    "leave": "Cancel payment",
}

DESK_DEEDS = {
    "abandoned": ("pay", "late", "decline"),
    "failed": ("pay", "late", "decline"),
    "pending": (),
    "success": ("refund", "dispute", "won", "lost"),
    "reversed": (),
}

REFUND_DEEDS = ("processing", "needs-attention", "processed", "failed")


def checkout(root: str, transaction: Thing, notice: str) -> str:
    """The hosted page of one transaction; `root` is where this Paystack is mounted."""
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    is_open = transaction["status"] in ("abandoned", "failed")
    body = Markup("{}<p><strong>{}</strong> for {}</p>{}").format(
        alert,
        money(transaction["amount"], transaction["currency"]),
        transaction["email"],
        buttons(f"{root}/pay/{transaction['access_code']}", "outcome", OUTCOMES)
        if is_open
        else Markup("<p>This transaction is {}.</p>").format(transaction["status"]),
    )
    return shell(TITLE, body)


def desk(root: str, transactions: Iterable[Thing], refunds: Iterable[Thing], disputes: Iterable[Thing]) -> str:
    """Everything there is; the buttons do what a shopper, a bank or the owner does."""
    body = Markup(
        '{}<h2>Refunds</h2>{}<h2>Disputes</h2>{}<p><a href="{}/_requests">Requests</a> '
        '<a href="{}/_deliveries">Webhooks sent</a></p>'
    ).format(
        table(("Transaction", "Amount", "State", ""), (_row(root, one) for one in transactions)),
        table(("Refund", "Of", "Amount", "State", ""), (_refund_row(root, one) for one in refunds)),
        table(
            ("Dispute", "Of", "State"),
            ((one["id"], one["transaction"]["reference"], one["resolution"] or one["status"]) for one in disputes),
        ),
        root,
        root,
    )
    return shell(TITLE, body)


def problem(sentence: str) -> str:
    return shell(TITLE, Markup('<p role="alert">{}</p>').format(sentence))


def money(number: int, currency: str) -> str:
    return f"{Decimal(number).scaleb(-2):,f} {currency}"


def _row(root: str, one: Thing) -> tuple[Any, ...]:
    return (
        Markup('<a href="{}/pay/{}">{}</a>').format(root, one["access_code"], one["reference"]),
        money(one["amount"], one["currency"]),
        one["status"],
        buttons(f"{root}/desk/{one['reference']}", "do", {deed: deed for deed in DESK_DEEDS[one["status"]]}),
    )


def _refund_row(root: str, one: Thing) -> tuple[Any, ...]:
    paid = one["transaction"]
    is_done = one["status"] in ("processed", "failed")
    deeds = {} if is_done else {deed: deed for deed in REFUND_DEEDS}
    return (
        one["id"],
        paid["reference"],
        money(one["amount"], paid["currency"]),
        one["status"],
        buttons(f"{root}/desk/{one['id']}", "do", deeds),
    )
