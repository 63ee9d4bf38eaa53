"""The letters about an order, each with the signed link that opens it, and with its papers."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import render_template

from app.invoices import queries as invoices
from app.invoices.models import Document
from app.invoices.wording import Paper, file_name, paper
from app.lib import mail, runtime
from app.lib.mail import Attachment, Letter
from app.lib.money import Money
from app.orders import queries, services
from app.orders.access import mailed_url
from app.orders.models import Order
from app.payments.queries import PaymentSummary, refund_by_id, summary

SUBJECTS = {
    "confirmation": "Your order {number}: thank you, it is {standing}",
    "confirmed": "Your order {number} is confirmed: you pay when it arrives",
    "transfer": "Your order {number}: how to pay it",
    "payment_failed": "Your order {number} is not paid yet",
    "shipped": "Your order {number} is on its way",
    "cancelled": "Your order {number} is cancelled",
    "expired": "Your order {number} was not paid in time",
    "sold_out": "Your order {number} sold out, and your money is on its way back",
    "refunded": "Your refund for order {number}",
}

# The mail server may be away for hours. These letters are not sent when they are no longer true by then.
STILL_TRUE: dict[str, Callable[[Order, PaymentSummary], bool]] = {
    "confirmed": lambda order, money: order.is_due_at_the_door,
    "transfer": lambda order, money: order.is_pending,
    "payment_failed": lambda order, money: _waits_to_be_paid(order, money),
    "expired": lambda order, money: order.status == "cancelled",
}


def confirm(order_id: int, *, key: str) -> None:
    """Thanks for the payment, with the invoice."""
    send("confirmation", order_id, key=key, document=invoices.invoice_of(order_id))


def tell_of_refund(order_id: int, refund_id: int, amount: str, *, key: str) -> None:
    """Money was sent back; with the credit note, when it gives something of the order back."""
    refund = refund_by_id(refund_id)
    noted = refund.credit.document_id if refund.credit is not None else None
    document = invoices.by_id(noted) if noted is not None else None
    way = "hand" if refund.kind == "by_hand" else "provider"
    theirs = refund.provider_ref or ""
    send("refunded", order_id, key=key, document=document, amount=amount, way=way, their_reference=theirs)


def send(template: str, order_id: int, *, key: str, document: Document | None = None, **facts: Any) -> None:
    """Render and deliver one letter; the same key is delivered once. Raises what the mail server's bad day raises."""
    order = queries.with_lines(order_id)
    money = summary(order)
    if template in STILL_TRUE and not STILL_TRUE[template](order, money):
        return
    subject = SUBJECTS[template].format(number=order.number, standing="paid" if order.total else "confirmed")
    context = {
        **facts,
        "shop": runtime.settings(),
        "order": order,
        "money": money,
        "lines": _lines(order),
        "figures": _figures(order),
        "going_back": _going_back(money),
        "url": mailed_url(order),
        "document": document,
    }
    text = render_template(f"emails/orders/{template}.txt", **context)
    html = render_template(f"emails/orders/{template}.html", **context)
    number, to = order.number, order.email
    attached = [(file_name(document), paper(document))] if document is not None else []
    services.let_go()
    letter = Letter(key, to, subject, text, html, tuple(_drawn(attached)))
    refused = mail.deliver(letter)
    said = f"refused by the mail server: {refused}" if refused else f"to {letter.to}"
    services.record_mail(number, f"{subject} ({said})", key)


def _waits_to_be_paid(order: Order, money: PaymentSummary) -> bool:
    is_idle = not any(attempt.is_open for attempt in money.attempts)
    return order.is_pending and is_idle and bool(money.balance) and money.state != "review"


def _drawn(papers: Iterable[tuple[str, Paper]]) -> Iterable[Attachment]:
    """Drawn when the connection has been given back, because it takes a while."""
    from app.invoices.pdf import drawn

    return [Attachment(name, drawn(shown)) for name, shown in papers]


def _lines(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name,
            "variant": line.options_text,
            "quantity": line.quantity,
            "ships": line.ships,
            "total": order.money(line.total_minor),
        }
        for line in order.lines
    ]


def _figures(order: Order) -> dict[str, Any]:
    return {
        "subtotal": order.money(order.subtotal_minor),
        "discount": order.money(order.discount_minor),
        "shipping": order.money(order.shipping_minor),
        "shipping_label": f"Delivery, {order.shipping_name}",
        "tax": order.money(order.tax_minor),
        "tax_included": order.prices_include_tax,
        "total": order.total,
    }


def _going_back(money: PaymentSummary) -> dict[str, str]:
    """What was sent back or will be, in words, by the way it takes: "provider" or "hand"; empty when it takes none."""
    refunds = [refund for attempt in money.attempts for refund in attempt.refunds if refund.state != "failed"]
    return {
        "provider": _together(refund.amount for refund in refunds if refund.kind == "refund"),
        "hand": _together(refund.amount for refund in refunds if refund.kind == "by_hand"),
    }


def _together(amounts: Iterable[Money]) -> str:
    by_currency: dict[str, Money] = {}
    for amount in amounts:
        by_currency[amount.currency] = by_currency.get(amount.currency, Money(0, amount.currency)) + amount
    return " and ".join(str(amount) for amount in by_currency.values())
