"""Nothing for axe-core to find, no page wider than the screen, no complaint in the console: on every page."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests import factories
from tests.browser import steps
from tests.browser.axe import findings
from tests.browser.goods import Goods

Visit = Callable[..., Page]


def test_pages_for_looking_around_are_sound(visit: Visit, goods: Goods):
    page = visit("/")
    found = findings(page, "home")
    for name, path in (
        ("category", goods.category_url),
        ("category, filtered", f"{goods.category_url}?colour=moss&in_stock=1"),
        ("brand", "/brands/pike-works"),
        ("product", f"{goods.jacket_url}?sku=JACKET-MOSS-M"),
        ("sold out", f"{goods.jacket_url}?sku=JACKET-MOSS-L"),
        ("search", "/search?q=jacket"),
        ("search, nothing typed", "/search"),
        ("search, nothing found", "/search?q=zzzzzz"),
        ("terms", "/terms"),
        ("privacy", "/privacy"),
        ("delivery", "/delivery"),
        ("not found", "/no-such-page"),
    ):
        page.goto(path)
        found += findings(page, name)

    assert found == []


def test_menus_and_panels_are_sound_while_open(visit: Visit, goods: Goods):
    page = visit("/")
    page.get_by_role("searchbox").fill("jack")
    expect(page.get_by_role("region", name="Search suggestions")).to_be_visible()
    found = findings(page, "suggestions")
    page.goto("/")
    page.locator("summary").filter(has_text="Clothing").first.click()
    found += findings(page, "menu")
    narrow = visit("/", width=390)
    narrow.get_by_role("button", name="Menu").click()
    found += findings(narrow, "menu, narrow")
    narrow.goto(goods.category_url)
    narrow.set_viewport_size({"width": 390, "height": 900})
    narrow.get_by_role("button", name="Filters").click()
    found += findings(narrow, "filters")

    assert found == []


def test_the_way_to_the_checkout_is_sound(visit: Visit, goods: Goods):
    page = visit("/cart")
    found = findings(page, "empty cart")
    steps.put_jacket_into_cart(page, goods)
    found += findings(page, "drawer")
    page.goto("/cart")
    found += findings(page, "cart")
    page.goto("/checkout")
    found += findings(page, "checkout")
    page.get_by_role("button", name="Pay $").click()
    expect(page.locator("#errs")).to_be_focused()
    found += findings(page, "checkout with errors")

    assert found == []


def test_an_order_is_sound_in_every_state(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)
    found = findings(page, "demo payment")
    steps.pay(page, "Leave without paying")
    steps.expect_payment(page, "pending")
    found += findings(page, "pending")
    steps.pay_again(page)
    steps.pay(page, "Decline the payment")
    steps.expect_payment(page, "failed")
    found += findings(page, "declined")
    steps.pay_again(page)
    steps.pay(page)
    steps.expect_payment(page, "paid")
    found += findings(page, "paid")
    page.get_by_role("button", name="Cancel order").click()
    found += findings(page, "cancel dialog")
    page.get_by_role("dialog").get_by_role("button", name="Cancel order").click()
    expect(page.get_by_role("heading", name="This order is cancelled.")).to_be_visible()
    found += findings(page, "cancelled")

    assert found == []


def test_the_account_is_sound(visit: Visit, goods: Goods):
    factories.a_user()
    page = visit("/auth/login")
    found = findings(page, "login")
    page.get_by_role("button", name="Log in").click()
    found += findings(page, "login refused")
    for name, path in (
        ("register", "/auth/register"),
        ("forgot", "/auth/forgot"),
        ("check your mail", "/auth/verify"),
        ("dead link", "/auth/reset/nothing"),
    ):
        page.goto(path)
        found += findings(page, name)
    steps.log_in(page)
    found += findings(page, "account")
    page.goto("/account/orders")
    found += findings(page, "no orders")
    page.goto("/dev/mail")
    found += findings(page, "mail")

    assert found == []
