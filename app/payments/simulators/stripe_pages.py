"""The pages of our Stripe: its hosted checkout, and a desk with every session and its buttons."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from app.payments.simulators.pages import buttons, shell, table
from app.payments.simulators.stripe_rules import decimals

Thing = dict[str, Any]

TITLE = "Stripe (simulated)"

OUTCOMES = {
    "pay": "Pay",
    "decline": "Pay with a card that is declined",
    "late": "Pay with a slow method",
    "leave": "Back to the shop",
    "expire": "Let the session expire",
}

DESK_DEEDS = {
    "open": ("pay", "late", "decline", "expire"),
    "complete": ("refund", "dispute", "won", "lost"),
    "expired": ("pay_after_all",),
}


def checkout(root: str, session: Thing, lines: Iterable[Thing], notice: str) -> str:
    """The hosted page of one session; `root` is where this Stripe is mounted."""
    rows = (
        (
            line["price_data"]["product_data"]["name"],
            line.get("quantity", 1),
            _money(line["price_data"]["unit_amount"], line["price_data"]["currency"]),
        )
        for line in lines
    )
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    is_open = session["status"] == "open"
    body = Markup("{}{}<p><strong>{}</strong></p>{}").format(
        alert,
        table(("", "", ""), rows),
        _money(session["amount_total"], session["currency"]),
        buttons(f"{root}/pay/{session['id']}", "outcome", OUTCOMES)
        if is_open
        else Markup("<p>This session is {}.</p>").format(session["status"]),
    )
    return shell(TITLE, body)


def desk(root: str, sessions: Iterable[Thing], refunds: Iterable[Thing], refunds_are: str) -> str:
    """Every session and refund. Its buttons post to the control desk."""
    other = "pending" if refunds_are == "succeeded" else "succeeded"
    back = (
        (
            refund["id"],
            _money(refund["amount"], refund["currency"]),
            refund["status"],
            buttons(f"{root}/desk/{refund['id']}", "do", {"succeeded": "succeeded", "failed": "failed"})
            if refund["status"] == "pending"
            else "",
        )
        for refund in refunds
    )
    body = Markup(
        '{}<h2>Refunds</h2>{}<p>New refunds are {}. {}</p><p><a href="{}/_requests">Requests</a> '
        '<a href="{}/_deliveries">Webhooks sent</a></p>'
    ).format(
        table(("Session", "For", "Amount", "State", ""), (_session_row(root, session) for session in sessions)),
        table(("Refund", "Amount", "State", ""), back),
        refunds_are,
        buttons(f"{root}/desk/refunds", "do", {other: f"Make them {other}"}),
        root,
        root,
    )
    return shell(TITLE, body)


def problem(sentence: str) -> str:
    return shell(TITLE, Markup('<p role="alert">{}</p>').format(sentence))


def _session_row(root: str, session: Thing) -> tuple[Any, ...]:
    deeds = {deed: deed.replace("_", " ") for deed in DESK_DEEDS[session["status"]]}
    return (
        Markup('<a href="{0}/pay/{1}">{1}</a>').format(root, session["id"]),
        session["client_reference_id"] or "",
        _money(session["amount_total"], session["currency"]),
        f"{session['status']}, {session['payment_status']}",
        buttons(f"{root}/desk/{session['id']}", "do", deeds),
    )


def _money(number: int, currency: str) -> str:
    return f"{Decimal(number).scaleb(-decimals(currency)):,f} {currency.upper()}"
