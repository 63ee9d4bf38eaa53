"""The first page of the day: figures that lead to their lists."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.admin.chart import Day, change, chart
from app.lib.db import transaction
from app.lib.money import Money
from app.orders import services
from app.orders.services import Actor
from app.orders.staff_queries import sales_by_day, today
from tests.admin.desk import a_paid_order, at_desk, hear, open_attempt, words
from tests.factories import a_variant, an_order, order_named


def test_todays_sales_and_what_waits_are_on_the_first_page(browser: FlaskClient):
    sold = a_paid_order((a_variant(price=5000), 2))
    a_paid_order(a_variant(on_hand=1))
    services.pack(sold.number, Actor("Grace"))
    in_doubt = an_order(a_variant())
    hear(open_attempt(in_doubt.number), Money(1, "USD"))

    page = at_desk(browser).page("/admin/")

    read = words(page)
    assert f"Sales today {sold.total + Money(2820, 'USD')}" in read
    assert "Orders today 2" in read
    for link, count, what in (
        ("/admin/orders?status=to_pack", 1, "order to pack"),
        ("/admin/orders?status=packed", 1, "packed order to ship"),
        ("/admin/payments", 1, "payment to look at"),
        ("/admin/inventory?view=out", 1, "variant sold out"),
    ):
        assert f'<a href="{link}"><b>{count}</b><span class="grow">{what}</span>' in page
    assert f'href="/admin/orders/{sold.number}"' in page


def test_an_empty_shop_says_that_nothing_waits(browser: FlaskClient):
    read = words(at_desk(browser).page("/admin/"))

    assert "Nothing waits." in read
    assert "Orders appear here as soon as somebody buys." in read
    assert "Sales today $0.00" in read


def test_the_chart_has_a_summary_and_a_table(browser: FlaskClient):
    a_paid_order(a_variant(price=10000))

    page = at_desk(browser).page("/admin/")

    assert 'role="img" aria-label="Daily sales from' in page
    assert page.count('<th scope="row">') == 14
    assert "style=" not in page


def test_growth_is_told_against_the_days_before(browser: FlaskClient):
    before = a_paid_order(a_variant(price=10000))
    a_paid_order(a_variant(price=5000))
    a_paid_order(a_variant(price=5000))
    with transaction() as current:
        current.execute(
            text("UPDATE orders SET paid_at = paid_at - interval '8 days' WHERE number = :number"),
            {"number": before.number},
        )

    read = words(at_desk(browser).page("/admin/"))

    assert "Sales, 7 days $121.52 +12% than the 7 days before" in read
    assert "Average order, 7 days $60.76 \N{MINUS SIGN}44% than the 7 days before" in read


def test_a_cancelled_order_is_no_sale_and_another_currency_is_not_added():
    kept, cancelled, foreign = (a_paid_order(a_variant(price=10000)) for _ in range(3))
    with transaction() as current:
        current.execute(
            text("UPDATE orders SET status = 'cancelled' WHERE number = :number"), {"number": cancelled.number}
        )
        current.execute(text("UPDATE orders SET currency = 'EUR' WHERE number = :number"), {"number": foreign.number})

    days = sales_by_day(14, "USD")

    assert [each[0] for each in days] == [today() - timedelta(days=left) for left in range(13, -1, -1)]
    assert days[-1] == (today(), 1, order_named(kept.number).total_minor)


@pytest.mark.parametrize("htmx", [False, True])
def test_the_first_page_takes_few_statements(browser: FlaskClient, queries, htmx: bool):
    for _ in range(7):
        a_paid_order(a_variant(on_hand=2))
    desk = at_desk(browser, htmx=htmx)
    desk.get("/admin/")

    with queries(at_most=9):
        assert desk.get("/admin/").status_code == 200


# The chart's arithmetic


@pytest.mark.pure
def test_points_lie_between_the_bottom_and_a_round_top():
    drawn = chart([Day(date(2026, 11, day), 1, minor) for day, minor in ((1, 0), (2, 45000), (3, 90000))])

    assert drawn.scale == (90000, 60000, 30000, 0)
    assert drawn.points == "0,100 50,50 100,0"
    assert drawn.area == "0,100 50,50 100,0 100,100 0,100"
    assert (drawn.highest.day.day, drawn.lowest.day.day, drawn.total_minor) == (3, 1, 135000)


@pytest.mark.pure
@pytest.mark.parametrize("minor", [0, 1, 99, 100, 299, 301, 12_345, 99_999, 10**9, 10**12])
@pytest.mark.parametrize("unit", [1, 100, 1000])
def test_the_scale_is_never_below_the_figures_nor_far_above(minor: int, unit: int):
    top, *rest = chart([Day(date(2026, 11, 1), 0, 0), Day(date(2026, 11, 2), 1, minor)], unit).scale

    assert top >= minor
    assert top <= max(3 * unit, 3 * minor)
    assert rest[-1] == 0
    assert len(rest) == 3


@pytest.mark.pure
def test_growth_from_nothing_is_not_a_number():
    assert change(5, 0) is None
    assert change(15, 10) == 0.5
    assert change(0, 10) == -1
