"""What is printed is what was agreed: on the paper, in the letter and on the page, to the last digit (I2)."""

from random import Random

import pytest
from flask import Flask, render_template

from app.lib import money
from app.orders import letters
from app.orders.models import Order
from app.payments.queries import summarise
from tests.admin.desk import words
from tests.invoices.papers import a_random_order, flat, invoice_of, pdf_of, read

Printed = list[tuple[Order, list[str]]]

CURRENCIES = ("USD", "JPY", "KWD", "ETB")


@pytest.fixture(scope="module")
def orders(application: Flask) -> list[Order]:
    """A dozen orders that differ in all that matters."""
    chance = Random(7)
    found = [a_random_order(chance, CURRENCIES[index % len(CURRENCIES)]) for index in range(12)]
    for figure in ("prices_include_tax", "discount_minor", "shipping_minor", "tax_minor"):
        assert {bool(getattr(order, figure)) for order in found} == {True, False}, figure
    return found


@pytest.fixture(scope="module")
def printed(orders: list[Order]) -> Printed:
    """Each order with what is read from its invoice."""
    return [(order, read(pdf_of(invoice_of(order)))) for order in orders]


def agreed(order: Order) -> list[str]:
    """The figures in their order, from the order alone."""
    on_top, rate = not order.prices_include_tax, f"{float(order.tax_rate * 100):g}%"
    tax = flat(f"tax, {rate} {order.money(order.tax_minor)}")
    return [
        flat(f"Subtotal {order.money(order.subtotal_minor)}"),
        *([flat(f"Discount \u2212{order.money(order.discount_minor)}")] if order.discount_minor else []),
        flat(f"Delivery, Standard {order.money(order.shipping_minor)}"),
        *([f"T{tax[1:]}"] if on_top else []),
        flat(f"Total {order.total}"),
        *([f"Including {tax}"] if order.tax_minor and not on_top else []),
        flat(f"Total without tax {order.money(order.total_minor - order.tax_minor)}"),
    ]


def test_the_figures_on_paper_are_those_of_the_order(printed: Printed) -> None:
    for order, lines in printed:
        begins = next(index for index, line in enumerate(lines) if line.startswith("Subtotal"))
        assert lines[begins : begins + len(agreed(order))] == agreed(order)


def test_every_line_on_paper_is_that_of_the_order(printed: Printed) -> None:
    for order, lines in printed:
        for line in order.lines:
            discount = order.money(line.discount_minor)
            cells = [
                str(line.quantity),
                str(order.money(line.unit_price_minor)),
                *([f"\u2212{discount}" if discount else str(discount)] if order.discount_minor else []),
                str(order.money(line.tax_minor)),
                str(order.money(line.total_minor)),
            ]
            assert lines[lines.index(f"Moss, M · {line.sku}") + 1] == flat(" ".join(cells))


def test_letter_and_page_say_the_same_as_the_paper(orders: list[Order], app: Flask) -> None:
    for order in orders:
        figures = letters._figures(order)
        with app.test_request_context():
            page = flat(words(render_template("orders/_figures.html", order=order, money=summarise(order, ()))))
            lines = letters._lines(order)
            letter = flat(render_template("emails/orders/confirmation.txt", order=order, figures=figures, lines=lines))

        for said in agreed(order):
            amount = said.rsplit(" ", said.count("\u00a0") + 1)[-1]
            if "without" not in said and not ("Delivery" in said and not order.shipping_minor):
                assert amount in page and amount in letter, (said, page, letter)


def test_a_paper_keeps_writing_money_as_it_did(printed: Printed) -> None:
    order, was = printed[0]
    document = invoice_of(order)

    money.use_locale("de_DE")
    try:
        assert flat(f"Total {order.total}") not in was, "Both ways to write it are the same."
        assert read(pdf_of(document)) == was
    finally:
        money.use_locale("en_US")
