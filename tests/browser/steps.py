"""What people do in the shop, step by step. Each step works with and without scripts unless it says otherwise."""

import re
import time
from collections.abc import Callable
from email.message import EmailMessage

from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from app.catalog.models import Variant
from app.inventory.models import StockItem
from app.lib.db import transaction
from tests.browser.goods import Goods
from tests.factories import PASSWORD

ADA = {
    "Email": "ada@example.com",
    "Full name": "Ada Lovelace",
    "Address": "1 Main Street",
    "City": "Portland",
    "ZIP code": "97209",
}


def put_jacket_into_cart(page: Page, goods: Goods) -> None:
    """With scripts: the drawer is open afterwards."""
    page.goto(f"{goods.jacket_url}?sku=JACKET-MOSS-S")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("dialog", name="Cart")).to_contain_text(goods.jacket)


def put_mug_into_cart(page: Page, goods: Goods) -> None:
    page.goto(goods.mug_url)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#cart-badge")).to_contain_text("1 item")


def somebody_else_buys(sku: str, *, leave: int) -> None:
    """All but `leave` pieces are gone from the shelf."""
    with transaction() as current:
        current.execute(
            update(StockItem)
            .where(StockItem.variant_id == select(Variant.id).where(Variant.sku == sku).scalar_subquery())
            .values(on_hand=leave)
        )


def fill_in_address(page: Page) -> None:
    """Ada's, on the checkout page; nothing is sent."""
    for label, value in ADA.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("State", exact=True).select_option("OR")
    page.get_by_label("I accept the terms").check()


def place_order(page: Page) -> None:
    """From a filled cart to the demo provider's page."""
    page.goto("/checkout")
    fill_in_address(page)
    page.get_by_text("Demo payment").click()
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", name=re.compile("^Pay "))).to_be_visible()


def pay(page: Page, button: str = "Pay $") -> None:
    """Press a button of the demo provider's page."""
    page.get_by_role("button", name=button).click()


def pay_again(page: Page) -> None:
    """From the page of an order that waits to the demo provider's page."""
    page.locator("#order-pay").get_by_text("Demo payment").click()
    page.get_by_role("button", name="Pay $").click()
    page.wait_for_url("**/payments/demo/**")


def log_in(page: Page, email: str = "ada@example.com") -> None:
    """As a user of the factories."""
    page.goto("/auth/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/auth/login" not in url)


def expect_payment(page: Page, state: str, *, within: int = 5_000) -> None:
    """The order page says so; `within` is in milliseconds."""
    expect(page.locator(f"#order-status[data-payment={state}]")).to_be_visible(timeout=within)


def order_number(page: Page) -> str:
    found = re.search(r"/orders/([^/?]+)", page.url)
    assert found, f"{page.url} is not the page of an order."
    return found[1]


def focused(page: Page) -> str:
    """The id of the element with the focus."""
    return page.evaluate("document.activeElement.id")


def letter(mails: Callable[[], list[EmailMessage]], to: str, subject: str = "", *, within: float = 5) -> EmailMessage:
    """The newest letter to that address whose subject has these words; waits `within` seconds for the worker."""
    until = time.monotonic() + within
    while True:
        found = [it for it in mails() if it["To"] == to and subject in it["Subject"]]
        if found:
            return found[-1]
        assert time.monotonic() < until, f"No letter to {to} about “{subject}”."
        time.sleep(0.05)


def link_in(letter: EmailMessage, path: str) -> str:
    """The first address in the letter whose path begins so."""
    body = letter.get_body(("plain",))
    assert body is not None
    found = re.search(rf"https?://[^\s/]+({re.escape(path)}\S*)", body.get_content())
    assert found, f"No link to {path} in “{letter['Subject']}”."
    return found[0]
