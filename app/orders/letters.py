"""The letters about an order, each with the signed link that opens it."""

from typing import Any

from flask import render_template

from app.lib import mail, runtime
from app.lib.mail import Letter
from app.orders import queries, services
from app.orders.access import mailed_url
from app.orders.models import Order

SUBJECTS = {
    "confirmation": "Your order {number}: thank you, it is paid",
    "shipped": "Your order {number} is on its way",
    "cancelled": "Your order {number} is cancelled",
    "expired": "Your order {number} was not paid in time",
    "sold_out": "Your order {number} sold out, and your money is on its way back",
    "refunded": "Your refund for order {number}",
}


def send(template: str, order_id: int, *, key: str, **facts: Any) -> None:
    """Render and deliver one letter; the same key is delivered once. Raises what the mail server's bad day raises."""
    order = queries.with_lines(order_id)
    if template == "expired" and order.status != "cancelled":
        return  # The mail server was away; meanwhile the money came after all.
    subject = SUBJECTS[template].format(number=order.number)
    context = {
        **facts,
        "order": order,
        "lines": _lines(order),
        "figures": _figures(order),
        "url": mailed_url(order),
    }
    context["shop"] = runtime.settings()
    letter = Letter(
        key=key,
        to=order.email,
        subject=subject,
        text=render_template(f"emails/orders/{template}.txt", **context),
        html=render_template(f"emails/orders/{template}.html", **context),
    )
    number = order.number
    services.let_go()
    refused = mail.deliver(letter)
    said = f"refused by the mail server: {refused}" if refused else f"to {letter.to}"
    services.record_mail(number, f"{subject} ({said})", key)


def _lines(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "name": line.name,
            "variant": line.options_text,
            "quantity": line.quantity,
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
