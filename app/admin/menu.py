"""The side menu of the staff desk, with what waits behind each entry."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import g
from sqlalchemy import select

from app.admin import payment_tabs
from app.auth.models import User
from app.lib.db import session
from app.orders import staff_queries as orders
from app.orders.staff_queries import Filters


@dataclass(frozen=True)
class Entry:
    """`letter` follows g on the keyboard; `count` is what waits there."""

    key: str
    name: str
    url: str
    icon: str
    letter: str = ""
    count: str = ""


@dataclass(frozen=True)
class Badge:
    """Who works here, in the corner of every page. Asked only by pages that print it, which error pages do not."""

    user: User

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


class Menu:
    """The entries for a member of staff. Counted once a request, and only when a page prints them."""

    def __init__(self, user: User):
        self._user = user

    def __iter__(self) -> Iterator[Entry]:
        if "staff_menu" not in g:
            g.staff_menu = _entries(self._user)
        return iter(g.staff_menu)


def _entries(user: User) -> list[Entry]:
    counts = select(orders.counted(Filters(status=orders.TO_PACK)), payment_tabs.counted())
    to_pack, waiting = session().execute(counts).one()
    entries = [
        Entry("dashboard", "Dashboard", "/admin/", "layout-dashboard", "d"),
        Entry("orders", "Orders", "/admin/orders", "receipt", "o", _few(to_pack)),
        Entry("payments", "Payments", "/admin/payments", "banknote", "m", _few(waiting)),
        Entry("products", "Products", "/admin/products", "tag", "p"),
        Entry("inventory", "Inventory", "/admin/inventory", "warehouse", "i"),
        Entry("content", "Content", "/admin/content/home", "pencil", "c"),
        Entry("search", "Search", "/admin/search", "search"),
    ]
    if user.role == "owner":
        entries.append(Entry("staff", "Staff", "/admin/staff", "users"))
    return entries


def _few(count: int) -> str:
    return "" if not count else orders.in_words(count)
