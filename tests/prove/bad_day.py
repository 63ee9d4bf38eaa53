"""A bad day at every provider: people pay, providers stumble, messages are lost, and parts of the shop die.

Whoever pressed Pay at a provider and was told that it worked is written down, with the time: afterwards the shop must
have done something about each of them.
"""

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import db, session
from app.lib.errors import NotAllowed, ShopError
from app.orders.services import Actor
from app.payments import demo_desk
from app.payments import services as payments
from app.payments.payers import Payer
from app.payments.providers.base import ProviderError, ProviderRefused
from app.payments.simulators.days import WRETCHED
from app.payments.simulators.server import Simulator
from tests.factories import place
from tests.ops.shoppers import insist
from tests.races.people import cart_of
from tests.races.stories import KNOW_OUR_NAMES

COUNTRY = {"USD": "US", "KES": "KE"}
NAMES = re.compile(r"att-[a-z2-7]{26}|ws_CO_[0-9]+|cs_test_[0-9a-f]+")
LOST = 0.15  # of all messages
PRESSES = 12  # of Pay, before a shopper walks away


@dataclass(frozen=True)
class Paid:
    """A payment somebody made, when it was pressed (monotonic and unix seconds)."""

    provider: str
    reference: str
    number: str
    at: float


@dataclass
class Day:
    """What happened."""

    paid: list[Paid] = field(default_factory=list)
    walked_away: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lost_news_of: set[str] = field(default_factory=set)
    faults: list[Exception] = field(default_factory=list)


def make_wretched(simulators: dict[str, Simulator], day: Day, seed: int) -> None:
    """Everything goes wrong now and then, and some messages are never sent: it is written down which."""
    for name, simulator in simulators.items():
        wish = json.loads(json.dumps(WRETCHED))
        wish["webhook_faults"] = [one for one in wish["webhook_faults"] if one["fault"] != "lose"]
        simulator.obey(wish)
        simulator.mailman.post = partial(  # type: ignore[method-assign]
            _post_or_lose, simulator.mailman.post, day, random.Random(f"{seed}-{name}")
        )


def _post_or_lose(
    post: Callable[..., None], day: Day, chance: random.Random, message: dict[str, Any], **about: Any
) -> None:
    if chance.random() < LOST:
        day.lost_news_of.update(NAMES.findall(json.dumps(message)))
        return
    post(message, **about)


class Crowd:
    """Shoppers in threads of their own, one order after the other, until there are `payments` of them."""

    def __init__(
        self, app: Flask, simulators: dict[str, Simulator], variant_id: int, *, orders: int, seed: int, currency: str
    ) -> None:
        self.day = Day()
        self.served = 0
        self._app, self._simulators, self._variant, self.currency = app, simulators, variant_id, currency
        self._left = iter(range(orders))
        self._lock = threading.Lock()
        self._seed = seed
        self._threads = [threading.Thread(target=self._shop, args=(n,), daemon=True) for n in range(3)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> None:
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), "A shopper still waits."

    def _shop(self, name: int) -> None:
        chance = random.Random(f"{self._seed}-{name}")
        with self._app.app_context():
            while (turn := self._next()) is not None:
                try:
                    self._buy(turn, chance)
                except Exception as fault:
                    self.day.faults.append(fault)
                finally:
                    with suppress(Exception):
                        db.session.remove()
                self.served += 1

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def _buy(self, turn: int, chance: random.Random) -> None:
        cart = insist(lambda: cart_of(self._variant))
        country = COUNTRY[self.currency]
        number, _ = insist(
            lambda: place(cart, key=f"bad-day-{self._seed}-{turn}", country=country, email=f"p{turn}@x.test")
        )
        names = [*self._offered(), "demo"]
        provider = names[turn % len(names)]
        for press in range(PRESSES):
            if self._press_pay(number, provider, Payer(phone=f"07{self._seed % 10}{turn:06}{press // 4}")):
                outcome = self._at_the_provider(number, provider, chance)
                if outcome == "walked away":
                    break
                if outcome != "declined":
                    self._afterwards(number, provider, chance)
                    return
                provider = chance.choice(names)
        self.day.walked_away[provider] += 1

    def _offered(self) -> list[str]:
        away = {"USD": ("mpesa",), "KES": ("paypal", "chapa")}[self.currency]
        return [name for name in self._simulators if name not in away]

    def _press_pay(self, number: str, provider: str, payer: Payer) -> bool:
        try:
            insist(lambda: checkout.start_payment(number, provider, payer))
        except (ProviderError, ShopError) as no:
            self.day.refused[f"{provider}: {re.sub(r'S[0-9]+', 'S…', str(no))}"] += 1
            session().rollback()
            threading.Event().wait(0.2)
            return False
        return True

    def _at_the_provider(self, number: str, provider: str, chance: random.Random) -> str:
        """Pay, mostly; decline, pay by something slow, or go away."""
        wish = chance.choices(["pay", "late", "decline", "walked away"], [85, 5, 5, 5])[0]
        if wish == "walked away":
            return wish
        reference, provider_ref, phone = insist(lambda: _latest(number, provider))
        try:
            self._do(wish, provider, reference, provider_ref, phone)
        except _NoPage:
            return "walked away"
        if wish == "decline":
            return "declined"
        self.day.paid.append(Paid(provider, reference, number, time.time()))
        return "paid"

    def _do(self, wish: str, provider: str, reference: str, provider_ref: str | None, phone: str) -> None:
        if provider == "demo":
            # Pressed before, and the answer was lost with the connection; or the page was over before.
            with suppress(ProviderRefused):
                insist(lambda: demo_desk.choose(reference, "decline" if wish == "decline" else "pay"))
            if wish != "decline" and insist(lambda: _demo_state(reference)) != "paid":
                raise _NoPage
            return
        simulator: Any = self._simulators[provider]
        if provider == "mpesa":
            wish = "wrong_pin" if wish == "decline" else wish
            rings = [push for push in simulator.phones.all() if push.phone == phone.lstrip("+") and push.rings]
            if not rings:
                raise _NoPage
            simulator.do(wish, rings[0].name)
            return
        if provider == "paypal" and wish == "decline":
            wish = "deny"
        simulator.do(wish, reference if provider in KNOW_OUR_NAMES else provider_ref)

    def _afterwards(self, number: str, provider: str, chance: random.Random) -> None:
        """Some come back to the shop, some close the tab, and a few have thought better of it."""
        wish = chance.choices(["come back", "close the tab", "cancel"], [45, 50, 5])[0]
        if wish == "come back":
            reference, _, _ = insist(lambda: _latest(number, provider))
            with suppress(ProviderError):
                insist(lambda: payments.check(reference, channel="return", in_a_job=False))
        if wish == "cancel":
            with suppress(NotAllowed):
                insist(lambda: checkout.cancel(number, actor=Actor("Ada"), reason="", by_shopper=True))


class _NoPage(Exception):
    """What the shopper should pay on never appeared."""


def _demo_state(reference: str) -> str:
    payment = demo_desk.payment(reference)
    session().rollback()
    return payment.state if payment else ""


LATEST = text("""
    SELECT a.reference, a.provider_ref, a.payer_phone FROM payment_attempts a JOIN payments p ON p.id = a.payment_id
    JOIN orders o ON o.id = p.order_id WHERE o.number = :number AND a.provider = :provider ORDER BY a.id DESC LIMIT 1
""")


def _latest(number: str, provider: str) -> tuple[str, str | None, str]:
    """What is open at this provider: whoever was declined elsewhere may have come back to a page that is older."""
    row = session().execute(LATEST, {"number": number, "provider": provider}).one()
    session().rollback()
    return row.reference, row.provider_ref, row.payer_phone
