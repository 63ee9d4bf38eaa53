"""A shopper with an account: registering, the merged cart, the orders, and nothing left behind after logging out."""

import re
from collections.abc import Callable
from email.message import EmailMessage

from playwright.sync_api import Page, expect

from app.auth import services
from tests import factories
from tests.browser import steps
from tests.browser.goods import Goods
from tests.factories import PASSWORD

Visit = Callable[..., Page]
Mails = Callable[[], list[EmailMessage]]


def test_registering_by_the_mailed_link_and_logging_in(visit: Visit, goods: Goods, mails: Mails):
    page = visit("/auth/register")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#main")).to_contain_text("ada@example.com")

    page.goto(steps.link_in(steps.letter(mails, "ada@example.com"), "/auth/verify/"))
    page.locator("#main").get_by_role("button").first.click()
    page.wait_for_url("**/auth/login")
    expect(page.get_by_role("status").filter(has_text="Your email is confirmed")).to_be_visible()
    steps.log_in(page)

    expect(page.get_by_role("heading", name="Hello, Ada")).to_be_visible()


def test_a_wrong_password_is_said_in_the_form_and_the_cart_stays(visit: Visit, goods: Goods):
    factories.a_user()
    page = visit()
    steps.put_mug_into_cart(page, goods)
    page.goto("/auth/login")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill("not the password")

    with page.expect_response("**/auth/login") as answer:
        page.get_by_role("button", name="Log in").click()

    assert answer.value.status == 422
    expect(page.locator("#errs")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("ada@example.com")
    expect(page.locator("#cart-badge")).to_have_text("1 item")


def test_the_carts_before_and_after_logging_in_become_one_on_every_device(visit: Visit, goods: Goods):
    factories.a_user()
    desk = visit()
    steps.log_in(desk)
    steps.put_jacket_into_cart(desk, goods)
    phone = visit(width=390)
    steps.put_mug_into_cart(phone, goods)

    steps.log_in(phone)

    expect(phone.locator("#cart-badge")).to_have_text("2 items")
    desk.goto("/cart")
    expect(desk.locator("#cart")).to_contain_text(goods.mug)
    expect(desk.locator("#cart-badge")).to_have_text("2 items")


def test_a_member_buys_finds_the_order_cancels_it_and_leaves_nothing_behind(visit: Visit, goods: Goods, mails: Mails):
    factories.a_user()
    page = visit()
    steps.log_in(page)
    steps.put_mug_into_cart(page, goods)
    page.goto("/checkout")
    expect(page.get_by_label("Email", exact=True)).to_have_value("ada@example.com")
    steps.place_order(page)
    steps.pay(page)
    steps.expect_payment(page, "paid")
    number = steps.order_number(page)

    page.goto("/account/orders")
    page.get_by_role("link", name=re.compile(number)).first.click()
    page.get_by_role("button", name="Cancel order").click()
    dialog = page.get_by_role("dialog", name=f"Cancel order {number}?")
    expect(dialog).to_contain_text("back the way you paid")
    dialog.get_by_role("button", name="Cancel order").click()
    expect(page.get_by_role("heading", name="This order is cancelled.")).to_be_visible()
    expect(page.locator("#order-figures")).to_contain_text("efund")

    page.goto("/account")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/")
    page.go_back()
    page.wait_for_url("**/auth/login*")
    expect(page.locator("body")).not_to_contain_text("Hello, Ada")
    refused = page.goto(f"/orders/{number}")
    assert refused is not None
    assert refused.status == 404


def test_the_printed_link_makes_the_first_owner_and_opens_the_desk(visit: Visit, goods: Goods):
    page = visit(services.owner_link())
    page.get_by_label("Name").fill("Grace Hopper")
    page.get_by_label("Email").fill("grace@example.com")
    page.get_by_label("Password").fill(PASSWORD)

    page.locator("#main").get_by_role("button").last.click()
    page.wait_for_url("**/admin/")

    expect(page.get_by_role("link", name="Your account, Grace Hopper")).to_be_visible()
    shopper = visit("/admin/")
    expect(shopper.get_by_role("heading", name="Log in")).to_be_visible()
