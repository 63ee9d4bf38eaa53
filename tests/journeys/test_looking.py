"""Visitors who only look, and bad input at every door."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.lib.db import db
from tests.factories import a_variant
from tests.journeys.shopping import Shopper, goes_to, words


def test_twenty_pages_write_no_row_and_set_no_cookie(browser: Any) -> None:
    shirt = a_variant()

    for address in ["/", f"/p/{shirt.product.slug}", f"/c/{shirt.product.category.slug}", "/search?q=shirt"] * 5:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "Set-Cookie" not in answer.headers, address

    assert db.session.execute(db.text("SELECT count(*) FROM carts")).scalar() == 0
    assert db.session.execute(db.text("SELECT count(*) FROM sessions")).scalar() == 0


def test_what_one_shopper_is_shown_is_kept_from_every_cache(browser: Any, new_browser: Any) -> None:
    shirt = a_variant()
    Shopper(browser).add(shirt.sku, 7)

    mine = browser.get(f"/p/{shirt.product.slug}")
    yours = new_browser().get(f"/p/{shirt.product.slug}")

    assert ">7<" in mine.text and ">7<" not in yours.text
    assert mine.headers["Cache-Control"] == "private, no-store"
    assert "HX-Request" in mine.headers["Vary"]
    for private in ("/cart", "/auth/login"):
        assert browser.get(private).headers["Cache-Control"] == "private, no-store"


def test_every_answer_carries_the_security_headers(browser: Any) -> None:
    a_variant()

    for address in ("/", "/cart", "/nothing-here", "/auth/login", "/healthz", "/payments/demo/webhook"):
        answer = browser.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "junk"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://shop.test"},
    ],
)
def test_a_form_sent_by_another_site_is_refused(browser: Any, headers: dict[str, str]) -> None:
    shirt = a_variant()

    answer = browser.post("/cart/lines", data={"sku": shirt.sku, "quantity": 1}, headers=headers)

    assert answer.status_code == 403
    assert db.session.execute(db.text("SELECT count(*) FROM carts")).scalar() == 0


def test_an_old_browser_proves_itself_by_origin(app: Flask) -> None:
    shirt = a_variant()
    old = FlaskClient(app, app.response_class)

    def add(**headers: str) -> int:
        return old.post("/cart/lines", data={"sku": shirt.sku, "quantity": 1}, headers=headers).status_code

    assert add(Origin="http://shop.test") == 303
    assert add(Origin="http://evil.test") == 403
    assert add(Origin="null") == 403
    assert add() == 403


BAD_QUANTITIES = ["-1", "0", "1000", "1e9", "1000000000", "two", "", "1.5", "NaN", "٣", "\x00", "9" * 10_000]


@pytest.mark.parametrize("quantity", BAD_QUANTITIES)
@pytest.mark.parametrize("htmx", [False, True])
def test_no_bad_quantity_reaches_the_cart(browser: Any, quantity: str, htmx: bool) -> None:
    shirt = a_variant(on_hand=5000)
    ada = Shopper(browser, htmx)
    ada.add(shirt.sku, 2)
    [line] = ada.lines()

    added = ada.add(shirt.sku, quantity)
    changed = browser.post(line, data={"quantity": quantity}, htmx=htmx)

    assert added.status_code == 422
    expected = 200 if htmx else 303
    assert changed.status_code == (expected if quantity == "0" else 422)
    if quantity not in ("0", "\x00"):
        assert "Enter a quantity from 1 to 999" in words(added.text) + words(changed.text)
        assert ada.lines() == [line]


def test_a_sku_nobody_sells_is_404_in_words(browser: Any) -> None:
    for sku in ("nothing", "", "x" * 10_000, "' OR 1=1 --"):
        assert browser.post("/cart/lines", data={"sku": sku, "quantity": 1}).status_code == 404
    assert browser.post("/cart/lines", data={"sku": "a\x00b", "quantity": 1}).status_code == 422


def test_an_unpublished_line_blocks_checkout_and_keeps_the_others(browser: Any) -> None:
    shirt, hat = a_variant(), a_variant()
    ada = Shopper(browser)
    ada.add(shirt.sku)
    ada.add(hat.sku)
    form = ada.checkout_form()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE products SET status = 'draft' WHERE id = %s", (hat.product_id,))

    page = words(ada.cart())
    answer = browser.post("/checkout", data=form)

    assert "No longer sold" in page
    assert goes_to(answer) == "/cart"
    assert len(ada.lines()) == 2
    assert db.session.execute(db.text("SELECT count(*) FROM orders")).scalar() == 0


@pytest.mark.parametrize(
    "address",
    [
        "/p/nothing",
        "/c/nothing",
        "/brands/nothing",
        "/orders/S1",
        "/orders/%00",
        "/payments/nobody/return?reference=x",
        "/payments/demo/att-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/media/../secret_key",
        "/media/nothing.webp",
        "/account/orders",
        "/cart/lines/not-a-uuid",
    ],
)
def test_no_address_breaks_the_shop(browser: Any, address: str) -> None:
    answer = browser.get(address)

    assert 300 <= answer.status_code < 500


def test_programs_get_problem_json(browser: Any) -> None:
    answer = browser.get("/p/nothing", headers={"Accept": "application/json"})

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 404
