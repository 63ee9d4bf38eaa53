"""The list of orders: tabs, search, filters and pages, with htmx and without."""

import re

import pytest
from flask.testing import FlaskClient

from app.lib.money import Money
from app.orders import services, staff_queries
from app.orders.services import Actor
from app.payments import demo_desk
from app.payments import services as payments
from tests.admin.desk import a_paid_order, at_desk, hear, open_attempt, words
from tests.factories import a_variant, an_order

with_and_without_htmx = pytest.mark.parametrize("htmx", [False, True])


def numbers_in(page: str) -> list[str]:
    return re.findall(r'<td class="c12"><a href="/admin/orders/(S\d+)">', page)


def test_tabs_count_what_waits_and_lead_to_it(browser: FlaskClient):
    unpaid, to_pack, packed = an_order(), a_paid_order(), a_paid_order()
    services.pack(packed.number, Actor("Grace"))
    desk = at_desk(browser)

    page = desk.page("/admin/orders")

    assert re.search(r'href="/admin/orders\?status=to_pack">To pack <span class="badge">1</span>', page)
    assert numbers_in(page) == [packed.number, to_pack.number, unpaid.number]
    assert numbers_in(desk.page("/admin/orders?status=to_pack")) == [to_pack.number]
    assert numbers_in(desk.page("/admin/orders?status=packed")) == [packed.number]
    assert numbers_in(desk.page("/admin/orders?sold=today")) == [packed.number, to_pack.number]
    assert 'aria-current="page">To ship' in desk.page("/admin/orders?status=packed")


def test_failed_and_doubtful_payments_have_a_view_of_their_own(browser: FlaskClient):
    failed, doubtful, waiting = an_order(), an_order(), an_order()
    reference = open_attempt(failed.number)
    demo_desk.choose(reference, "decline")
    payments.check(reference, channel="return")
    hear(open_attempt(doubtful.number), Money(1, "USD"))
    open_attempt(waiting.number)
    desk = at_desk(browser)

    assert numbers_in(desk.page("/admin/orders?money=failed")) == [failed.number]
    assert numbers_in(desk.page("/admin/orders?money=look")) == [doubtful.number]


def test_orders_are_found_by_number_name_email_and_sku(browser: FlaskClient):
    shirt = a_variant(sku="SHIRT-XL")
    order = an_order(shirt, name="Wanjiru Kamau", email="wanjiru@example.com")
    an_order()
    desk = at_desk(browser)

    digits = order.number[1:]
    for typed in (order.number, digits, f"%23{digits}", "kamau", "WANJIRU@", "shirt-xl"):
        assert numbers_in(desk.page(f"/admin/orders?q={typed}")) == [order.number], typed
    for typed in ("%25", "_", "nobody", "%5C"):
        assert numbers_in(desk.page(f"/admin/orders?q={typed}")) == [], typed


def test_filters_join_and_nonsense_is_left_out(browser: FlaskClient):
    paid = a_paid_order(name="Kwame Mensah")
    an_order(name="Kwame Boateng")
    desk = at_desk(browser)

    assert numbers_in(desk.page("/admin/orders?q=kwame&status=paid")) == [paid.number]
    assert len(numbers_in(desk.page("/admin/orders?status=lost&sold=never&money=plenty&older=%3C&page=-1"))) == 2


@with_and_without_htmx
def test_paging_shows_every_order_once_though_new_ones_arrive(browser: FlaskClient, monkeypatch, htmx: bool):
    monkeypatch.setattr(staff_queries, "PAGE", 3)
    variant = a_variant(on_hand=50)
    numbers = [an_order(variant).number for _ in range(8)]
    desk = at_desk(browser, htmx=htmx)

    seen: list[str] = []
    address: str | None = "/admin/orders"
    while address:
        page = desk.get(address).text
        seen += numbers_in(page)
        an_order(variant)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following[1].replace("&amp;", "&") if following else None

    assert seen == numbers[::-1]


def test_the_way_back_shows_the_pages_before(browser: FlaskClient, monkeypatch):
    monkeypatch.setattr(staff_queries, "PAGE", 2)
    variant = a_variant(on_hand=50)
    numbers = [an_order(variant).number for _ in range(5)][::-1]
    desk = at_desk(browser)

    last = desk.page(f"/admin/orders?older={numbers[3]}")
    middle = desk.page(f"/admin/orders?newer={numbers[4]}")
    first = desk.page(f"/admin/orders?newer={numbers[2]}")

    assert numbers_in(last) == numbers[4:]
    assert numbers_in(middle) == numbers[2:4]
    assert numbers_in(first) == numbers[:2]
    assert f'href="/admin/orders?newer={numbers[4]}" rel="prev"' in last
    assert 'rel="prev"' not in first


def test_an_empty_list_says_how_to_go_on(browser: FlaskClient):
    desk = at_desk(browser)

    assert "No orders yet" in words(desk.page("/admin/orders"))
    assert "No order fits" in words(desk.page("/admin/orders?q=nobody"))


def test_htmx_gets_the_rows_and_the_count(browser: FlaskClient):
    an_order()
    desk = at_desk(browser, htmx=True)

    answer = desk.get("/admin/orders?q=ada")

    assert answer.text.lstrip().startswith('<div id="orders">')
    assert 'id="orders-count" role="status" hx-swap-oob="true">1 order shown' in answer.text


@pytest.mark.parametrize("address", ["/admin/orders/S1", "/admin/orders/%00", "/admin/orders/" + "S" * 300])
def test_an_order_that_is_not_there_is_404_or_refused(browser: FlaskClient, address: str):
    assert at_desk(browser).get(address).status_code in (404, 422)


@with_and_without_htmx
def test_the_list_takes_as_many_statements_for_twenty_orders_as_for_one(browser: FlaskClient, queries, htmx: bool):
    variant = a_variant(on_hand=50)
    for _ in range(10):
        a_paid_order(variant)
        an_order(variant)
    desk = at_desk(browser, htmx=htmx)
    desk.get("/admin/orders")

    with queries(at_most=6 if htmx else 8):
        page = desk.get("/admin/orders").text

    assert len(numbers_in(page)) == 20
