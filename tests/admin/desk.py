"""Grace at her desk: pages read and buttons pressed through HTTP, with htmx or without."""

import re
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from app.checkout import services as checkout
from app.lib.db import session
from app.lib.money import Money
from app.orders.models import Order
from app.payments import demo_desk
from app.payments import services as payments
from app.payments.demo_store import TableDemoStore
from app.payments.models import Attempt, Payment
from app.payments.providers.base import PaymentState
from tests.factories import PASSWORD, a_user, an_order, order_named

GRACE = "grace@example.com"


@dataclass
class Desk:
    """A browser signed in to the staff desk. A post carries the token of the page it is sent from."""

    browser: FlaskClient
    htmx: bool = False

    def get(self, address: str, **kwargs: Any) -> Any:
        return self.browser.get(address, htmx=self.htmx, **kwargs)

    def page(self, address: str) -> str:
        answer = self.browser.get(address)
        assert answer.status_code == 200, f"{address} answered {answer.status}: {words(answer.text)[:400]}"
        return str(answer.text)

    def post(self, address: str, **fields: Any) -> Any:
        return self.browser.post(address, data={"csrf_token": self.token(), **fields}, htmx=self.htmx)

    def token(self) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.page("/account"))
        assert found, "The account page prints no token."
        return found[1]

    def order(self, number: str, verb: str = "", **fields: Any) -> Any:
        """Do something to an order as its page does it."""
        return self.post(f"/admin/orders/{number}/{verb}", **fields)

    def refund(self, number: str, **changes: Any) -> Any:
        return self.order(number, "refund", **{"seen": "", "password": PASSWORD, "reason": "", **changes})


def sign_in(browser: FlaskClient, email: str, *, htmx: bool = False) -> Desk:
    answer = browser.post("/auth/login", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303, words(answer.text)[:400]
    return Desk(browser, htmx)


def at_desk(browser: FlaskClient, *, htmx: bool = False, role: str = "staff") -> Desk:
    a_user(email=GRACE, role=role, name="Grace Hopper")
    return sign_in(browser, GRACE, htmx=htmx)


def open_attempt(number: str) -> str:
    """Lead the shopper to the demo provider; gives back the attempt's reference."""
    return checkout.start_payment(number, "demo").rsplit("/", 1)[-1]


def a_paid_order(*lines: Any, **changes: Any) -> Order:
    order = an_order(*lines, **changes)
    pay(order.number)
    return order_named(order.number)


def pay(number: str) -> str:
    """Pay at the demo provider and let the shop learn of it; gives back the attempt's reference."""
    reference = open_attempt(number)
    demo_desk.choose(reference, "pay")
    payments.check(reference, channel="return")
    return reference


def hear(reference: str, money: Money, **facts: Any) -> None:
    """The provider says that this much was paid, and its books agree."""
    books, known = TableDemoStore(), demo_desk.payment(reference)
    assert known is not None
    books.put(replace(known, state="paid", minor=money.minor, currency=money.currency))
    fact = PaymentState("paid", money, provider_payment_ref=f"pay-{reference}", **facts)
    payments.settle(reference, fact, channel="webhook")


def attempts(number: str) -> list[Attempt]:
    session().rollback()
    return list(
        session().scalars(
            select(Attempt)
            .join(Payment)
            .join(Order, Order.id == Payment.order_id)
            .where(Order.number == number)
            .order_by(Attempt.id)
            .execution_options(populate_existing=True)
        )
    )


def words(html: str) -> str:
    """The text a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
