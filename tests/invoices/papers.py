"""Orders and their papers without a database, and what is read from a PDF."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from random import Random
from typing import Any

from pypdf import PdfReader

from app.invoices import contents
from app.invoices.models import Document
from app.invoices.pdf import drawn
from app.invoices.wording import paper
from app.lib.money import Money
from app.orders.models import Order, OrderLine
from app.pricing.totals import PricedLine, TaxRule, totals

AT = datetime(2026, 3, 7, 9, 30, tzinfo=UTC)
RATES = ("0", "0.08875", "0.15", "0.2")


def a_random_order(chance: Random, currency: str) -> Order:
    """As checkout would agree it: a few lines, perhaps a discount, tax in the prices or on top of them."""
    lines = [
        PricedLine(f"SKU-{index}", Money(chance.choice([5, 999, 1999, 120050, 9_000_000]), currency), quantity)
        for index, quantity in enumerate(chance.choices([1, 2, 3, 12], k=chance.randint(1, 5)))
    ]
    found = totals(
        lines,
        shipping=Money(chance.choice([0, 350, 599]), currency),
        rule=TaxRule(Decimal(chance.choice(RATES)), is_included=chance.random() < 0.5),
        discount=Money(chance.choice([0, 0, 7, 1000]), currency),
    )
    each = {line.key: line for line in found.lines}
    return an_order_of(
        [
            OrderLine(
                sku=line.key,
                name=f"Shirt {line.key}",
                options_text="Moss, M",
                quantity=line.quantity,
                unit_price_minor=line.unit_price.minor,
                discount_minor=each[line.key].discount.minor,
                tax_minor=each[line.key].tax.minor,
                total_minor=each[line.key].total.minor,
            )
            for line in lines
        ],
        currency=currency,
        subtotal_minor=found.subtotal.minor,
        discount_minor=found.discount.minor,
        shipping_minor=found.shipping.minor,
        tax_minor=found.tax.minor,
        total_minor=found.total.minor,
        prices_include_tax=found.tax_rule.is_included,
        tax_rate=found.tax_rule.rate,
    )


def an_order_of(lines: list[OrderLine], **facts: Any) -> Order:
    usual = {
        "number": "S10042",
        "key": "key",
        "status": "paid",
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "line1": "1 Main Street",
        "line2": "",
        "city": "Portland",
        "region": "OR",
        "postcode": "97209",
        "country": "US",
        "currency": "USD",
        "prices_include_tax": True,
        "tax_rate": Decimal("0.2"),
        "shipping_name": "Standard",
        "placed_at": AT,
        "paid_at": AT,
    }
    return Order(lines=lines, **{**usual, **facts})


def one(thing: str, **facts: Any) -> Order:
    """An order of one thing, for 24.00."""
    line = OrderLine(
        sku="SKU-1",
        name=thing,
        options_text="",
        quantity=1,
        unit_price_minor=2400,
        discount_minor=0,
        tax_minor=400,
        total_minor=2400,
    )
    figures = {"subtotal_minor": 2400, "discount_minor": 0, "shipping_minor": 0, "tax_minor": 400, "total_minor": 2400}
    return an_order_of([line], **{**figures, **facts})


def invoice_of(order: Order) -> Document:
    return Document(
        kind="invoice",
        serial=1,
        number="INV-000001",
        currency=order.currency,
        amount_minor=order.total_minor,
        tax_minor=order.tax_minor,
        content=contents.of_invoice(order),
        issued_at=AT,
    )


def pdf_of(document: Document) -> bytes:
    return drawn(paper(document))


def read(pdf: bytes) -> list[str]:
    """The lines a reader would copy, page after page."""
    pages = PdfReader(BytesIO(pdf)).pages
    return [flat(line) for page in pages for line in page.extract_text().splitlines()]


def flat(text: str) -> str:
    """Spaces that hold an amount together are spaces; a dash serves as minus on paper."""
    return re.sub(r"\s+", " ", text.replace("\u2212", "\u2013")).strip()
