"""Whole purchases through HTTP, once plain and once with htmx."""

import re
from typing import Any

import pytest

from app import invariants
from app.lib.db import db
from tests.factories import a_variant, order_named, stock_of
from tests.journeys.shopping import Shopper, goes_to, key_of, number_of, path_of, states, words


@pytest.fixture(params=["plain", "htmx"])
def ada(request: pytest.FixtureRequest, browser: Any) -> Shopper:
    return Shopper(browser, htmx=request.param == "htmx")


def all_rules_hold() -> None:
    db.session.rollback()
    broken = [(finding.name, finding.broken) for finding in invariants.check() if finding.broken]
    assert broken == []


def test_a_guest_buys_a_shirt_and_gets_the_mail(ada: Shopper, mails: Any, run_jobs: Any, new_browser: Any) -> None:
    shirt = a_variant(on_hand=3, price=1999)

    order = ada.buy(shirt.sku, quantity=2)
    run_jobs()

    page = ada.browser.get(path_of(order)).text
    assert states(page) == ("paid", "paid")
    assert "Thank you, Ada" in words(page)
    assert stock_of(shirt).on_hand == 1
    [letter] = mails()
    assert letter["To"] == "ada@example.com"
    link = re.search(r"http://shop\.test(/orders/\S+)", letter.get_body(("plain",)).get_content())
    assert link
    assert states(new_browser().get(link[1]).text) == ("paid", "paid")
    all_rules_hold()


def test_an_order_is_shown_to_the_browser_that_placed_it_and_to_no_other(ada: Shopper, new_browser: Any) -> None:
    order = ada.buy(a_variant().sku)

    number = number_of(order)

    assert ada.browser.get(f"/orders/{number}").status_code == 200
    stranger = new_browser()
    assert stranger.get(f"/orders/{number}").status_code == 404
    assert stranger.get(f"/orders/{number}?key=guess").status_code == 404
    assert stranger.get(f"/orders/{number}/status").status_code == 404
    assert stranger.post(f"/orders/{number}/cancel").status_code == 404
    assert stranger.get(f"/orders/{number}?key={key_of(order)}").status_code == 200


def test_a_declined_payment_is_tried_again_for_the_same_order(ada: Shopper) -> None:
    shirt = a_variant(on_hand=1)
    ada.add(shirt.sku)

    order = ada.press(goes_to(ada.place()), "decline")
    page = ada.browser.get(path_of(order)).text

    assert states(page) == ("pending", "failed")
    assert "The bank declined" in words(page)
    again = goes_to(ada.browser.post(f"/orders/{number_of(order)}/payments", data={"provider": "demo"}, htmx=ada.htmx))
    same = ada.press(again, "pay")
    assert number_of(same) == number_of(order)
    assert states(ada.browser.get(path_of(same)).text) == ("paid", "paid")
    assert stock_of(shirt).on_hand == 0
    all_rules_hold()


def test_leaving_the_payment_page_keeps_the_order_and_its_stock(ada: Shopper) -> None:
    shirt = a_variant(on_hand=1)
    ada.add(shirt.sku)

    order = ada.press(goes_to(ada.place()), "leave")

    page = ada.browser.get(path_of(order)).text
    assert states(page) == ("pending", "pending")
    assert "Your order is kept" in words(page)
    assert stock_of(shirt).reserved == 1


def test_late_money_shows_waiting_and_then_paid(ada: Shopper, run_jobs: Any) -> None:
    ada.add(a_variant().sku)

    order = ada.press(goes_to(ada.place()), "late")
    waiting = ada.browser.get(path_of(order)).text

    assert states(waiting) == ("pending", "pending")
    assert 'hx-trigger="every 1s"' in waiting
    _the_money_comes()
    run_jobs()
    fragment = ada.browser.get(f"/orders/{number_of(order)}/status?key={key_of(order)}", htmx=True).text
    assert states(fragment) == ("paid", "paid")
    assert "hx-trigger" not in fragment


def _the_money_comes() -> None:
    """The six seconds of "late" pass, in the provider's books and for the message."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE demo_payments SET data = jsonb_set(data, '{paid_at}', to_jsonb(0))")
        connection.exec_driver_sql("UPDATE outbox SET due_at = now() WHERE topic = 'payments.demo_message'")


def test_an_order_goes_back_into_the_cart_to_be_changed(ada: Shopper) -> None:
    shirt, hat = a_variant(on_hand=2), a_variant(on_hand=2)
    ada.add(shirt.sku, 2)
    ada.add(hat.sku)
    order = ada.press(goes_to(ada.place()), "leave")

    answer = ada.browser.post(f"/orders/{number_of(order)}/change", data={"key": key_of(order)}, htmx=ada.htmx)

    assert goes_to(answer) == "/cart"
    assert len(ada.lines()) == 2
    assert order_named(number_of(order)).status == "cancelled"
    assert stock_of(shirt).reserved == 0
    all_rules_hold()


def test_cancelling_a_paid_order_sends_the_money_back_and_the_goods_onto_the_shelf(
    ada: Shopper, run_jobs: Any, mails: Any
) -> None:
    shirt = a_variant(on_hand=3)
    order = ada.buy(shirt.sku)

    answer = ada.browser.post(f"/orders/{number_of(order)}/cancel", data={"key": key_of(order)}, htmx=ada.htmx)
    run_jobs()

    assert number_of(goes_to(answer)) == number_of(order)
    assert states(ada.browser.get(path_of(order)).text) == ("cancelled", "refunded")
    assert stock_of(shirt).on_hand == 3
    assert [letter["Subject"].split(" order")[0] for letter in mails()] == ["Your", "Your", "Your refund for"]
    again = ada.browser.post(f"/orders/{number_of(order)}/cancel", data={"key": key_of(order)}, htmx=ada.htmx)
    assert again.status_code == 409
    all_rules_hold()


def test_a_second_submit_leads_to_the_same_order(ada: Shopper) -> None:
    ada.add(a_variant().sku)
    form = ada.checkout_form()

    first = goes_to(ada.browser.post("/checkout", data=form, htmx=ada.htmx))
    second = goes_to(ada.browser.post("/checkout", data=form, htmx=ada.htmx))
    other_key = goes_to(ada.browser.post("/checkout", data={**form, "idempotency_key": "another"}, htmx=ada.htmx))

    assert first == second == other_key
    assert db.session.execute(db.text("SELECT count(*) FROM orders")).scalar() == 1


def test_the_same_key_with_other_content_is_refused_and_nothing_is_lost(ada: Shopper) -> None:
    ada.add(a_variant().sku)
    form = ada.checkout_form()
    ada.browser.post("/checkout", data=form, htmx=ada.htmx)

    answer = ada.browser.post("/checkout", data={**form, "name": "Somebody Else"}, htmx=ada.htmx)

    assert answer.status_code == 422
    assert "was placed with other details" in words(answer.text)
    assert 'value="Somebody Else"' in answer.text


def test_the_order_does_not_follow_the_catalogue(ada: Shopper) -> None:
    shirt = a_variant(price=1999)
    name = shirt.product.name
    order = ada.buy(shirt.sku)

    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variants SET price_minor = 1")
        connection.exec_driver_sql("UPDATE products SET name = 'Renamed', status = 'archived'")

    page = words(ada.browser.get(path_of(order)).text)
    assert name in page
    assert "$19.99" in page
    assert "Renamed" not in page
