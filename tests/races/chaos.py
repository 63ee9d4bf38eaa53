"""A busy afternoon: everybody does whatever comes to mind, at the same time. Seeded, so that it can be told again."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from app.checkout import services as checkout
from app.inventory import services as inventory
from app.lib import jobs
from app.lib.db import db, session
from app.lib.errors import ShopError
from app.lib.money import Money
from app.lib.outbox import lease_due
from app.orders import services as orders
from app.orders.services import Actor
from app.payments import demo_desk, webhooks
from app.payments import services as payments
from app.payments.providers.base import ProviderRefused
from tests.factories import order_named, place
from tests.payments.giving_back import refund_order
from tests.races.paying import let_hold_run_out, message
from tests.races.people import cart_of

GRACE = Actor("Grace")
LATEST = 5  # people care for the latest few orders, so that they get in each other's way


class Afternoon:
    """A few variants with little stock, and people who place, pay, cancel, wait too long, pack, refund and count."""

    def __init__(self, variant_ids: list[int], seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: list[Exception] = []
        self._variants, self._seed = variant_ids, seed
        self._numbers: list[str] = []
        self._references: list[str] = []
        self._lock = threading.Lock()

    def person(self, name: int, deeds: int) -> Callable[[], None]:
        """Somebody who does so many things, one after the other."""
        chance = random.Random(f"{self._seed}-{name}")
        choices = self._what_comes_to_mind()

        def live() -> None:
            for _ in range(deeds):
                deed = chance.choice(choices)
                try:
                    deed(chance)
                    self.done[deed.__name__] += 1
                except (ShopError, ProviderRefused) as refusal:
                    self.refused[type(refusal).__name__] += 1
                except Exception as fault:
                    self.faults.append(fault)
                finally:
                    db.session.rollback()
                    db.session.remove()

        return live

    def _what_comes_to_mind(self) -> list[Callable[[random.Random], Any]]:
        often = [self._place, self._pay, self._press, self._come_back, self._work] * 4
        sometimes = [self._message, self._refund, self._time_runs_out, self._pack] * 2
        seldom = [self._cancel, self._staff_cancels, self._expire, self._ship, self._count]
        return often + sometimes + seldom

    def _some(self, chance: random.Random, known: list[str]) -> str:
        """One of the latest; a person without any does nothing."""
        with self._lock:
            if not known:
                raise orders.NotFound("Nothing yet.")
            return chance.choice(known[-LATEST:])

    def _place(self, chance: random.Random) -> None:
        wanted = chance.sample(self._variants, chance.randint(1, len(self._variants)))
        number, _ = place(cart_of(*wanted))
        with self._lock:
            self._numbers.append(number)

    def _pay(self, chance: random.Random) -> None:
        number = self._some(chance, self._numbers)
        reference = checkout.start_payment(number, "demo").rsplit("/", 1)[1]
        with self._lock:
            self._references.append(reference)
        if chance.random() < 0.7:
            demo_desk.choose(reference, "pay")

    def _press(self, chance: random.Random) -> None:
        demo_desk.choose(
            self._some(chance, self._references), chance.choice(["pay", "pay", "pay", "pay", "decline", "refund"])
        )

    def _come_back(self, chance: random.Random) -> None:
        payments.check(self._some(chance, self._references), channel="return")

    def _message(self, chance: random.Random) -> None:
        post = message(self._some(chance, self._references))
        webhooks.receive("demo", post.headers, post.body)

    def _work(self, chance: random.Random) -> None:
        for outbox_id, lease in lease_due(db.engine, 30, most=3):
            jobs.run(outbox_id, lease)

    def _cancel(self, chance: random.Random) -> None:
        checkout.cancel(self._some(chance, self._numbers), actor=Actor("Ada"), reason="", by_shopper=True)

    def _staff_cancels(self, chance: random.Random) -> None:
        checkout.cancel(self._some(chance, self._numbers), actor=GRACE, reason="", by_shopper=False)

    def _time_runs_out(self, chance: random.Random) -> None:
        let_hold_run_out(self._some(chance, self._numbers))

    def _expire(self, chance: random.Random) -> None:
        number = self._some(chance, self._numbers)
        let_hold_run_out(number)
        checkout.expire(order_named(number).id)

    def _pack(self, chance: random.Random) -> None:
        orders.pack(self._some(chance, self._numbers), GRACE)

    def _ship(self, chance: random.Random) -> None:
        orders.ship(self._some(chance, self._numbers), "1Z999", GRACE)

    def _refund(self, chance: random.Random) -> None:
        amount = Money(chance.randint(1, 4000), "USD")
        refund_order(self._some(chance, self._numbers), amount, "Damaged", GRACE)

    def _count(self, chance: random.Random) -> None:
        inventory.adjust(chance.choice(self._variants), chance.choice([-1, 2, 4]), note="counted")


@contextmanager
def stumbling(seed: int) -> Iterator[None]:
    """Everybody pauses now and then between two statements, for a few milliseconds, where others can get ahead."""
    chance = random.Random(seed)

    def pause(*_: Any) -> None:
        if chance.random() < 0.15:
            time.sleep(chance.random() * 0.01)

    event.listen(db.engine, "before_cursor_execute", pause)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", pause)


def clear_up() -> None:
    """The shop closes: every job is done, and every payment asked about once more."""
    for reference in list(session().scalars(text("SELECT reference FROM payment_attempts ORDER BY id"))):
        session().rollback()
        payments.check(reference, channel="poller")
    while due := lease_due(db.engine, 30):
        for outbox_id, lease in due:
            jobs.run(outbox_id, lease)


# What the demo provider's books say of each attempt, beside what ours say.
BOOKS = text("""
    SELECT a.reference, a.captured_minor, a.refunded_minor,
           CASE WHEN d.data ->> 'state' = 'paid' THEN CAST(d.data ->> 'minor' AS bigint) ELSE 0 END AS theirs,
           (SELECT coalesce(sum(CAST(r ->> 'minor' AS bigint)), 0)
            FROM jsonb_array_elements(d.data -> 'refunds') r) AS back
    FROM payment_attempts a JOIN demo_payments d USING (reference)
""")


def assert_books_agree() -> None:
    """The provider took and gave back what we believe it did."""
    rows = session().execute(BOOKS).all()
    session().rollback()
    wrong = [row for row in rows if (row.captured_minor, row.refunded_minor) != (row.theirs, row.back)]
    assert not wrong, wrong
