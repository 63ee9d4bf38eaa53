"""The pages of our Stripe: its hosted checkout, and a desk with every session and its buttons."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from app.payments.simulators.stripe_rules import decimals

Thing = dict[str, Any]

SHELL = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title><style>'
    "body{{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}"
    "table{{border-collapse:collapse;width:100%}}"
    "td,th{{padding:.4rem;border-bottom:1px solid #ccc;text-align:left}}"
    "button{{font:inherit;margin:.2rem;padding:.4rem .8rem}}p[role=alert]{{color:#a00}}"
    "</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
)

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
    "expired": (),
}


def checkout(session: Thing, lines: Iterable[Thing], notice: str) -> str:
    """The hosted page of one session."""
    total = _money(session["amount_total"], session["currency"])
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            line["price_data"]["product_data"]["name"],
            line.get("quantity", 1),
            _money(line["price_data"]["unit_amount"], line["price_data"]["currency"]),
        )
        for line in lines
    )
    alert = Markup('<p role="alert">{}</p>').format(notice) if notice else ""
    buttons = _buttons(f"/pay/{session['id']}", "outcome", OUTCOMES) if session["status"] == "open" else ""
    state = Markup("<p>This session is {}.</p>").format(session["status"])
    body = Markup("{}<table>{}</table><p><strong>{}</strong></p>{}").format(alert, rows, total, buttons or state)
    return SHELL.format(title="Stripe (simulated)", body=body)


def desk(sessions: Iterable[Thing], refunds: Iterable[Thing]) -> str:
    """Every session and refund. Its buttons post to the control desk."""
    rows = Markup("").join(_session_row(session) for session in sessions)
    back = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            refund["id"], _money(refund["amount"], refund["currency"]), refund["status"]
        )
        for refund in refunds
    )
    body = Markup(
        "<table><tr><th>Session</th><th>For</th><th>Amount</th><th>State</th><th></th></tr>{}</table>"
        "<h2>Refunds</h2><table>{}</table>"
        '<p><a href="/_requests">Requests</a> <a href="/_deliveries">Webhooks sent</a></p>'
    ).format(rows, back)
    return SHELL.format(title="Stripe (simulated)", body=body)


def problem(sentence: str) -> str:
    return SHELL.format(title="Stripe (simulated)", body=Markup('<p role="alert">{}</p>').format(sentence))


def _session_row(session: Thing) -> Markup:
    deeds = {deed: deed for deed in DESK_DEEDS[session["status"]]}
    return Markup(
        '<tr><td><a href="/pay/{0}">{0}</a></td><td>{1}</td><td>{2}</td><td>{3}, {4}</td><td>{5}</td></tr>'
    ).format(
        session["id"],
        session["client_reference_id"] or "",
        _money(session["amount_total"], session["currency"]),
        session["status"],
        session["payment_status"],
        _buttons(f"/desk/{session['id']}", "do", deeds),
    )


def _buttons(action: str, name: str, choices: dict[str, str]) -> Markup:
    buttons = Markup("").join(
        Markup('<button name="{}" value="{}">{}</button>').format(name, value, label)
        for value, label in choices.items()
    )
    return Markup('<form method="post" action="{}">{}</form>').format(escape(action), buttons)


def _money(number: int, currency: str) -> str:
    return f"{Decimal(number).scaleb(-decimals(currency)):,f} {currency.upper()}"
