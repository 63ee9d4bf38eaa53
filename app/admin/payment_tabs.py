"""The tabs of the payments desk, with what waits behind each."""

from collections.abc import Iterator
from typing import Any

from flask import url_for
from sqlalchemy import select

from app.lib.db import session
from app.orders.staff_queries import in_words
from app.payments import book_queries, inbox_queries, staff_queries

TABS = (
    ("waiting", "Waiting", "admin.payments", staff_queries.counted_waiting),
    ("messages", "Messages", "admin.webhooks_inbox", inbox_queries.counted_failed),
    ("books", "Books", "admin.books", book_queries.counted_differing),
)


def counted() -> Any:
    """SQL: how much waits on this desk altogether."""
    return sum((count() for *_, count in TABS[1:]), start=TABS[0][-1]())


class PaymentTabs:
    """Only a whole page prints them, so only then are they counted, all at once."""

    def __init__(self, here: str):
        self._here = here

    def __iter__(self) -> Iterator[dict[str, Any]]:
        counts = session().execute(select(*(count() for *_, count in TABS))).one()
        for (key, name, endpoint, _), number in zip(TABS, counts, strict=True):
            yield {
                "name": name,
                "url": url_for(endpoint),
                "count": in_words(number) if number else "",
                "is_current": key == self._here,
            }
