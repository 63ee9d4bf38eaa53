"""From a cart to an order: what is agreed, and what is asked again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.cart.queries import Whose
from app.checkout import services as checkout
from app.checkout.views import PLACING
from app.lib import ratelimit, runtime
from app.lib.db import db
from app.lib.errors import Invalid
from app.orders.services import Actor
from app.payments.queries import summary
from tests.factories import a_cart, a_user, a_variant, an_order, order_named, place, stock_of, wishes
from tests.journeys.shopping import Shopper, goes_to, number_of, words
from tests.races.meeting import assert_sound


def test_a_price_that_rose_is_shown_and_accepted_before_the_order(browser: Any) -> None:
    shirt = a_variant(price=1999)
    ada = Shopper(browser, htmx=True)
    ada.add(shirt.sku)
    form = ada.checkout_form()
    _set_price(2499)

    refused = browser.post("/checkout", data=form, htmx=True)

    assert refused.status_code == 409
    assert "The total changed" in words(refused.text)
    assert "was $19.99 each when you added it" in words(refused.text)
    assert db.session.execute(db.text("SELECT count(*) FROM orders")).scalar() == 0
    accepted = ada.place()
    assert goes_to(accepted).startswith("/payments/demo/")


def test_a_price_that_rose_needs_consent_even_without_a_reviewed_summary() -> None:
    whose = a_cart(a_variant(price=1999))
    _set_price(2499)

    with pytest.raises(checkout.SummaryChanged):
        place(whose)


def test_a_program_that_sends_no_fingerprint_accepts_by_sending_again(browser: Any) -> None:
    ada = Shopper(browser)
    ada.add(a_variant(price=1999).sku)
    form = {name: value for name, value in ada.checkout_form().items() if name != "reviewed"}
    _set_price(2499)

    first = browser.post("/checkout", data=form)
    second = browser.post("/checkout", data=form)

    assert (first.status_code, second.status_code) == (409, 303)


def test_a_price_that_fell_is_simply_taken() -> None:
    shirt = a_variant(price=1999)
    whose = a_cart(shirt)
    _set_price(999)

    number, _ = place(whose)

    assert order_named(number).subtotal_minor == 999


def _set_price(minor: int) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variants SET price_minor = %s", (minor,))


def test_everything_typed_stays_when_something_is_wrong(browser: Any) -> None:
    ada = Shopper(browser)
    ada.add(a_variant().sku)

    answer = ada.place(email="nonsense", postcode="12", line2="Flat 3", accept_terms="")

    assert answer.status_code == 422
    page = answer.text
    for kept in ("nonsense", "Ada Lovelace", "1 Main Street", "Flat 3"):
        assert kept in page
    text = words(page)
    assert "Enter the full address, for example name@example.com." in text
    assert "ZIP code does not fit" in text
    assert "Accept the terms" in text
    assert 'id="errs"' in page and 'href="#email"' in page and 'aria-describedby="email-error"' in page


@pytest.mark.parametrize("htmx", [False, True])
def test_whoever_pressed_too_often_waits_with_what_they_typed(browser: Any, htmx: bool) -> None:
    ada = Shopper(browser, htmx=htmx)
    ada.add(a_variant().sku)
    for _ in range(PLACING.most):
        ratelimit.hit(PLACING, "127.0.0.1")

    answer = ada.place(name="Ada King", line2="Flat 3")

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= PLACING.seconds
    assert "Too many tries. Wait" in words(answer.text)
    for kept in ('value="Ada King"', 'value="Flat 3"', 'value="1 Main Street"'):
        assert kept in answer.text
    assert 'id="checkout-form"' in answer.text and ("<html" in answer.text) is not htmx
    assert db.session.execute(db.text("SELECT count(*) FROM orders")).scalar() == 0


@pytest.mark.parametrize(
    ("country", "address", "fine"),
    [
        ("KE", {"city": "Nairobi", "region": "", "postcode": "", "phone": "0712 345678"}, True),
        ("ET", {"city": "Addis Ababa", "region": "", "postcode": ""}, True),
        ("US", {"city": "Portland", "region": "OR", "postcode": ""}, False),
        ("US", {"city": "Portland", "region": "XX", "postcode": "97209"}, False),
        ("GB", {"city": "London", "region": "", "postcode": "sw1a 1aa"}, True),
        ("GB", {"city": "London", "region": "", "postcode": "97209"}, False),
        ("KE", {"city": "Nairobi", "region": "", "postcode": "", "phone": "12"}, False),
        ("ZZ", {}, False),
    ],
)
def test_an_address_is_checked_by_the_rules_of_its_country(
    browser: Any, country: str, address: dict[str, str], fine: bool
) -> None:
    ada = Shopper(browser)
    ada.add(a_variant().sku)

    answer = ada.place(country=country, **address)

    assert answer.status_code == (303 if fine else 422), words(answer.text)[:800]


def test_a_phone_number_is_kept_the_way_mobile_money_wants_it() -> None:
    from app.checkout import addresses

    written, problems = addresses.check(wishes(country="KE", region="", postcode="", phone="0712 345 678").recipient)

    assert problems == {}
    assert written.phone == "+254712345678"


def test_another_country_brings_its_own_fields(browser: Any) -> None:
    ada = Shopper(browser)
    ada.add(a_variant().sku)
    form = ada.checkout_form(country="KE", name="Typed already")

    fragment = browser.post("/checkout/address", data=form, htmx=True).text

    assert 'id="checkout"' in fragment
    assert "ZIP code" not in fragment
    assert "Typed already" in fragment


def test_an_expired_hold_is_free_for_the_next_buyer_before_any_job_ran() -> None:
    shirt = a_variant(on_hand=1)
    first = an_order(shirt)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reservations SET expires_at = now() - interval '1 second'")
        connection.exec_driver_sql("UPDATE orders SET hold_expires_at = now() - interval '1 second'")

    second = an_order(shirt, email="bob@example.com")

    assert stock_of(shirt).reserved == 1
    checkout.expire(first.id)
    assert order_named(first.number).status == "cancelled"
    assert order_named(second.number).status == "pending"
    assert stock_of(shirt).reserved == 1


def test_an_unpaid_order_is_cancelled_after_its_hold_with_a_way_back(run_jobs: Any, mails: Any, browser: Any) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reservations SET expires_at = now() - interval '1 second'")
        connection.exec_driver_sql("UPDATE orders SET hold_expires_at = now() - interval '1 second'")

    assert checkout.expire_unpaid() == 1
    run_jobs()

    assert order_named(order.number).status == "cancelled"
    assert stock_of(shirt).reserved == 0
    assert "not paid in time" in mails()[0]["Subject"]
    answer = browser.post(f"/orders/{order.number}/change", data={"key": order.key})
    assert goes_to(answer) == "/cart"
    assert "$19.99" in browser.get("/cart").text


def test_nothing_half_done_remains_when_stock_is_short() -> None:
    plenty, scarce = a_variant(on_hand=5), a_variant(on_hand=1)
    mine, other = a_cart(plenty, scarce), a_cart(scarce)
    place(other)

    with pytest.raises((checkout.CartNeedsLook, checkout.inventory.NotEnoughStock)):
        place(mine)

    assert stock_of(plenty).reserved == 0
    assert db.session.execute(db.text("SELECT count(*) FROM orders")).scalar() == 1
    assert db.session.execute(db.text("SELECT count(*) FROM outbox WHERE done_at IS NULL")).scalar() == 1


def test_a_method_that_is_not_offered_is_refused() -> None:
    whose = a_cart(a_variant())

    with pytest.raises(Invalid):
        checkout.place_order(
            whose,
            checkout.Wishes(wishes().recipient, "teleport", wants_news=False),
            key="k",
            actor=Actor("Ada"),
        )


def test_checking_out_again_leads_to_the_order_that_waits(browser: Any) -> None:
    ada = Shopper(browser)
    ada.add(a_variant().sku)
    order = ada.press(goes_to(ada.place()), "leave")

    answer = browser.get("/checkout")

    assert number_of(goes_to(answer)) == number_of(order)


def test_the_consent_is_stored_with_its_time_and_text(browser: Any) -> None:
    ada = Shopper(browser)

    number = number_of(ada.buy(a_variant().sku))

    order = order_named(number)
    assert order.terms_version == "1"
    assert order.terms_accepted_at is not None
    assert order.news_consent_at is None


def ways_in(page: str) -> str:
    return page.split('name="ways" value="')[1].split('"')[0]


@pytest.fixture
def free_delivery() -> Iterator[None]:
    was = runtime.settings()
    runtime.use(replace(was, shipping_methods="standard:Standard:0::3-5;express:Express:5.00::1-2"))
    yield
    runtime.use(was)


@pytest.mark.parametrize("htmx", [False, True])
def test_an_order_that_costs_nothing_is_paid_by_being_placed(
    browser: Any, free_delivery: None, run_jobs: Any, mails: Any, htmx: bool
) -> None:
    sample = a_variant(price=0, on_hand=2)
    ada = Shopper(browser, htmx=htmx)
    ada.add(sample.sku)
    page = browser.get("/checkout").text
    assert "There is nothing to pay." in page
    assert "Place the order" in page
    form = {name: value for name, value in ada.checkout_form().items() if name != "provider"}

    placed = browser.post("/checkout", data=form, htmx=htmx)
    again = browser.post("/checkout", data=form, htmx=htmx)
    other_tab = browser.post("/checkout", data=form | {"idempotency_key": "another"}, htmx=htmx)
    run_jobs()

    number = number_of(goes_to(placed))
    order = order_named(number)
    assert [letter["subject"] for letter in mails()] == [f"Your order {number}: thank you, it is confirmed"]
    assert goes_to(again) == goes_to(other_tab) == goes_to(placed)
    assert (order.status, summary(order).state) == ("paid", "paid")
    assert (stock_of(sample).on_hand, stock_of(sample).reserved) == (1, 0)
    assert "Order confirmed Thank you, Ada. We are packing" in words(browser.get(goes_to(placed)).text)
    assert_sound()


def test_what_delivery_costs_is_paid_also_for_goods_that_cost_nothing(browser: Any, free_delivery: None) -> None:
    ada = Shopper(browser, htmx=True)
    ada.add(a_variant(price=0).sku)
    form = ada.checkout_form(shipping_method="express")

    shown = browser.post("/checkout/totals", data=form, htmx=True).text
    del form["provider"]
    silent = browser.post("/checkout", data=form, htmx=True)

    assert 'id="pay-demo"' in shown
    assert 'id="payment"' not in browser.post("/checkout/totals", data=form | {"ways": ways_in(shown)}, htmx=True).text
    assert "Pay $5.43" in shown
    assert (silent.status_code, "Choose how to pay." in silent.text) == (422, True)


def test_the_summary_that_was_shown_is_said_once_and_follows_the_delivery(browser: Any, free_delivery: None) -> None:
    ada = Shopper(browser, htmx=True)
    ada.add(a_variant(price=1999).sku)
    page = browser.get("/checkout").text
    form = ada.checkout_form(shipping_method="express")

    shown = browser.post("/checkout/totals", data=form, htmx=True).text
    pay = shown.split('id="pay"')[1]

    assert page.count('name="reviewed"') == 1 and 'name="reviewed"' in page.split('id="pay"')[1]
    assert 'name="reviewed"' in pay
    placed = browser.post(
        "/checkout", data=form | {"reviewed": pay.split('name="reviewed" value="')[1].split('"')[0]}, htmx=True
    )
    assert goes_to(placed).startswith("/payments/demo/")


def test_a_second_tab_leads_to_the_latest_order_that_is_alive(free_delivery: None) -> None:
    ada = a_user()
    an_order(a_variant(price=0), user=ada)
    unpaid = an_order(a_variant(price=1999), user=ada)

    again, _ = place(Whose(user_id=ada.id), key="another tab")

    assert again == unpaid.number


def test_an_order_that_cost_nothing_can_be_cancelled(free_delivery: None) -> None:
    sample = a_variant(price=0, on_hand=1)
    order = an_order(sample)

    checkout.cancel(order.number, actor=Actor("Ada"), reason="Changed my mind", by_shopper=True)

    assert (order_named(order.number).status, stock_of(sample).on_hand) == ("cancelled", 1)
    assert_sound()
