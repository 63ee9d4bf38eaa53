"""The first page of the day: what sold, what waits, what runs out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_compact_currency, format_percent
from flask import Response, url_for
from sqlalchemy import select

from app.admin.blueprint import bp
from app.admin.chart import Day, change, chart
from app.inventory.running_low import RunningLow, running_low
from app.lib import runtime
from app.lib.db import session
from app.lib.htmx import respond
from app.lib.money import Money, exponent
from app.orders import staff_queries as orders
from app.orders.staff_queries import Filters
from app.payments import staff_queries as payments

DAYS = 14
WEEK = 7
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Figure:
    """A number worth a card; `growth` is a signed per cent, `than` says compared with what."""

    name: str
    value: str
    url: str
    growth: str = ""
    than: str = ""

    @property
    def has_fallen(self) -> bool:
        return self.growth.startswith(MINUS)


@dataclass(frozen=True)
class Task:
    """Something that waits: how many, of what, and where the list is. `tone` is warn, bad or empty."""

    count: str
    words: str
    url: str
    icon: str
    tone: str = ""


@bp.get("/")
def dashboard() -> Response:
    return respond("admin/dashboard/_dash.html", page="admin/dashboard/show.html", **_context())


def _context() -> dict[str, Any]:
    currency = runtime.settings().currency
    days = [Day(*row) for row in orders.sales_by_day(DAYS, currency)]
    drawn = chart(days, 10 ** exponent(currency))
    low = running_low()
    latest = orders.latest()
    return {
        "figures": _figures(days, currency),
        "chart": drawn,
        "scale": [_short(minor, currency) for minor in drawn.scale],
        "tasks": _tasks(low),
        "latest": latest,
        "money": payments.summaries(latest),
        "low": low.rows,
        "as_money": lambda minor: Money(minor, currency),
    }


def _figures(days: list[Day], currency: str) -> list[Figure]:
    """Today against yesterday, and the last seven days against the seven before."""
    today, yesterday = days[-1], days[-2]
    week, before = _sum(days[-WEEK:]), _sum(days[-2 * WEEK : -WEEK])
    sold_today, sold_week = url_for(".orders", sold="today"), url_for(".orders", sold="week")
    return [
        _figure("Sales today", today.minor, yesterday.minor, sold_today, "than yesterday", currency),
        _figure("Orders today", today.orders, yesterday.orders, sold_today, "than yesterday"),
        _figure("Sales, 7 days", week.minor, before.minor, sold_week, "than the 7 days before", currency),
        _figure(
            "Average order, 7 days", _average(week), _average(before), sold_week, "than the 7 days before", currency
        ),
    ]


def _sum(days: list[Day]) -> Day:
    return Day(days[-1].day, sum(each.orders for each in days), sum(each.minor for each in days))


def _average(period: Day) -> int:
    return period.minor // period.orders if period.orders else 0


def _figure(name: str, now: int, before: int, url: str, than: str, currency: str = "") -> Figure:
    grown = change(now, before)
    return Figure(
        name,
        str(Money(now, currency)) if currency else str(now),
        url,
        "" if grown is None else _signed(grown),
        "" if grown is None else than,
    )


def _signed(share: float) -> str:
    written = format_percent(abs(share), locale=runtime.settings().locale)
    return (MINUS if share < 0 else "+") + written


def _short(minor: int, currency: str) -> str:
    amount = Decimal(minor).scaleb(-exponent(currency))
    digits = 1 if amount >= 1000 else 0
    return format_compact_currency(
        amount, currency, locale=runtime.settings().locale, fraction_digits=digits
    ).removesuffix(".0")


def _tasks(stock: RunningLow) -> list[Task]:
    """What waits, in one statement; an empty list is left out."""
    to_pack, to_ship, failed, waiting = (
        session()
        .execute(
            select(
                orders.counted(Filters(status=orders.TO_PACK)),
                orders.counted(Filters(status="packed")),
                orders.counted(Filters(), [payments.payment_failed()]),
                payments.counted_waiting(),
            )
        )
        .one()
    )
    rows = (
        (to_pack, "order", "orders", "to pack", url_for(".orders", status=orders.TO_PACK), "package", ""),
        (to_ship, "packed order", "packed orders", "to ship", url_for(".orders", status="packed"), "truck", ""),
        (waiting, "payment", "payments", "to look at", url_for(".payments"), "triangle-alert", "bad"),
        (failed, "order", "orders", "with a failed payment", url_for(".orders", money="failed"), "credit-card", "warn"),
        (stock.low, "variant", "variants", "low on stock", url_for(".inventory", view="low"), "boxes", "warn"),
        (stock.out, "variant", "variants", "sold out", url_for(".inventory", view="out"), "boxes", "bad"),
    )
    return [
        Task(orders.in_words(count), f"{one if count == 1 else many} {what}", url, icon, tone)
        for count, one, many, what, url, icon, tone in rows
        if count
    ]
