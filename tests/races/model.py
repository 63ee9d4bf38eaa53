"""A shop in miniature: what ought to become of orders, money and units. No database, no network."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.races.street import Letter

# A page the shop can close is over then. Nothing more is taken for one at PayPal. One at Paystack can be paid as long
# as it likes, and a telephone that rings cannot be stopped.
CLOSED_WHEN_ASKED = ("demo", "stripe", "chapa", "bank_transfer", "cash_on_delivery")
OVER_WHEN_DECLINED = ("demo", "mpesa")
FAILED_WHEN_DECLINED = ("chapa", "paystack")  # and can be paid all the same, with another card
# How a dispute ended is learned by asking, without a message about it.
LEARNED_BY_ASKING = {"paypal": ("lost",), "paystack": ("won", "lost")}


@dataclass
class Try:
    """One way to pay an order, as its provider and the bank know it, and what the shop has heard of it.

    `state`: open; agreed, when the shop may take the money, which is then as `taken` says; coming; paid; over.
    `ended`: the shop has heard that it cannot be paid any more, and does not ask by itself again.
    `back`: what was sent back, is promised to be, or was taken by a bank.
    """

    provider: str
    reference: str
    provider_ref: str
    state: str = "open"
    taken: str = ""
    declined: bool = False
    dispute: str = ""  # or open, won, lost
    known: bool = False
    ended: bool = False
    counts: bool = False
    disputed: bool = False
    back: int = 0
    letters: list[Letter] = field(default_factory=list)

    @property
    def rings(self) -> bool:
        return self.provider == "mpesa" and self.state == "open"


@dataclass
class Purchase:
    """One unit, ordered by somebody."""

    number: str
    total: int
    status: str = "pending"
    expired: bool = False
    tries: list[Try] = field(default_factory=list)

    @property
    def awaits_money(self) -> bool:
        return self.status in ("pending", "confirmed")


@dataclass
class Model:
    """`free` units can be bought, `shelf` is what lies there."""

    free: int
    shelf: int
    bought: list[Purchase] = field(default_factory=list)

    def pages(self) -> Iterator[tuple[Purchase, Try]]:
        return ((one, page) for one in self.bought for page in one.tries)

    def in_state(self, state: str) -> list[Try]:
        return [page for _, page in self.pages() if page.state == state]

    def order(self, number: str, total: int) -> None:
        self.bought.append(Purchase(number, total))
        self.free -= 1

    def agree_on_cash(self, one: Purchase) -> None:
        """To be paid at the door: sold already."""
        if one.status == "pending":
            one.status = "confirmed"
            self.shelf -= 1

    def close(self, one: Purchase, but: str = "") -> bool:
        """Every page of the order but this provider's is closed, and the shop learns what had become of it.

        Gives back whether money is on its way that nobody can stop.
        """
        on_its_way = False
        for page in one.tries:
            if page.known or page.ended or _stays(one, page, but):
                continue
            on_its_way = on_its_way or page.state == "coming" or page.rings
            if page.provider == "paypal" and page.state in ("open", "agreed"):
                page.ended = True
            if page.provider in CLOSED_WHEN_ASKED and page.state == "open":
                page.state = "over"
            self.hear(one, page)
        return on_its_way

    def hear(self, one: Purchase, page: Try, told: str = "") -> None:
        """The shop has asked about a payment, perhaps because it was `told` how a dispute ended."""
        if page.state == "agreed":
            page.state = page.taken if one.awaits_money and not page.ended else "over"
        page.ended = page.ended or page.state == "over" or (page.state == "open" and page.declined)
        if page.state == "paid" and not page.known:
            self._receive(one, page)
        if page.disputed and page.dispute in (told, *LEARNED_BY_ASKING.get(page.provider, ())):
            self._decide(one, page)

    def _receive(self, one: Purchase, page: Try) -> None:
        """Money pays what awaits it, or finds that all was given up only because it was late; else it goes back.

        A second payment stays until somebody looks at it.
        """
        page.known = True
        if one.awaits_money or (one.expired and self.free):
            self.free -= one.status == "cancelled"
            self.shelf -= one.status != "confirmed"
            one.status, one.expired, page.counts = "paid", False, True
        elif one.status == "cancelled":
            page.back = one.total

    def _decide(self, one: Purchase, page: Try) -> None:
        """Won, everything is as it was; lost, whatever was left of the money is gone."""
        page.disputed = page.dispute == "open"
        if page.dispute == "lost":
            page.back = one.total

    def run_out(self, one: Purchase) -> None:
        """Not paid in time."""
        if not self.close(one) and one.status == "pending":
            one.status, one.expired = "cancelled", True
            self.free += 1

    def cancel(self, one: Purchase) -> None:
        """Units are on the shelf again, and all money goes back but what a bank holds on to."""
        self.shelf += one.status != "pending"
        self.free += 1
        one.status = "cancelled"
        for page in one.tries:
            if page.known and not page.disputed:
                page.back = one.total

    def ledger(self) -> dict[str, tuple[int, int, bool]]:
        """What came, what of it is gone or promised away, and whether it paid its order."""
        return {page.reference: (one.total, page.back, page.counts) for one, page in self.pages() if page.known}


def _stays(one: Purchase, page: Try, chosen: str) -> bool:
    """What is opened again needs no closing, unless it is a telephone; cash may be paid at the door until it is."""
    if page.provider == "cash_on_delivery":
        return bool(chosen) and one.status == "confirmed"
    return page.provider == chosen and chosen != "mpesa"
