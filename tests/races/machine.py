"""A shop and a small model of it, led through whatever can happen to money, in any order (hypothesis chooses).

After every step each order has the status, each payment the money and the shelf the units that the model says, and
every invariant holds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from app.checkout import services as checkout
from app.inventory import services as inventory
from app.lib.db import db, session
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.orders.services import Actor
from app.payments import services as payments
from tests.factories import a_variant, order_named, place, stock_of
from tests.payments import giving_back as refunds
from tests.races.meeting import assert_sound
from tests.races.paying import do_money_jobs, let_hold_run_out
from tests.races.people import cart_of
from tests.races.stories import deed_letters, names_of
from tests.races.street import Letter, Street

GRACE = Actor("Grace")


@dataclass
class Try:
    """One payment page, as its provider knows it.

    `known`: the shop has heard that it was paid. `ended`: it has heard that it cannot be paid any more, and does not
    ask by itself again.
    """

    provider: str
    reference: str
    provider_ref: str
    state: str = "open"  # or coming, paid, over
    known: bool = False
    ended: bool = False
    back: int = 0
    letters: list[Letter] = field(default_factory=list)


@dataclass
class Purchase:
    number: str
    total: int
    status: str = "pending"
    expired: bool = False
    tries: list[Try] = field(default_factory=list)

    @property
    def page(self) -> Try | None:
        """The page the shopper has in front of them, while it can be paid."""
        return next((one for one in reversed(self.tries) if one.state == "open"), None)

    @property
    def kept(self) -> int:
        """What the shop knows to have and has not given back."""
        return sum(self.total - one.back for one in self.tries if one.known)


class Shop(RuleBasedStateMachine):
    """One kind of shirt, people who buy one each. `app`, `street` and the rest come from the test that runs it."""

    app: ClassVar[Flask]
    street: ClassVar[Street]
    empty: ClassVar[Callable[[], None]]
    providers: ClassVar[tuple[str, ...]] = ("demo", "stripe")

    def __init__(self) -> None:
        super().__init__()
        self.bought: list[Purchase] = []
        self.free = 3
        self.shelf = 3

    @initialize()
    def open(self) -> None:
        self.shirt = a_variant(on_hand=self.free).id

    def teardown(self) -> None:
        db.session.remove()
        type(self).empty()

    @rule()
    def buy(self) -> None:
        """Cart and checkout."""
        cart = cart_of(self.shirt) if self.free else None
        if cart is None:
            return
        number, _ = place(cart)
        self.bought.append(Purchase(number, order_named(number).total_minor))
        self.free -= 1

    @precondition(lambda self: self.bought)
    @rule(which=st.integers(0, 99), name=st.sampled_from(range(9)))
    def pay_with(self, which: int, name: int) -> None:
        """Press Pay with some provider: with the one used before or with another, whose page is closed first."""
        one, provider = self._one(which), self.providers[name % len(self.providers)]
        stopped = False
        if one.status == "pending":
            stopped = self._close(one, but=provider)
        if one.status != "pending" or stopped:
            self._refused(lambda: checkout.start_payment(one.number, provider), NotAllowed)
            return
        checkout.start_payment(one.number, provider)
        reference, provider_ref = names_of(one.number)
        if reference not in [known.reference for known in one.tries]:
            one.tries.append(Try(provider, reference, provider_ref))

    @precondition(lambda self: any(one.page for one in self.bought))
    @rule(which=st.integers(0, 99), deed=st.sampled_from(["pay", "pay", "pay", "late", "decline"]))
    def press(self, which: int, deed: str) -> None:
        """Pay, or not, on the provider's page; the shop has not heard of it yet."""
        pages = [page for one in self.bought if (page := one.page)]
        page = pages[which % len(pages)]
        if deed == "late" and page.provider != "stripe":
            deed = "pay"
        page.letters += deed_letters(self.street, page.provider, deed, page.reference, page.provider_ref)
        if deed != "decline":
            page.state = "paid" if deed == "pay" else "coming"
        elif page.provider == "demo":
            page.state = "over"

    @precondition(lambda self: self._tries("coming"))
    @rule(which=st.integers(0, 99))
    def money_arrives(self, which: int) -> None:
        """What was on its way is there. One clock serves all, so all of it is."""
        for page in self._tries("coming"):
            page.state = "paid"
            page.letters += deed_letters(self.street, page.provider, "arrive", page.reference, page.provider_ref)

    @precondition(lambda self: self._tries("over"))
    @rule(which=st.integers(0, 99))
    def pays_after_all(self, which: int) -> None:
        """Money for a page that had been closed."""
        closed = [page for page in self._tries("over") if page.provider == "stripe"]
        if not closed:
            return
        page = closed[which % len(closed)]
        page.letters += deed_letters(self.street, "stripe", "pay_after_all", page.reference, page.provider_ref)
        page.state = "paid"

    @precondition(lambda self: any(page.letters for one in self.bought for page in one.tries))
    @rule(which=st.integers(0, 99), letter=st.integers(0, 99), copies=st.integers(1, 2))
    def message(self, which: int, letter: int, copies: int) -> None:
        """A message arrives, perhaps an old one, perhaps twice."""
        told = [(one, page) for one in self.bought for page in one.tries if page.letters]
        one, page = told[which % len(told)]
        chosen = page.letters[letter % len(page.letters)]
        for _ in range(copies):
            assert chosen.post(self.app) == 200
        self._heard(one, page)
        self._work()

    @precondition(lambda self: any(one.tries for one in self.bought))
    @rule(which=st.integers(0, 99), back=st.integers(0, 99))
    def come_back(self, which: int, back: int) -> None:
        """The shopper returns to the shop, or the poller asks."""
        tried = [one for one in self.bought if one.tries]
        one = tried[which % len(tried)]
        page = one.tries[back % len(one.tries)]
        payments.check(page.reference, channel="return")
        self._heard(one, page)
        self._work()

    @precondition(lambda self: any(one.kept for one in self.bought))
    @rule(which=st.integers(0, 99), share=st.integers(1, 5))
    def refund(self, which: int, share: int) -> None:
        """Staff send some of an order's money back, from its newest payment first; more than there is, never."""
        rich = [one for one in self.bought if one.kept]
        one = rich[which % len(rich)]
        amount = one.total * share // 4
        if amount > one.kept:
            self._refused(lambda: self._send_back(one, amount), Invalid)
            return
        self._send_back(one, amount)
        self._take_back(one, amount)
        self._work()

    @precondition(lambda self: any(page.known and page.back == 0 for one in self.bought for page in one.tries))
    @rule(which=st.integers(0, 99))
    def refund_at_the_provider(self, which: int) -> None:
        """Somebody presses Refund at the provider's own desk; the message has still to arrive."""
        paid = [page for page in self._tries("paid") if page.known and page.back == 0]
        page = paid[which % len(paid)]
        page.letters += deed_letters(self.street, page.provider, "refund", page.reference, page.provider_ref)
        payments.check(page.reference, channel="poller")
        page.back = next(one.total for one in self.bought if page in one.tries)
        self._work()

    @precondition(lambda self: any(page.known and page.provider == "stripe" for page in self._tries("paid")))
    @rule(which=st.integers(0, 99), end=st.sampled_from(["dispute", "won"]))
    def dispute(self, which: int, end: str) -> None:
        """A bank asks for the money, or has thought better of it. Goods and orders stay as they are."""
        paid = [page for page in self._tries("paid") if page.known and page.provider == "stripe"]
        page = paid[which % len(paid)]
        page.letters += deed_letters(self.street, "stripe", end, page.reference, page.provider_ref)

    @precondition(lambda self: self.bought)
    @rule(which=st.integers(0, 99), by_shopper=st.booleans())
    def cancel(self, which: int, by_shopper: bool) -> None:
        """Its pages are closed, its money goes back, its units are on the shelf again."""
        one = self._one(which)
        if one.status == "pending":
            self._close(one)
        if one.status == "cancelled":
            self._refused(lambda: self._cancel(one, by_shopper), NotAllowed)
            return
        self._cancel(one, by_shopper)
        if one.status == "paid":
            self.shelf += 1
        one.status, one.expired = "cancelled", False
        self.free += 1
        self._take_back(one, one.kept)
        self._work()

    @precondition(lambda self: any(self._can_expire(one) for one in self.bought))
    @rule(which=st.integers(0, 99))
    def time_runs_out(self, which: int) -> None:
        """The hold ends; what had been paid unheard is found out, anything else is cancelled."""
        waiting = [one for one in self.bought if self._can_expire(one)]
        one = waiting[which % len(waiting)]
        let_hold_run_out(one.number)
        checkout.expire(order_named(one.number).id)
        self._close(one)
        if one.status == "pending":
            one.status, one.expired = "cancelled", True
            self.free += 1
        self._work()

    @rule(units=st.integers(1, 2))
    def restock(self, units: int) -> None:
        inventory.receive(self.shirt, units)
        self.shelf += units
        self.free += units

    @invariant()
    def the_shop_agrees_with_the_model(self) -> None:
        if not hasattr(self, "shirt"):
            return
        stock = stock_of(self.shirt)
        assert (stock.on_hand, stock.available) == (self.shelf, self.free)
        assert [order_named(one.number).status for one in self.bought] == [one.status for one in self.bought]
        theirs = {page.reference: (one.total, page.back) for one in self.bought for page in one.tries if page.known}
        assert _ledger() == theirs
        assert_sound()

    def _one(self, which: int) -> Purchase:
        return self.bought[which % len(self.bought)]

    def _tries(self, state: str) -> list[Try]:
        return [page for one in self.bought for page in one.tries if page.state == state]

    def _can_expire(self, one: Purchase) -> bool:
        """Money on its way holds an order open, and money here that does not count waits for a person."""
        return one.status == "pending" and not any(page.state == "coming" for page in one.tries) and not one.kept

    def _close(self, one: Purchase, but: str = "") -> bool:
        """Every open page but this provider's is closed, and the shop learns what had become of it."""
        on_its_way = False
        for page in one.tries:
            if page.provider == but or page.known or page.ended:
                continue
            on_its_way = on_its_way or page.state == "coming"
            if page.state == "open":
                page.state = "over"
            self._heard(one, page)
        return on_its_way

    def _heard(self, one: Purchase, page: Try) -> None:
        """The shop has asked about a payment: what it does when there is money."""
        page.ended = page.ended or page.state == "over"
        if page.state != "paid" or page.known:
            return
        page.known = True
        if one.status == "pending" or (one.expired and self.free):
            self.free -= one.status == "cancelled"
            one.status, one.expired = "paid", False
            self.shelf -= 1
        elif one.status == "cancelled":
            page.back = one.total

    def _take_back(self, one: Purchase, amount: int) -> None:
        for page in reversed(one.tries):
            if page.known:
                part = min(amount, one.total - page.back)
                page.back += part
                amount -= part

    def _send_back(self, one: Purchase, amount: int) -> None:
        refunds.refund_order(one.number, Money(amount, "USD"), "Damaged", GRACE)

    def _cancel(self, one: Purchase, by_shopper: bool) -> None:
        checkout.cancel(one.number, actor=GRACE, reason="", by_shopper=by_shopper)

    def _refused(self, deed: Callable[[], Any], error: type[Exception]) -> None:
        try:
            deed()
        except error:
            session().rollback()
            self._work()
        else:
            raise AssertionError(f"{deed} was not refused.")

    def _work(self) -> None:
        session().rollback()
        do_money_jobs()


def _ledger() -> dict[str, tuple[int, int]]:
    rows = session().execute(
        text("SELECT reference, captured_minor, refunded_minor FROM payment_attempts WHERE captured_minor > 0")
    )
    found = {reference: (captured, back) for reference, captured, back in rows}
    session().rollback()
    return found
