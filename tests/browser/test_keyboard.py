"""A purchase with no mouse: Tab, Enter, Space and arrows, and one always sees where one is."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser import steps
from tests.browser.goods import Goods

Visit = Callable[..., Page]
FARTHEST = 80  # stops on one page

# Radio buttons show their focus on the label around them, cards on the area of their link.
SHOWS_FOCUS = """
() => {
  const stop = document.activeElement;
  const drawn = (element, part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element, part);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  const box = stop.getBoundingClientRect();
  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const isDrawn = drawn(stop) || drawn(stop, "::after") || drawn(stop.closest("label") ?? stop);
  return stop !== document.body && inView && isDrawn;
}
"""


def test_a_purchase_by_keyboard_alone(visit: Visit, goods: Goods):
    page = visit("/")
    _tab_to(page, f'#main a[href^="{goods.jacket_url}"]')
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=goods.jacket, level=1)).to_be_visible()

    _choose_size_and_add(page)
    _raise_quantity_in_the_drawer(page)
    _tab_to(page, '#cart-drawer a[href="/checkout"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/checkout")

    _check_out(page)
    _tab_to(page, 'button[value="pay"]')
    page.keyboard.press("Enter")

    steps.expect_payment(page, "paid")


def test_the_first_stop_leads_past_the_header(visit: Visit, goods: Goods):
    page = visit("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_the_search_box_answers_to_slash_arrows_and_escape(visit: Visit, goods: Goods):
    page = visit("/")

    page.keyboard.press("/")
    page.keyboard.type("jack")
    expect(page.get_by_role("region", name="Search suggestions")).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('.suggest') !== null")
    assert page.evaluate(SHOWS_FOCUS)
    page.keyboard.press("Escape")

    expect(page.get_by_role("region", name="Search suggestions")).to_be_hidden()
    assert steps.focused(page) == "q"


def _choose_size_and_add(page: Page) -> None:
    _tab_to(page, 'input[name="sku"]')
    page.keyboard.press("ArrowRight")
    expect(page.locator("#stock")).to_contain_text("Moss, M")
    assert page.evaluate(SHOWS_FOCUS)
    _tab_to(page, "#add-to-cart")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Cart")).to_contain_text("Moss, M")


def _raise_quantity_in_the_drawer(page: Page) -> None:
    _tab_to(page, '#cart-drawer [id^="inc-d-qty-"]')
    page.keyboard.press("Space")
    expect(page.locator("#cart-badge")).to_have_text("2 items")
    assert page.evaluate(SHOWS_FOCUS)


def _check_out(page: Page) -> None:
    """An empty form first: the focus goes to what is wrong."""
    _tab_to(page, "#pay-button")
    page.keyboard.press("Enter")
    expect(page.locator("#errs")).to_be_focused()
    assert page.evaluate(SHOWS_FOCUS)
    for name, value in (("email", "ada@example.com"), ("name", "Ada Lovelace"), ("line1", "1 Main Street")):
        _tab_to(page, f"#{name}")
        page.keyboard.type(value)
    _tab_to(page, "#city")
    page.keyboard.type("Portland")
    _tab_to(page, "#region")
    page.keyboard.type("Oreg")
    _tab_to(page, "#postcode")
    page.keyboard.type("97209")
    _tab_to(page, 'input[name="provider"]')
    while not page.locator("#pay-demo").is_checked():
        page.keyboard.press("ArrowDown")
    assert page.evaluate(SHOWS_FOCUS)
    _tab_to(page, "#accept_terms")
    page.keyboard.press("Space")
    _tab_to(page, "#pay-button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/payments/demo/**")


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there, and see that it shows."""
    for _ in range(FARTHEST):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            assert page.evaluate(SHOWS_FOCUS), f"The focus on {selector} cannot be seen."
            return
    raise AssertionError(f"{selector} is not among the first {FARTHEST} stops.")
