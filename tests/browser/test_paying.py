"""What goes wrong between the button and the money, and how the shopper gets on."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, Request, Route, expect
from sqlalchemy import func, select

from app.lib.db import session
from app.orders.models import Order
from app.payments.models import Attempt
from tests.browser import steps
from tests.browser.goods import Goods
from tests.browser.trouble import Trouble

Visit = Callable[..., Page]


def test_pay_pressed_twice_places_one_order(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    page.goto("/checkout")
    steps.fill_in_address(page)
    page.get_by_text("Demo payment").click()
    sent = _count_posts(page, "/checkout")

    page.get_by_role("button", name="Pay $").dblclick()
    expect(page.get_by_role("heading", name=re.compile("^Pay "))).to_be_visible()

    assert len(sent) == 1
    assert _count(Order) == 1


def test_pay_pressed_twice_at_the_provider_is_paid_once(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)

    page.get_by_role("button", name="Pay $").dblclick()

    steps.expect_payment(page, "paid")
    assert _count(Attempt) == 1


def test_back_from_the_provider_leads_to_the_order_that_waits(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)

    page.go_back()
    page.wait_for_url("**/orders/*")
    steps.expect_payment(page, "pending")
    page.get_by_text("Demo payment").click()
    page.get_by_role("button", name="Pay $").click()
    steps.pay(page)

    steps.expect_payment(page, "paid")
    assert _count(Order) == 1


def test_a_declined_payment_is_tried_again(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)

    steps.pay(page, "Decline the payment")
    steps.expect_payment(page, "failed")
    expect(page.get_by_role("heading", name="Your order is kept. Try paying again.")).to_be_visible()
    expect(page.locator("#order-status")).to_contain_text("The bank declined this payment.")
    page.get_by_role("button", name="Pay $").click()
    steps.pay(page)

    steps.expect_payment(page, "paid")


def test_leaving_without_paying_keeps_the_order_and_lets_it_be_changed(visit: Visit, goods: Goods):
    page = visit()
    steps.put_mug_into_cart(page, goods)
    steps.place_order(page)

    steps.pay(page, "Leave without paying")
    steps.expect_payment(page, "pending")
    expect(page.get_by_role("status").filter(has_text="Your order is kept")).to_be_visible()
    page.get_by_role("button", name="Change the order").click()

    expect(page.get_by_role("heading", name="Your cart")).to_contain_text("(1)")
    expect(page.locator("#cart-badge")).to_have_text("1 item")


def test_a_fault_on_our_side_keeps_the_page_and_can_be_tried_again(visit: Visit, goods: Goods, trouble: Trouble):
    trouble.forgive("503")
    page = visit()
    steps.put_jacket_into_cart(page, goods)
    page.goto("/cart")
    page.route("**/cart/lines/*", lambda route: route.fulfill(status=503, body="down"), times=1)

    page.get_by_role("button", name="Increase quantity").click()
    note = page.get_by_role("alert").filter(has_text="the fault is on our side")
    expect(note).to_be_visible()
    expect(page.locator("#cart")).to_contain_text(goods.jacket)
    note.get_by_role("button", name="Retry").click()

    expect(page.locator("#cart-badge")).to_have_text("2 items")
    expect(note).to_be_hidden()


def test_a_lost_connection_keeps_what_was_typed_and_can_be_tried_again(visit: Visit, goods: Goods, trouble: Trouble):
    trouble.forgive("ERR_INTERNET_DISCONNECTED")
    trouble.forgive("Failed to fetch")
    page = visit()
    steps.put_mug_into_cart(page, goods)
    page.goto("/checkout")
    steps.fill_in_address(page)
    page.get_by_text("Demo payment").click()
    page.route("**/checkout", _lose, times=1)

    page.get_by_role("button", name="Pay $").click()
    note = page.get_by_role("alert").filter(has_text="We could not reach the shop")
    expect(note).to_be_visible()
    expect(page.get_by_label("Full name")).to_have_value("Ada Lovelace")
    note.get_by_role("button", name="Retry").click()

    expect(page.get_by_role("heading", name=re.compile("^Pay "))).to_be_visible()
    assert _count(Order) == 1


def _lose(route: Route) -> None:
    route.abort("internetdisconnected")


def _count_posts(page: Page, path: str) -> list[Request]:
    sent: list[Request] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith(path):
            sent.append(request)

    page.on("request", note)
    return sent


def _count(model: type) -> int:
    found = session().scalar(select(func.count()).select_from(model))
    session().rollback()
    return found or 0
