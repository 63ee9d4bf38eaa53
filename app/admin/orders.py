"""The list of orders: tabs are saved views, which are nothing but named query strings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import ColumnElement, select

from app.admin.blueprint import bp
from app.lib.db import session
from app.lib.htmx import respond
from app.orders import staff_queries
from app.orders.staff_queries import GROUPS, PERIODS, STATUSES, TO_PACK, Filters
from app.payments import staff_queries as payments

LONGEST = 100
MONEY = {"failed": payments.payment_failed, "look": payments.needs_look}

# Name, and the fields of its address; a count is shown where something waits for a person.
VIEWS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("All", {}, False),
    ("To pack", {"status": TO_PACK}, True),
    ("To ship", {"status": "packed"}, True),
    ("Unpaid", {"status": "pending"}, True),
    ("Payment failed", {"money": "failed"}, True),
    ("Needs a look", {"money": "look"}, True),
    ("Shipped", {"status": "shipped"}, False),
    ("Sold today", {"sold": "today"}, False),
)


@dataclass(frozen=True)
class Asked:
    """What an address asks for: the filters of orders, and one about their money."""

    filters: Filters
    money: str = ""

    @property
    def also(self) -> list[ColumnElement[bool]]:
        return [MONEY[self.money]()] if self.money else []

    @property
    def args(self) -> dict[str, Any]:
        return self.filters.as_args() | ({"money": self.money} if self.money else {})


@bp.get("/orders")
def orders() -> Response:
    asked = _asked(request.args)
    found = staff_queries.page(asked.filters, asked.also)
    context: dict[str, Any] = {
        "asked": asked,
        "found": found,
        "money": payments.summaries(found.orders),
        "newer_url": url_for(".orders", **asked.args, newer=found.newer) if found.newer else None,
        "older_url": url_for(".orders", **asked.args, older=found.older) if found.older else None,
    }
    if not found.orders and not asked.args:
        context["is_new_shop"] = not staff_queries.has_orders()
    return respond(
        "admin/orders/_orders.html",
        page="admin/orders/index.html",
        also=["admin/orders/_count.html"],
        tabs=_Tabs(asked),
        **context,
    )


def _asked(args: Mapping[str, str]) -> Asked:
    """Fields that mean nothing are left out: an old bookmark still opens a list."""
    money = args.get("money", "")
    filters = Filters(
        status=_one_of(args.get("status"), (*STATUSES, *GROUPS)),
        sold=_one_of(args.get("sold"), PERIODS),
        q=" ".join(args.get("q", "")[:LONGEST].split()),
        newer=_number(args.get("newer")),
        older="" if _number(args.get("newer")) else _number(args.get("older")),
    )
    return Asked(filters, money if money in MONEY else "")


def _one_of(text: str | None, words: Any) -> str:
    return text if text and text in words else ""


def _number(text: str | None) -> str:
    return text if text and len(text) <= 20 and text.isalnum() else ""


class _Tabs:
    """The tabs with their counts. Only a whole page prints them, so only then are they counted, all at once."""

    def __init__(self, asked: Asked):
        self._asked = asked

    def __iter__(self) -> Any:
        counts = iter(session().execute(select(*(_counted(args) for _, args, has_count in VIEWS if has_count))).one())
        for name, args, has_count in VIEWS:
            number = next(counts) if has_count else 0
            yield {
                "name": name,
                "url": url_for(".orders", **args),
                "count": staff_queries.in_words(number) if number else "",
                "is_current": args == self._asked.args,
            }


def _counted(args: dict[str, Any]) -> ColumnElement[int]:
    asked = _asked(args)
    return staff_queries.counted(asked.filters, asked.also)
