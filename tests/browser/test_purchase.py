"""A guest buys: with scripts, the way most people do."""

import re
import time
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.lib.db import session
from app.payments.models import WebhookEvent
from app.payments.providers import demo
from tests.browser import steps
from tests.browser.goods import Goods

Visit = Callable[..., Page]
Mails = Callable[[], list[EmailMessage]]


def test_choosing_options_changes_picture_price_and_address_without_leaving_the_page(visit: Visit, goods: Goods):
    page = visit("/")
    page.get_by_role("link", name=goods.jacket).first.click()
    page.evaluate("window.isSamePage = true")

    page.get_by_role("link", name="Rust", exact=True).click()
    expect(page.locator("#stock")).to_contain_text("Rust, S")
    page.get_by_role("radio", name="M", exact=True).check()

    expect(page.locator("#stock")).to_contain_text("Rust, M")
    expect(page).to_have_url(re.compile("sku=JACKET-RUST-M"))
    assert page.evaluate("window.isSamePage")
    assert steps.focused(page).startswith("sku-")


def test_back_to_a_page_from_before_the_badge_counts_what_was_added_since(visit: Visit, goods: Goods):
    page = visit("/")
    expect(page.locator("#cart-badge")).to_have_text("0 items")
    page.goto(f"{goods.jacket_url}?sku=JACKET-MOSS-M")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#cart-badge")).to_have_text("1 item")

    page.go_back()

    assert page.evaluate("performance.getEntriesByType('navigation')[0].transferSize") == 0, "Not from the disk."
    expect(page.locator("#cart-badge")).to_have_text("1 item")


def test_adding_opens_the_drawer_counts_in_the_header_and_says_so(visit: Visit, goods: Goods):
    page = visit(f"{goods.jacket_url}?sku=JACKET-MOSS-M")

    page.get_by_role("button", name="Add to cart").click()

    drawer = page.get_by_role("dialog", name="Cart")
    expect(drawer).to_contain_text("Moss, M")
    expect(page.locator("#cart-badge")).to_have_text("1 item")
    expect(page.get_by_role("status").filter(has_text="Added Field chore jacket")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('#cart-drawer') !== null")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    assert steps.focused(page) == "add-to-cart"


def test_the_drawer_changes_quantities_and_brings_back_what_was_removed(visit: Visit, goods: Goods):
    page = visit()
    steps.put_jacket_into_cart(page, goods)
    drawer = page.get_by_role("dialog", name="Cart")

    drawer.get_by_role("button", name="Increase quantity").click()
    expect(page.locator("#cart-badge")).to_have_text("2 items")
    expect(drawer).to_contain_text("$256.00")
    assert steps.focused(page).startswith("inc-d-qty-")

    drawer.get_by_role("button", name="Remove Field chore jacket").click()
    expect(drawer.get_by_role("heading", name="Your cart is empty")).to_be_visible()
    expect(page.locator("#cart-badge")).to_have_text("0 items")
    page.get_by_role("button", name="Undo").click()
    expect(drawer).to_contain_text(goods.jacket)
    expect(page.locator("#cart-badge")).to_have_text("2 items")


def test_enter_in_a_quantity_changes_it(visit: Visit, goods: Goods):
    page = visit()
    steps.put_jacket_into_cart(page, goods)
    page.goto("/cart")

    quantity = page.get_by_role("spinbutton", name="Quantity of Field chore jacket")
    quantity.fill("3")
    quantity.press("Enter")

    expect(page.locator("#cart-badge")).to_have_text("3 items")
    expect(page.locator("#summary")).to_contain_text("$384.00")


def test_a_refused_quantity_swaps_in_with_its_reason_and_leaves_the_badge_right(visit: Visit, goods: Goods):
    page = visit()
    steps.put_jacket_into_cart(page, goods)
    page.goto("/cart")
    steps.somebody_else_buys("JACKET-MOSS-S", leave=1)

    with page.expect_response("**/cart/lines/*") as answer:
        page.get_by_role("button", name="Increase quantity").click()

    assert answer.value.status == 422
    expect(page.get_by_role("alert")).to_contain_text("Only 1 of Field chore jacket left")
    expect(page.locator("#cart-badge")).to_have_text("1 item")
    expect(page.locator("h1")).to_contain_text("(1)")


def test_checkout_says_what_is_wrong_and_keeps_what_was_typed(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    page.goto("/checkout")
    page.evaluate("window.isSamePage = true")
    steps.fill_in_address(page)
    page.get_by_label("Email", exact=True).fill("ada@")
    page.get_by_label("ZIP code").fill("1")

    with page.expect_response("**/checkout") as answer:
        page.get_by_role("button", name="Pay $").click()

    assert answer.value.status == 422
    summary = page.locator("#errs")
    expect(summary).to_be_focused()
    expect(page.get_by_label("Full name")).to_have_value("Ada Lovelace")
    expect(page.get_by_label("Email", exact=True)).to_have_value("ada@")
    expect(page.get_by_label("I accept the terms")).to_be_checked()
    expect(page.get_by_label("Email", exact=True)).to_have_attribute("aria-invalid", "true")
    summary.get_by_role("link").first.click()
    expect(page.get_by_label("Email", exact=True)).to_be_focused()
    assert page.evaluate("window.isSamePage")
    page.goto("/cart")
    expect(page.locator("#cart-badge")).to_have_text("1 item")


def test_another_country_asks_for_its_own_address_and_another_delivery_for_another_total(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    page.goto("/checkout")
    steps.fill_in_address(page)
    total = page.get_by_role("button", name="Pay $").inner_text()

    page.get_by_label("Country or region").focus()
    page.get_by_label("Country or region").select_option("GB")
    expect(page.get_by_label("Postcode")).to_be_visible()
    expect(page.get_by_label("State")).to_have_count(0)
    expect(page.get_by_label("Full name")).to_have_value("Ada Lovelace")
    assert steps.focused(page) == "country"

    page.get_by_label("Express").check()
    expect(page.get_by_role("button", name="Pay $")).not_to_have_text(total)
    expect(page.locator("#order-sum")).to_contain_text("$12.00")
    assert steps.focused(page) == "ship-express"


def test_a_guest_pays_and_the_page_turns_to_paid_by_itself(
    visit: Visit, goods: Goods, mails: Mails, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(demo, "LATE_BY", 1)
    page = visit()
    steps.put_jacket_into_cart(page, goods)
    steps.place_order(page)

    steps.pay(page, "Pay, but tell the shop late")
    expect(page.get_by_role("heading", name="waiting for the payment")).to_be_visible()
    page.evaluate("window.isSamePage = true")
    steps.expect_payment(page, "paid", within=8_000)
    seen = time.time()

    expect(page.get_by_role("heading", name="Thank you, Ada")).to_be_visible()
    expect(page.get_by_role("button", name="Pay $")).to_have_count(0)
    assert page.evaluate("window.isSamePage")
    assert seen - _message_came() < 3
    expect(page.locator("#cart-badge")).to_have_text("0 items")


def test_the_mailed_link_opens_the_order_anywhere_and_without_it_there_is_none(
    visit: Visit, goods: Goods, mails: Mails
):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)
    steps.pay(page)
    steps.expect_payment(page, "paid")
    number = steps.order_number(page)

    link = steps.link_in(steps.letter(mails, "ada@example.com"), f"/orders/{number}?key=")
    elsewhere = visit(link)
    steps.expect_payment(elsewhere, "paid")
    stranger = visit()
    refused = stranger.goto(f"/orders/{number}")

    assert refused is not None
    assert refused.status == 404
    expect(stranger.locator("body")).not_to_contain_text("Ada")


def _message_came() -> float:
    """When the newest webhook arrived, in unix seconds."""
    newest = session().scalars(select(WebhookEvent.received_at).order_by(WebhookEvent.id.desc()).limit(1)).one()
    session().rollback()
    return newest.timestamp()
