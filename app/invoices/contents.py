"""What is printed on a paper, copied when it is issued: later changes of the shop or the order do not reach it."""

from dataclasses import dataclass
from typing import Any

from babel import Locale

from app.invoices.models import Document
from app.lib import runtime
from app.orders.models import Order, OrderLine


@dataclass(frozen=True)
class Parts:
    """What is given back. `lines` are (order line, quantity, amount with tax, tax); all in minor units."""

    lines: tuple[tuple[OrderLine, int, int, int], ...]
    shipping_minor: int
    shipping_tax_minor: int
    other_minor: int
    other_tax_minor: int


def of_invoice(order: Order) -> dict[str, Any]:
    """Everything on an order's invoice. Amounts are in minor units of `currency`, times in UTC."""
    return {
        **_both(order),
        "buyer": [*_address(order), order.email],
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "tax_rate": f"{order.tax_rate.normalize():f}",
        "prices_include_tax": order.prices_include_tax,
        "shipping_name": order.shipping_name,
        "lines": [
            {
                **_name(line),
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "discount_minor": line.discount_minor,
                "tax_minor": line.tax_minor,
                "total_minor": line.total_minor,
            }
            for line in order.lines
        ],
        "figures": {
            "subtotal_minor": order.subtotal_minor,
            "discount_minor": order.discount_minor,
            "shipping_minor": order.shipping_minor,
            "tax_minor": order.tax_minor,
            "total_minor": order.total_minor,
        },
    }


def of_credit_note(order: Order, invoice: Document, parts: Parts, reason: str) -> dict[str, Any]:
    """Everything on a credit note; whom it is for is who got the invoice. Each amount is with tax."""
    lines = [
        {**_name(line), "quantity": quantity, "amount_minor": amount, "tax_minor": tax}
        for line, quantity, amount, tax in parts.lines
    ]
    for words, amount, tax in (
        (f"Delivery, {order.shipping_name}", parts.shipping_minor, parts.shipping_tax_minor),
        ("Other", parts.other_minor, parts.other_tax_minor),
    ):
        if amount:
            line = {"sku": "", "name": words, "options": "", "quantity": None}
            lines.append({**line, "amount_minor": amount, "tax_minor": tax})
    return {
        **_both(order),
        "buyer": invoice.content["buyer"],
        "tax_rate": invoice.content["tax_rate"],
        "invoice_number": invoice.number,
        "invoice_issued_at": invoice.issued_at.isoformat(),
        "reason": reason,
        "lines": lines,
    }


def _both(order: Order) -> dict[str, Any]:
    settings = runtime.settings()
    return {
        "shop": settings.shop_name,
        "seller": _seller(),
        "locale": settings.locale,
        "currency": order.currency,
        "order_number": order.number,
        "placed_at": order.placed_at.isoformat(),
    }


def _seller() -> list[str]:
    settings = runtime.settings()
    return [line.strip() for line in settings.seller.split("|") if line.strip()] or [settings.shop_name]


def _address(order: Order) -> list[str]:
    place = f"{order.city}{f', {order.region}' if order.region else ''} {order.postcode}".strip()
    country = Locale.parse(runtime.settings().locale).territories.get(order.country, order.country)
    return [line for line in (order.name, order.line1, order.line2, place, str(country)) if line]


def _name(line: OrderLine) -> dict[str, Any]:
    return {"sku": line.sku, "name": line.name, "options": line.options_text}
