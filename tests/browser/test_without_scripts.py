"""The same purchase in a browser whose scripts are off."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, expect

from app.payments.providers import demo
from tests.browser import steps
from tests.browser.goods import Goods

Visit = Callable[..., Page]
Mails = Callable[[], list[EmailMessage]]


def test_a_guest_buys_without_scripts(visit: Visit, goods: Goods, mails: Mails, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(demo, "LATE_BY", 1)
    page = visit("/", scripts=False, width=390)

    _choose_a_jacket(page, goods)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#notices")).to_contain_text("Added Field chore jacket")
    expect(page.locator("#cart-badge")).to_have_text("1 item")

    steps.place_order(page)
    steps.pay(page, "Pay, but tell the shop late")

    steps.expect_payment(page, "pending")
    steps.expect_payment(page, "paid", within=8_000)
    expect(page.get_by_role("heading", name="Thank you, Ada")).to_be_visible()
    letter = steps.letter(mails, "ada@example.com")
    visit(steps.link_in(letter, f"/orders/{steps.order_number(page)}?key="), scripts=False)


def test_the_cart_changes_without_scripts(visit: Visit, goods: Goods):
    page = visit(goods.mug_url, scripts=False)
    page.get_by_role("button", name="Add to cart").click()
    page.goto("/cart")

    page.get_by_role("spinbutton", name="Quantity of Speckled mug").fill("3")
    page.get_by_role("button", name="Update").click()
    expect(page.locator("#cart-badge")).to_have_text("3 items")
    expect(page.locator("#summary")).to_contain_text("$66.00")

    page.get_by_role("button", name="Remove Speckled mug").click()
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()


def test_checkout_changes_country_and_refuses_without_scripts(visit: Visit, goods: Goods):
    page = visit(goods.mug_url, scripts=False)
    page.get_by_role("button", name="Add to cart").click()
    page.goto("/checkout")
    steps.fill_in_address(page)

    page.get_by_label("Country or region").select_option("GB")
    page.get_by_role("button", name="Update the form for this country").click()
    expect(page.get_by_label("State")).to_have_count(0)
    expect(page.get_by_label("Full name")).to_have_value("Ada Lovelace")
    page.get_by_label("Postcode").fill("nonsense")
    page.get_by_label("Email", exact=True).fill("ada@")
    page.get_by_role("button", name="Pay $").click()

    expect(page.locator("#errs")).to_be_visible()
    expect(page.get_by_label("Email", exact=True)).to_have_value("ada@")
    page.get_by_label("Express").check()
    page.get_by_role("button", name="Update the total").click()
    expect(page.get_by_role("complementary", name="Order summary")).to_contain_text("$12.00")


def test_an_order_is_cancelled_without_scripts(visit: Visit, goods: Goods):
    page = visit(goods.mug_url, scripts=False)
    page.get_by_role("button", name="Add to cart").click()
    steps.place_order(page)
    steps.pay(page, "Leave without paying")
    steps.expect_payment(page, "pending")

    page.get_by_role("button", name="Cancel order").last.click()

    expect(page.get_by_role("heading", name="This order is cancelled.")).to_be_visible()
    page.get_by_role("button", name="Fill the cart again").click()
    expect(page.locator("#cart-badge")).to_have_text("1 item")


def _choose_a_jacket(page: Page, goods: Goods) -> None:
    page.get_by_role("link", name=goods.jacket).first.click()
    page.get_by_role("link", name="Rust", exact=True).click()
    page.get_by_text("M", exact=True).click()
    page.get_by_role("button", name="Update price and stock").click()
    expect(page).to_have_url(re.compile("sku=JACKET-RUST-M"))
    expect(page.locator("#stock")).to_contain_text("Rust, M")
