"""Orders as staff look for them: lists that stay quick however many orders there are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, Date, Row, Select, cast, exists, func, or_, select, union
from sqlalchemy.orm import selectinload

from app.lib.db import session
from app.orders.models import Order, OrderLine

PAGE = 25
MOST_COUNTED = 999  # a tab says "999+" rather than counting a million rows
STATUSES = ("pending", "confirmed", "paid", "packed", "shipped", "delivered", "cancelled")
TO_PACK = "to_pack"  # in a filter's place of a status: everything that may be packed now
GROUPS = {TO_PACK: ("confirmed", "paid")}
PERIODS = {"today": 1, "week": 7, "month": 30}  # days, today included


@dataclass(frozen=True)
class Filters:
    """What a list shows. `status` is one of STATUSES, or a key of GROUPS, which stands for several.

    `sold` is a key of PERIODS: orders paid in it and not cancelled since.

    `older` and `newer` are order numbers to go on from; at most one of them is set.
    """

    status: str = ""
    sold: str = ""
    q: str = ""
    older: str = ""
    newer: str = ""

    def as_args(self) -> dict[str, str]:
        """The fields of an address that leads to the first page of the same list."""
        return {name: value for name in ("status", "sold", "q") if (value := getattr(self, name))}


@dataclass(frozen=True)
class OrderPage:
    """One page, newest first. `newer` and `older` are the numbers its neighbours start from, or empty."""

    orders: list[Order]
    newer: str = ""
    older: str = ""


def page(filters: Filters, also: Sequence[ColumnElement[bool]] = ()) -> OrderPage:
    """A page of the list in two statements. `also` are further conditions about `Order`, such as its money's."""
    statement = _matching(filters, also).options(selectinload(Order.lines))
    if filters.newer:
        rows = list(
            session().scalars(statement.where(Order.id > _id_of(filters.newer)).order_by(Order.id).limit(PAGE + 1))
        )
        more_newer, more_older = len(rows) > PAGE, bool(rows)
        rows = rows[:PAGE][::-1]
    else:
        if filters.older:
            statement = statement.where(Order.id < _id_of(filters.older))
        rows = list(session().scalars(statement.order_by(Order.id.desc()).limit(PAGE + 1)))
        more_newer, more_older = bool(filters.older and rows), len(rows) > PAGE
        rows = rows[:PAGE]
    return OrderPage(
        rows,
        newer=rows[0].number if more_newer else "",
        older=rows[-1].number if more_older else "",
    )


def _id_of(number: str) -> ColumnElement[int]:
    return select(Order.id).where(Order.number == number).scalar_subquery()


def _matching(filters: Filters, also: Sequence[ColumnElement[bool]]) -> Select[Order]:
    statement = select(Order).where(*also)
    if filters.status in STATUSES:
        statement = statement.where(Order.status == filters.status)
    elif filters.status in GROUPS:
        statement = statement.where(Order.status.in_(GROUPS[filters.status]))
    if filters.sold in PERIODS:
        statement = statement.where(*_sold_since(start_of(filters.sold)))
    if filters.q:
        statement = statement.where(_found_by(filters.q))
    return statement


def _found_by(typed: str) -> ColumnElement[bool]:
    """Number, SKU, or a part of the e-mail or name. What looks like a number is looked up by its index alone."""
    with_sku = select(OrderLine.order_id).where(OrderLine.sku.in_({typed, typed.upper()}))
    number = re.fullmatch(r"#?[sS]?(\d{1,18})", typed)
    if number:
        return Order.id.in_(union(select(_numbered.c.id).where(_numbered.c.number == f"S{number[1]}"), with_sku))
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", typed) + "%"
    return or_(Order.email.ilike(pattern), Order.name.ilike(pattern), Order.id.in_(with_sku))


_numbered = Order.__table__.alias("numbered")


def start_of(period: str) -> datetime:
    """The first moment of a period of PERIODS, which ends now. Days are those of UTC."""
    return midnight(today() - timedelta(days=PERIODS[period] - 1))


def today() -> date:
    return datetime.now(UTC).date()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _sold_since(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return Order.paid_at >= moment, Order.status != "cancelled"


def counted(filters: Filters, also: Sequence[ColumnElement[bool]] = ()) -> ColumnElement[int]:
    """SQL: how many orders match, counted no further than one beyond MOST_COUNTED."""
    some = _matching(filters, also).with_only_columns(Order.id).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def in_words(number: int) -> str:
    """A capped count for people: 7, or 999+."""
    return str(number) if number <= MOST_COUNTED else f"{MOST_COUNTED}+"


def latest(limit: int = 5) -> list[Order]:
    return list(session().scalars(select(Order).order_by(Order.id.desc()).limit(limit)))


def sales_by_day(days: int, currency: str) -> list[tuple[date, int, int]]:
    """(day, orders, sum in minor units) of the last `days` days, today last, quiet days included.

    Sales are orders paid on the day and not cancelled since, in one currency.
    """
    first = today() - timedelta(days=days - 1)
    paid_on = cast(func.timezone("UTC", Order.paid_at), Date)
    rows: Sequence[Row[date, int, int]] = (
        session()
        .execute(
            select(paid_on, func.count(), func.sum(Order.total_minor))
            .where(*_sold_since(midnight(first)), Order.currency == currency)
            .group_by(paid_on)
        )
        .all()
    )
    found = {day: (int(orders), int(minor)) for day, orders, minor in rows}
    each = [first + timedelta(days=number) for number in range(days)]
    return [(day, *found.get(day, (0, 0))) for day in each]


@dataclass(frozen=True)
class Regular:
    """What else the shop knows of an order's shopper: how many orders were paid, and for how much in its currency."""

    orders: int
    spent_minor: int


def regular(order: Order) -> Regular:
    """Earlier and later purchases of the same account, or of the same address for a guest."""
    same = Order.user_id == order.user_id if order.user_id is not None else Order.email == order.email
    row = (
        session()
        .execute(
            select(func.count(), func.coalesce(func.sum(Order.total_minor), 0)).where(
                same,
                Order.currency == order.currency,
                Order.paid_at.is_not(None),
                Order.status != "cancelled",
            )
        )
        .one()
    )
    return Regular(int(row[0]), int(row[1]))


def has_orders() -> bool:
    """Whether anybody ever ordered, so that an empty list can say how to start."""
    return bool(session().scalar(select(exists().select_from(Order))))
