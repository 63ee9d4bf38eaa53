"""Shoppers who press again when the shop says that it is busy, and remember what they were told."""

import itertools
import threading
from collections.abc import Callable
from typing import TypeVar

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.checkout import services as checkout
from app.lib.db import db
from app.lib.errors import Busy
from app.payments import demo_desk
from app.payments.providers.base import ProviderRefused
from tests.factories import place
from tests.races.people import cart_of

T = TypeVar("T")
_keys = itertools.count(1)


class Shoppers:
    """Some people who buy one unit each, one after the other, in threads of their own."""

    def __init__(self, app: Flask, variant_id: int, *, orders: int, threads: int = 2) -> None:
        self.told: list[str] = []
        self._app, self._variant = app, variant_id
        self._left = iter(range(orders))
        self._taking = threading.Lock()
        self._threads = [threading.Thread(target=self._shop, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float = 60) -> list[str]:
        """The numbers of all orders that somebody was told are placed and paid."""
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), "A shopper still waits."
        return self.told

    def _shop(self) -> None:
        with self._app.app_context():
            while self._takes_another():
                self.told.append(self._buy())

    def _takes_another(self) -> bool:
        with self._taking:
            return next(self._left, None) is not None

    def _buy(self) -> str:
        key = f"shopper-{next(_keys)}"
        cart = insist(lambda: cart_of(self._variant))
        number, _ = insist(lambda: place(cart, key=key))
        reference = insist(lambda: checkout.start_payment(number, "demo")).rsplit("/", 1)[1]
        insist(lambda: _pay(reference))
        return number


def _pay(reference: str) -> bool:
    try:
        demo_desk.choose(reference, "pay")
    except ProviderRefused:
        # Pressed before; the answer was lost with the connection.
        payment = demo_desk.payment(reference)
        assert payment is not None and payment.state == "paid"
    return True


def insist(deed: Callable[[], T]) -> T:
    """Press again until there is an answer, for a minute at most."""
    pause = threading.Event()
    for _ in range(600):
        try:
            return deed()
        except (DBAPIError, PoolTimeout, Busy):
            db.session.rollback()
            db.session.remove()
        pause.wait(0.1)
    raise AssertionError("The shop did not come back within a minute.")
