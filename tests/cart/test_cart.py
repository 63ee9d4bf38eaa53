"""A cart never loses a line."""

from typing import Any

import pytest

from app.cart import queries, services
from app.cart.queries import Whose
from app.lib.db import db
from app.lib.errors import NotFound
from tests.factories import PASSWORD, a_cart, a_user, a_variant
from tests.journeys.shopping import Shopper, words


def contents(whose: Whose) -> dict[str, int]:
    db.session.rollback()
    return {line.sku: line.quantity for line in queries.view(whose).lines}


def test_more_than_there_is_is_refused_and_says_what_is_left(browser: Any) -> None:
    shirt = a_variant(on_hand=3)
    ada = Shopper(browser, htmx=True)
    ada.add(shirt.sku, 2)

    answer = ada.add(shirt.sku, 2)

    assert answer.status_code == 422
    assert "Only 3 of" in words(answer.text) and "your cart has 2 already" in words(answer.text)
    assert 'value="2"' in ada.cart()


def test_changing_a_line_answers_the_same_figures_as_a_fresh_page(browser: Any) -> None:
    shirt = a_variant(price=1999)
    ada = Shopper(browser)
    ada.add(shirt.sku)
    [line] = ada.lines()

    fragment = browser.post(line, data={"quantity": 3}, htmx=True).text
    page = browser.get("/cart").text

    assert 'hx-swap-oob="true">3' in fragment
    assert "$59.97" in fragment
    start = page.index('<aside class="aside card stack" id="summary"')
    assert page[start : page.index("</aside>", start)] in fragment


def test_removing_offers_to_undo(browser: Any) -> None:
    shirt = a_variant()
    ada = Shopper(browser, htmx=True)
    ada.add(shirt.sku, 2)
    [line] = ada.lines()

    answer = browser.post(f"{line}/remove", htmx=True)

    assert '"undo"' in answer.headers["HX-Trigger"] and shirt.sku in answer.headers["HX-Trigger"]
    assert "Your cart is empty" in words(answer.text)
    assert browser.post(f"{line}/remove", htmx=True).status_code == 200


def test_somebody_elses_line_is_not_there() -> None:
    shirt = a_variant()
    hers = a_cart(shirt)
    line = queries.view(hers).lines[0].public_id

    with pytest.raises(NotFound):
        services.set_quantity(a_cart(shirt), line, 5)

    services.remove_line(Whose("guess"), line)
    assert contents(hers) == {shirt.sku: 1}


def test_signing_in_adds_the_carts_up_to_what_there_is() -> None:
    shirt, hat, scarf = a_variant(on_hand=3), a_variant(), a_variant()
    ada = a_user()
    a_cart((shirt, 2), hat, user=ada)
    guest = a_cart((shirt, 2), scarf)

    merged = services.merge(guest.token, ada.id)

    assert contents(Whose(user_id=ada.id)) == {shirt.sku: 3, hat.sku: 1, scarf.sku: 1}
    assert merged.quantity == 5
    assert any("only 3 left" in sentence for sentence in merged.sentences)
    assert contents(guest) == {}
    assert services.merge(guest.token, ada.id).quantity == 5


def test_the_cart_is_the_same_on_every_device(new_browser: Any) -> None:
    a_user()
    shirt, hat = a_variant(), a_variant()
    phone, laptop = new_browser(), new_browser()
    for device in (phone, laptop):
        Shopper(device).add(shirt.sku)
        answer = device.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})
        assert answer.status_code == 303, words(answer.text)[:500]
    Shopper(phone).add(hat.sku)

    page = laptop.get("/cart").text

    assert page.count('<li class="item"') == 2
    assert 'value="2"' in page


def test_a_users_cart_is_never_opened_by_a_cookie_alone(new_browser: Any) -> None:
    a_user()
    browser = new_browser()
    Shopper(browser).add(a_variant().sku)
    cookie = browser.get_cookie("cart").value
    browser.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})

    thief = new_browser()
    thief.set_cookie("cart", cookie)

    assert "Your cart is empty" in words(thief.get("/cart").text)


def test_an_altered_cart_cookie_is_no_cart(browser: Any) -> None:
    Shopper(browser).add(a_variant().sku)
    cookie = browser.get_cookie("cart").value

    browser.set_cookie("cart", cookie[:-2] + "xx")

    assert "Your cart is empty" in words(browser.get("/cart").text)
