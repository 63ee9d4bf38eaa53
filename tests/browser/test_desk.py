"""The staff desk in a real browser: dialogs that close when their work is done, and pages without a fault."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from app.lib.money import Money
from tests.admin.desk import GRACE, a_paid_order, hear, open_attempt
from tests.browser import steps
from tests.browser.axe import findings
from tests.browser.goods import Goods
from tests.factories import PASSWORD, a_user, a_variant, an_order

Visit = Callable[..., Page]


def grace(visit: Visit, path: str, *, role: str = "staff", **how: object) -> Page:
    """A browser in which Grace is signed in, on that page."""
    a_user(email=GRACE, role=role, name="Grace Hopper")
    page = visit("/auth/login", **how)
    steps.log_in(page, GRACE)
    page.goto(path)
    return page


def test_a_part_is_refunded_with_keys_alone_on_a_telephone(visit: Visit):
    order = a_paid_order((a_variant(price=2000), 3))
    page = grace(visit, f"/admin/orders/{order.number}", width=390)
    page.get_by_role("link", name="Refund", exact=True).press("Enter")
    shirts, total = f"#units-{order.lines[0].id}", page.locator("#refund-sum")

    page.locator(shirts).fill("2")
    expect(total).to_contain_text(re.compile(r"Goes back\s*\$43\.40"))
    expect(page.locator(shirts)).to_be_focused()
    page.get_by_label("Back on the shelf").press("Space")
    expect(total).to_contain_text("to the shelf")
    page.get_by_label("Delivery").press_sequentially("6.52", delay=20)
    expect(total).to_contain_text("Of the delivery, $6.51 is left.")
    page.get_by_label("Delivery").press("Backspace")
    expect(page.get_by_role("button", name="Refund $49.90")).to_be_visible()
    page.get_by_label("Your password").fill("guess")
    page.get_by_label("Your password").press("Enter")
    expect(page.get_by_label("Your password")).to_be_focused()
    expect(page.locator("#refund-form")).to_contain_text("That is not your password.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Your password").press("Enter")

    expect(page.get_by_role("status").filter(has_text="$49.90 goes back to the shopper")).to_be_visible()
    expect(page.locator("#credits")).to_contain_text("2 x Shirt")
    expect(page.locator("#credits").get_by_role("link", name="Credit note")).to_be_visible()


def test_a_refusal_is_read_inside_the_dialog_that_asked(visit: Visit):
    order = a_paid_order()
    page = grace(visit, f"/admin/orders/{order.number}")
    other = visit("/auth/login")
    steps.log_in(other, GRACE)
    other.goto(f"/admin/orders/{order.number}")
    page.get_by_role("button", name="Mark as shipped").click()
    other.get_by_role("button", name="Mark as shipped").click()
    other.get_by_role("dialog").get_by_role("button", name="Mark as shipped").click()
    expect(other.get_by_role("button", name="Mark as delivered")).to_be_visible()

    page.get_by_role("dialog").get_by_role("button", name="Mark as shipped").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("it cannot become shipped")


def test_packing_shipping_and_noting_without_leaving_the_page(visit: Visit):
    order = a_paid_order()
    page = grace(visit, f"/admin/orders/{order.number}")

    page.get_by_role("button", name="Mark as packed").click()
    expect(page.locator("#tl-list li").first).to_contain_text("Packed")
    page.get_by_role("button", name="Mark as shipped").click()
    page.get_by_label("Tracking number").fill("1Z999")
    page.get_by_role("dialog").get_by_role("button", name="Mark as shipped").click()
    expect(page.locator("#tl-list li").first).to_contain_text("Shipped")
    page.get_by_role("button", name="Mark as delivered").click()
    expect(page.locator("#tl-list li").first).to_contain_text("Delivered")
    page.get_by_label("Note for staff").fill("Left with the neighbour")
    page.get_by_label("Note for staff").press("Enter")

    expect(page.locator("#tl-list li").first).to_contain_text("Left with the neighbour")
    expect(page.locator("#tl-list")).to_contain_text("Shipped: 1Z999")
    expect(page.get_by_label("Note for staff")).to_have_value("")


def test_the_same_without_scripts(visit: Visit):
    order = a_paid_order()
    page = grace(visit, f"/admin/orders/{order.number}", scripts=False)

    page.get_by_role("button", name="Mark as packed").click()
    page.get_by_role("link", name="Mark as shipped").click()
    page.get_by_role("dialog").get_by_role("button", name="Mark as shipped").click()
    expect(page.get_by_role("button", name="Mark as delivered")).to_be_visible()
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Another amount").fill("3")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#refund-sum")).to_contain_text(re.compile(r"Goes back\s*\$3\.00"))
    page.get_by_label("Your password").fill("guess")
    page.get_by_role("button", name="Refund $3.00").click()
    expect(page.locator("#refund-form")).to_contain_text("That is not your password.")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Refund $3.00").click()

    expect(page.locator("#tl-list")).to_contain_text("Refund of $3.00")


def test_filtering_keeps_the_place_while_typing(visit: Visit):
    variant = a_variant(on_hand=50)
    wanted = an_order(variant, name="Wanjiru Kamau")
    an_order(variant)
    page = grace(visit, "/admin/orders")

    page.get_by_label("Number, name, email or SKU", exact=True).press_sequentially("kama", delay=20)

    expect(page.locator("#orders tbody tr")).to_have_count(1)
    expect(page.locator("#orders-count")).to_have_text("1 order shown")
    expect(page.locator("#orders-q")).to_be_focused()
    page.wait_for_url("**/admin/orders?q=kama")
    page.get_by_role("link", name=wanted.number).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(wanted.number)
    page.go_back()
    expect(page.locator("#orders tbody tr")).to_have_count(1)


def test_keys_lead_through_the_desk(visit: Visit):
    page = grace(visit, "/admin/")

    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/admin/orders")
    page.keyboard.press("/")

    expect(page.locator("#find")).to_be_focused()


def test_somebody_joins_and_leaves(visit: Visit):
    a_user(email="mallory@example.com", name="Mallory")
    page = grace(visit, "/admin/staff", role="owner")

    page.get_by_label("Their email").fill("mallory@example.com")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make them staff").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    dialog = page.get_by_role("dialog", name="Remove Mallory")
    dialog.get_by_role("button", name="Remove Mallory").click()
    dialog.get_by_label("Your password").fill("guess")
    dialog.get_by_role("button", name="Remove Mallory").click()
    expect(dialog).to_contain_text("That is not your password.")
    dialog.get_by_label("Your password").fill(PASSWORD)
    dialog.get_by_role("button", name="Remove Mallory").click()

    expect(dialog).to_be_hidden()
    expect(page.locator("#staff tbody tr")).to_have_count(1)


def test_pages_of_the_desk_are_sound(visit: Visit, goods: Goods):
    variant = a_variant(on_hand=40, price=9900)
    sold = a_paid_order((variant, 2))
    an_order(variant)
    doubtful = an_order(variant)
    hear(open_attempt(doubtful.number), Money(100, "USD"))
    page = grace(visit, "/admin/", role="owner")

    found = findings(page, "dashboard")
    for name, path in (
        ("orders", "/admin/orders"),
        ("orders, none", "/admin/orders?q=nobody"),
        ("order, paid", f"/admin/orders/{sold.number}"),
        ("order, in doubt", f"/admin/orders/{doubtful.number}"),
        ("refund", f"/admin/orders/{sold.number}/refunds?all=1"),
        ("payments", "/admin/payments"),
        ("staff", "/admin/staff"),
    ):
        page.goto(path)
        found += findings(page, name)
    page.goto(f"/admin/orders/{sold.number}")
    page.get_by_role("button", name=re.compile("^Cancel order")).click()
    found += findings(page, "cancel dialog")

    assert found == []
