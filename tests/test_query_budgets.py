"""How many statements a page may cost. One more on a page everybody opens is a cost that everybody pays.

Of those of a page one is for the menu and one for the frame around it; both are kept for two seconds.
"""

import pytest

from app.checkout import services as checkout
from app.orders.services import Actor
from tests.factories import a_cart, a_category, a_product, a_variant, wishes
from tests.kept import laid_down
from tests.races.people import filled_form, press_button


@pytest.fixture
def shelf():
    return laid_down(a_shelf)


def a_shelf():
    """A category with thirty products of two variants each: the addresses of it and of the last, and its SKU."""
    category = a_category()
    for _ in range(30):
        product = a_product(category=category)
        for _ in range(2):
            variant = a_variant(product=product)
    return f"/c/{category.slug}", f"/p/{product.slug}", variant.sku


@pytest.mark.parametrize("query", ["", "?price_min=1&in_stock=1&colour=moss", "?page=2", "?sort=price"])
def test_a_listing_costs_two_and_the_menu(browser, queries, shelf, query):
    address = f"{shelf[0]}{query}"
    browser.get("/search?q=shirt")
    with queries(at_most=3):
        assert browser.get(address).status_code == 200


@pytest.mark.parametrize("query", ["q=shirt", "q=shirt&in_stock=1&price_max=100", "q=shirt&page=2"])
def test_a_search_costs_one_beside_its_limit_and_the_menu(browser, queries, shelf, query):
    browser.get("/search?q=shirt")
    with queries(at_most=3):
        assert browser.get(f"/search?{query}").status_code == 200


def test_a_product_page_costs_at_most_four(browser, queries, shelf):
    _, address, _ = shelf
    with queries(at_most=4):
        assert browser.get(address).status_code == 200


def test_the_cart_page_costs_at_most_two(browser, queries, shelf):
    browser.post("/cart/lines", data={"sku": shelf[2], "quantity": "1"})

    with queries(at_most=3):
        assert browser.get("/cart").status_code == 200


@pytest.mark.parametrize("htmx", [False, True])
def test_adding_to_the_cart_costs_at_most_three(browser, queries, shelf, htmx):
    line = {"sku": shelf[2], "quantity": "1"}
    browser.post("/cart/lines", data=line)

    with queries(at_most=3):
        assert browser.post("/cart/lines", data=line, htmx=htmx).status_code == (200 if htmx else 303)


def test_placing_an_order_costs_at_most_eight(queries):
    cart = a_cart(a_variant(), (a_variant(), 2), a_variant())

    with queries(at_most=8):
        checkout.place_order(cart, wishes(), key="one", actor=Actor("Ada"))


def test_pressing_pay_places_the_order_and_opens_the_payment_in_at_most_23(browser, queries):
    form = filled_form(browser, a_variant().id, "form")

    with queries(at_most=23):
        assert press_button(browser, form, 1).status_code == 303
