"""A shop and a small model of it, led through whatever can happen to money, in any order (hypothesis chooses).

After every step each order has the status, each payment the money and the shelf the units that the model says, and
every invariant holds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from app.checkout import services as checkout
from app.inventory import services as inventory
from app.lib.db import db, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders.services import Actor
from app.payments import marking, polling, staff_services
from app.payments import services as payments
from app.payments.providers.by_hand import BY_HAND, CASH_ON_DELIVERY
from tests.factories import a_variant, order_named, place, stock_of
from tests.payments import giving_back as refunds
from tests.races.meeting import assert_sound, count
from tests.races.model import FAILED_WHEN_DECLINED, OVER_WHEN_DECLINED, Model, Purchase, Try
from tests.races.paying import do_money_jobs, let_hold_run_out
from tests.races.people import cart_of
from tests.races.stories import a_payer, deed_letters, names_of
from tests.races.street import Letter, Street

Thing = TypeVar("Thing")

GRACE = Actor("Grace")
PAID_AFTER_ALL = ("stripe", "chapa", "mpesa")
DISPUTED = ("stripe", "paypal", "paystack")
NO_DESK = (*BY_HAND, "mpesa")  # where nobody can press Refund
ANY = st.integers(0, 99)


@dataclass(frozen=True)
class Place:
    """A shop's currency and country, and the ways to pay there."""

    currency: str
    country: str
    providers: tuple[str, ...]

    def __str__(self) -> str:
        return self.currency

    @property
    def settings(self) -> dict[str, str]:
        return {
            "CURRENCY": self.currency,
            "TAX_RATE": "0",
            "BANK_TRANSFER": "Our bank",
            "CASH_ON_DELIVERY": self.country,
            "RATE_LIMITS": "off",
        }


PLACES = [
    Place("USD", "US", ("demo", "stripe", "paypal", "bank_transfer")),
    Place("ETB", "ET", ("chapa", "stripe", "cash_on_delivery")),
    Place("NGN", "NG", ("paystack", "demo", "bank_transfer")),
    Place("KES", "KE", ("mpesa", "paystack", "cash_on_delivery")),
]


class Shop(RuleBasedStateMachine):
    """One kind of shirt, people who buy one each. `app`, `street` and the rest come from the test that runs it."""

    app: ClassVar[Flask]
    street: ClassVar[Street]
    place: ClassVar[Place]
    empty: ClassVar[Callable[[], None]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(free=3, shelf=3)
        self.read: set[bytes] = set()  # messages that have arrived

    @initialize()
    def open(self) -> None:
        self.street.calm()
        self.began = time.time()
        self.shirt = a_variant(on_hand=self.model.shelf, price=20000).id

    def teardown(self) -> None:
        db.session.remove()
        type(self).empty()

    @precondition(lambda self: self.model.free)
    @rule(name=ANY, then=st.sampled_from(["leaves", "pays", "comes back", "comes back"]))
    def buy(self, name: int, then: str) -> None:
        """Cart, checkout and the first way to pay. Most people pay at once, and come back to the shop."""
        number, _ = place(cart_of(self.shirt), country=self.place.country)
        self.model.order(number, order_named(number).total_minor)
        one = self.model.bought[-1]
        self._pay_with(one, _some(self.place.providers, name))
        page = one.tries[-1]
        if then == "leaves" or page.provider in BY_HAND:
            return
        self._pay(page, "pay")
        if then == "comes back":
            self._ask(one, page)

    @precondition(lambda self: self.model.bought)
    @rule(which=ANY, name=ANY)
    def pay_with(self, which: int, name: int) -> None:
        """Press Pay with some provider: with the one used before or with another, whose page is closed first."""
        self._pay_with(_some(self.model.bought, which), _some(self.place.providers, name))

    @precondition(lambda self: self._pages_to_press())
    @rule(which=ANY, deed=st.sampled_from(["pay", "pay", "pay", "late", "decline"]))
    def press(self, which: int, deed: str) -> None:
        """Pay, or not, on a provider's page or telephone; the shop has not heard of it yet."""
        _, page = _some(self._pages_to_press(), which)
        if deed == "decline":
            self._do(page, "cancel" if page.provider == "mpesa" else "decline")
            page.state = "over" if page.provider in OVER_WHEN_DECLINED else "open"
            page.declined = page.provider in FAILED_WHEN_DECLINED
            return
        self._pay(page, "pay" if page.provider == "demo" else deed)

    @precondition(lambda self: self.model.in_state("coming"))
    @rule()
    def time_passes(self) -> None:
        """Money and refunds on their way arrive. One clock serves all, so all of them do."""
        for provider in self.place.providers:
            self._arrive(provider)

    @precondition(lambda self: self._closed_pages())
    @rule(which=ANY)
    def pays_after_all(self, which: int) -> None:
        """Money for a page that had been closed."""
        page = _some(self._closed_pages(), which)
        self._do(page, "pay_after_all")
        page.state = "paid"

    @precondition(lambda self: self._announced_by_hand())
    @rule(which=ANY)
    def staff_see_money(self, which: int) -> None:
        """On the bank's statement or in the courier's hand, perhaps after the order was paid otherwise or given up."""
        one, page = _some(self._announced_by_hand(), which)
        amount = Money(one.total, self.place.currency)
        assert marking.mark_paid(one.number, page.reference, amount, f"T-{page.reference}", "Seen.", GRACE)
        page.state = "paid"
        self.model.hear(one, page)
        self.model.close(one)
        self._work()

    @precondition(lambda self: any(page.letters for _, page in self.model.pages()))
    @rule(which=ANY, letter=ANY, copies=st.integers(1, 2))
    def message(self, which: int, letter: int, copies: int) -> None:
        """A message arrives, perhaps an old one, perhaps twice."""
        one, page = _some([(one, page) for one, page in self.model.pages() if page.letters], which)
        chosen = _some(page.letters, letter)
        for _ in range(copies):
            self._deliver(one, page, chosen)

    @precondition(lambda self: any(self.model.pages()))
    @rule(which=ANY)
    def come_back(self, which: int) -> None:
        """The shopper returns to the shop, or the poller asks."""
        self._ask(*_some(list(self.model.pages()), which))

    @precondition(lambda self: self._known_pages())
    @rule(which=ANY, share=st.integers(1, 7))
    def refund(self, which: int, share: int) -> None:
        """Staff send back a part of what an order was paid with, or what is left of some payment of it.

        More than there is, or what a bank disputes, never.
        """
        one, page = _some(self._known_pages(), which)
        amount, left = one.total * share // 4, one.total - page.back
        if share > 5 or not page.counts:
            amount = left
        deed = partial(self._refund, one, page, amount)
        if page.disputed or amount > left:
            self._refused(deed)
            return
        deed()
        page.back += amount
        self._work()

    @precondition(lambda self: self._pages_at_a_desk())
    @rule(which=ANY)
    def refund_at_the_provider(self, which: int) -> None:
        """Somebody presses Refund at the provider's own desk; the message has still to arrive."""
        one, page = _some(self._pages_at_a_desk(), which)
        self._do(page, "refund")
        page.back = one.total
        self._ask(one, page)

    @precondition(lambda self: self._pages_to_dispute())
    @rule(which=ANY)
    def dispute(self, which: int) -> None:
        """A bank asks for the money, and its letter arrives. Goods and orders stay as they are."""
        one, page = _some(self._pages_to_dispute(), which)
        page.dispute, page.disputed = "open", True
        for letter in self._do(page, "dispute"):
            self._deliver(one, page, letter)

    @precondition(lambda self: self._open_disputes())
    @rule(which=ANY, end=st.sampled_from(["won", "lost", "lost"]))
    def bank_decides(self, which: int, end: str) -> None:
        """The shop has not heard of it yet."""
        _, page = _some(self._open_disputes(), which)
        self._do(page, end)
        page.dispute = end

    @precondition(lambda self: self._orders("pending", "confirmed", "paid"))
    @rule(which=ANY, by_shopper=st.booleans())
    def cancel(self, which: int, by_shopper: bool) -> None:
        """Its pages are closed first. The second click is refused."""
        one = _some(self._orders("pending", "confirmed", "paid"), which)
        if one.awaits_money:
            self.model.close(one)
        self._cancel(one, by_shopper)
        self.model.cancel(one)
        self._work()
        self._refused(partial(self._cancel, one, by_shopper))

    @precondition(lambda self: self._orders("pending"))
    @rule(which=ANY)
    def time_runs_out(self, which: int) -> None:
        """The hold ends; what had been paid unheard is found out, anything else is cancelled."""
        one = _some(self._orders("pending"), which)
        let_hold_run_out(one.number)
        checkout.expire(order_named(one.number).id)
        self.model.run_out(one)
        self._work()

    @precondition(lambda self: not self.model.free)
    @rule(units=st.integers(1, 2))
    def restock(self, units: int) -> None:
        inventory.receive(self.shirt, units)
        self.model.shelf += units
        self.model.free += units

    @precondition(lambda self: self._known_pages())
    @rule()
    def days_go_by(self) -> None:
        """Everything is asked after until nothing is on its way: no refund that can be sent is left waiting."""
        self.time_passes()
        for one, page in self.model.pages():
            self._ask(one, page)
        self.time_passes()
        with transaction() as current:
            current.execute(text("UPDATE payment_attempts SET check_at = now()"))
        polling.poll()
        self._work()
        assert not count("SELECT count(*) FROM refunds WHERE state = 'pending' AND kind = 'refund'")

    @invariant()
    def the_shop_agrees_with_the_model(self) -> None:
        if not hasattr(self, "shirt"):
            return
        self.street.stand_still(self.began)
        stock, bought = stock_of(self.shirt), self.model.bought
        assert (stock.on_hand, stock.available) == (self.model.shelf, self.model.free)
        assert [order_named(one.number).status for one in bought] == [one.status for one in bought]
        assert _ledger() == self.model.ledger()
        assert_sound()

    def _pages_to_press(self) -> list[tuple[Purchase, Try]]:
        pages = [(one, page) for one, page in self.model.pages() if page.state == "open"]
        return [(one, page) for one, page in pages if page.provider not in BY_HAND]

    def _closed_pages(self) -> list[Try]:
        return [page for page in self.model.in_state("over") if page.provider in PAID_AFTER_ALL]

    def _announced_by_hand(self) -> list[tuple[Purchase, Try]]:
        return [(one, page) for one, page in self.model.pages() if page.provider in BY_HAND and not page.known]

    def _known_pages(self) -> list[tuple[Purchase, Try]]:
        return [(one, page) for one, page in self.model.pages() if page.known]

    def _pages_at_a_desk(self) -> list[tuple[Purchase, Try]]:
        known = self._known_pages()
        return [(one, page) for one, page in known if not (page.back or page.disputed or page.provider in NO_DESK)]

    def _pages_to_dispute(self) -> list[tuple[Purchase, Try]]:
        known = [(one, page) for one, page in self._known_pages() if page.provider in DISPUTED]
        return [(one, page) for one, page in known if not page.dispute and page.back < one.total]

    def _open_disputes(self) -> list[tuple[Purchase, Try]]:
        return [(one, page) for one, page in self._known_pages() if page.dispute == "open"]

    def _orders(self, *statuses: str) -> list[Purchase]:
        return [one for one in self.model.bought if one.status in statuses]

    def _pay_with(self, one: Purchase, provider: str) -> None:
        on_its_way = one.awaits_money and self.model.close(one, but=provider)
        if on_its_way or not one.awaits_money:
            self._refused(partial(self._start, one, provider))
            return
        self._start(one, provider)
        self._newest(one, provider)
        if provider == CASH_ON_DELIVERY:
            self.model.agree_on_cash(one)

    def _pay(self, page: Try, deed: str) -> None:
        self._do(page, deed)
        paid = "paid" if deed == "pay" else "coming"
        page.state, page.taken = ("agreed", paid) if page.provider == "paypal" else (paid, "")

    def _ask(self, one: Purchase, page: Try) -> None:
        payments.check(page.reference, channel="poller")
        self.model.hear(one, page)
        self._work()

    def _newest(self, one: Purchase, provider: str) -> Try:
        """The order's newest way to pay, which the model may know."""
        reference, provider_ref = names_of(one.number)
        for page in one.tries:
            if page.reference == reference:
                return page
        one.tries.append(Try(provider, reference, provider_ref))
        return one.tries[-1]

    def _do(self, page: Try, deed: str) -> list[Letter]:
        """Something happens at a provider, and it writes about that."""
        letters = deed_letters(self.street, page.provider, deed, page.reference, page.provider_ref)
        page.letters += letters
        return letters

    def _arrive(self, provider: str) -> None:
        coming = [page for page in self.model.in_state("coming") if page.provider == provider]
        letters = deed_letters(self.street, provider, "arrive", "", "") if provider in self.street.simulators else []
        for page in coming:
            page.state = "paid"
            page.letters += [letter for letter in letters if letter.names(page.reference, page.provider_ref)]

    def _deliver(self, one: Purchase, page: Try, letter: Letter) -> None:
        assert letter.post(self.app) == 200
        self._work()
        if letter.body not in self.read:
            self.read.add(letter.body)
            self.model.hear(one, page, page.dispute if letter.is_about_a_dispute else "")

    def _start(self, one: Purchase, provider: str) -> None:
        checkout.start_payment(one.number, provider, a_payer())

    def _refund(self, one: Purchase, page: Try, amount: int) -> None:
        money = Money(amount, self.place.currency)
        if amount == one.total - page.back:
            staff_services.refund_attempt(page.reference, str(money), "Damaged", GRACE)
        else:
            refunds.refund_order(one.number, money, "Damaged", GRACE)

    def _cancel(self, one: Purchase, by_shopper: bool) -> None:
        checkout.cancel(one.number, actor=GRACE, reason="", by_shopper=by_shopper)

    def _refused(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except (Invalid, NotAllowed):
            self._work()
        else:
            raise AssertionError("This was not refused.")

    def _work(self) -> None:
        session().rollback()
        do_money_jobs()


def _some(things: Sequence[Thing], which: int) -> Thing:
    """Small numbers, which hypothesis likes, are the latest things."""
    return things[-1 - which % len(things)]


def _ledger() -> dict[str, tuple[int, int, bool]]:
    """What came of each attempt, what of it is gone or promised away, and whether it paid its order."""
    rows = session().execute(LEDGER)
    found = {reference: (captured, gone, counts) for reference, captured, gone, counts in rows}
    session().rollback()
    return found


LEDGER = text("""
    SELECT a.reference, a.captured_minor,
      (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r WHERE r.attempt_id = a.id AND r.state <> 'failed'),
      a.review = ''
    FROM payment_attempts a WHERE a.captured_minor > 0
""")
