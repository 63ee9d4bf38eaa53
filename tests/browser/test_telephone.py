"""Paying by M-Pesa in a real browser: the page waits, says what happened on the phone, and sends another request."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from app.payments.simulators import MpesaSimulator
from tests.browser import steps
from tests.factories import a_product, a_variant
from tests.payments.phones import ring, shop_in_kenya

Visit = Callable[..., Page]


@pytest.fixture
def phones(shop: str) -> Iterator[MpesaSimulator]:
    """M-Pesa's other end, whose callbacks reach the shop, and a shop in Kenya that takes it."""
    simulator = MpesaSimulator()
    simulator.start()
    with shop_in_kenya(simulator, ship_to=("KE",)):
        yield simulator
    simulator.stop()


@pytest.fixture
def shirt(phones: MpesaSimulator) -> str:
    """The address of a shirt for KES 400."""
    product = a_product(name="Linen shirt")
    a_variant(price=40_000, product=product)
    return f"/p/{product.slug}"


def place_order(page: Page, shirt: str, number: str = "0712 345 678") -> None:
    """From the shelf to the page that waits for the phone."""
    page.goto(shirt)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#cart-badge")).to_contain_text("1 item")
    page.goto("/checkout")
    for label, value in {"Email": "ada@example.com", "Full name": "Ada Lovelace", "Address": "1 Moi Avenue"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("[name=city]").fill("Nairobi")
    page.get_by_label("I accept the terms").check()
    page.get_by_text("M-Pesa", exact=True).click()
    page.get_by_label("M-Pesa number").fill(number)
    page.get_by_role("button", name="Pay KES").click()


def test_the_page_waits_for_the_phone_and_sends_another_request(phones: MpesaSimulator, visit: Visit, shirt: str):
    page = visit(width=390)
    place_order(page, shirt, "0612 345 678")
    expect(page.locator("#payer_phone-error")).to_contain_text("Enter the Kenyan number")
    page.get_by_label("M-Pesa number").fill("0712 345 678")
    page.get_by_role("button", name="Pay KES").click()

    expect(page.get_by_text("Look at your phone")).to_be_visible()
    expect(page.locator("#order-status")).to_contain_text("We sent a payment request to 07•• ••• 678")
    phones.do("cancel", ring(phones))
    expect(page.locator("#order-status")).to_contain_text("You cancelled the request on your phone.")
    page.get_by_role("button", name="Send the request again").click()
    expect(page.get_by_text("Look at your phone")).to_be_visible()
    phones.do("pay", ring(phones))

    steps.expect_payment(page, "paid")
    expect(page.get_by_role("heading", name="Thank you, Ada")).to_be_visible()
    expect(page.locator("#order-pay")).to_be_hidden()
