"""What can happen to a payment at each provider, and the messages it sends about that."""

import itertools
from dataclasses import dataclass

from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.payments import demo_desk
from app.payments.payers import Payer
from app.payments.registry import provider_named
from tests.factories import a_variant, an_order
from tests.races.paying import message
from tests.races.street import Letter, Street


@dataclass(frozen=True)
class Story:
    """Deeds at a provider, in the shop's currency and from a country where it is offered."""

    provider: str
    deeds: tuple[str, ...]
    currency: str = "USD"
    country: str = "US"

    def __str__(self) -> str:
        return f"{self.provider}-{'-'.join(self.deeds)}"


STORIES = [
    Story("demo", ("pay", "refund")),
    Story("demo", ("decline",)),
    Story("stripe", ("pay", "refund", "dispute")),
    Story("stripe", ("expire", "pay_after_all")),
    Story("stripe", ("late", "arrive", "lost")),
    Story("paypal", ("pay", "capture", "refund")),
    Story("paypal", ("pay", "capture", "dispute", "lost")),
    Story("paypal", ("deny", "capture"), "JPY", "JP"),
    Story("chapa", ("pay", "refund", "arrive"), country="ET"),
    Story("chapa", ("expire", "pay_after_all"), "ETB", "ET"),
    Story("paystack", ("pay", "refund", "arrive"), country="NG"),
    Story("paystack", ("pay", "dispute", "won"), country="KE", currency="KES"),
    Story("paystack", ("late", "arrive", "lost"), "NGN", "NG"),
    Story("mpesa", ("pay",), "KES", "KE"),
    Story("mpesa", ("cancel", "pay_after_all"), "KES", "KE"),
]


KNOW_OUR_NAMES = ("chapa", "paystack")
_phones = itertools.count(1)


def a_payer() -> Payer:
    """Somebody with a telephone of their own: one rings for one payment at a time."""
    return Payer(phone=f"07{next(_phones):08}")


@dataclass(frozen=True)
class Told:
    """An order whose payment has been through a story, of which the shop has heard nothing."""

    number: str
    reference: str
    letters: list[Letter]


def tell(street: Street, story: Story) -> Told:
    """Live through a story with a new order."""
    payer = a_payer()
    shirt = a_variant(on_hand=5, price=20000)
    number = an_order(shirt, country=story.country, email=f"p{payer.phone}@x.test").number
    checkout.start_payment(number, story.provider, payer)
    reference, provider_ref = names_of(number)
    letters = [
        letter for deed in story.deeds for letter in deed_letters(street, story.provider, deed, reference, provider_ref)
    ]
    return Told(number, reference, letters)


def names_of(number: str) -> tuple[str, str]:
    """What we call an order's latest attempt, and what its provider calls it."""
    row = session().execute(LATEST, {"number": number}).one()
    session().rollback()
    return row.reference, row.provider_ref


LATEST = text("""
    SELECT a.reference, a.provider_ref FROM payment_attempts a JOIN payments p ON p.id = a.payment_id
    JOIN orders o ON o.id = p.order_id WHERE o.number = :number ORDER BY a.id DESC LIMIT 1
""")


def deed_letters(street: Street, provider: str, deed: str, reference: str, provider_ref: str) -> list[Letter]:
    """Do something at a provider; gives back what it has to say about that."""
    if provider == "demo":
        return _demo(reference, deed)
    simulator = street.simulators[provider]

    def act() -> None:
        if deed == "arrive":
            simulator.clock.move(30)
            simulator.tick()
            simulator.clock.move(-30)
            return
        if deed == "capture":
            # PayPal's payers only approve; the shop takes the money.
            provider_named(provider).capture(reference, provider_ref)
            return
        simulator.do(deed, reference if provider in KNOW_OUR_NAMES else provider_ref)

    return street.letters(provider, act)


def _demo(reference: str, deed: str) -> list[Letter]:
    """The demo provider posts by an outbox row; here its messages wait in the bag like all others."""
    demo_desk.choose(reference, deed)
    with transaction() as current:
        current.execute(text("DELETE FROM outbox WHERE topic = 'payments.demo_message' AND done_at IS NULL"))
    event = message(reference)
    return [Letter("demo", "/payments/demo/webhook", event.headers, event.body)]


EFFECTS = text("""
    SELECT o.status, a.state, a.review, a.captured_minor, a.refunded_minor,
      (SELECT coalesce(string_agg(r.kind || ' ' || r.state || ' ' || r.amount_minor, ', ' ORDER BY r.amount_minor), '')
       FROM refunds r WHERE r.attempt_id = a.id) AS refunds,
      (SELECT coalesce(string_agg(d.state || ' ' || d.amount_minor, ', '), '') FROM disputes d
       WHERE d.attempt_id = a.id) AS disputes,
      (SELECT coalesce(string_agg(i.kind, ', ' ORDER BY i.kind), '') FROM payment_issues i
       WHERE i.attempt_id = a.id) AS issues,
      (SELECT coalesce(string_agg(m.reason || ' ' || m.on_hand_change, ', ' ORDER BY m.reason), '')
       FROM stock_movements m JOIN order_lines l ON l.variant_id = m.variant_id
       WHERE l.order_id = o.id AND m.on_hand_change < 0) AS sold,
      (SELECT count(*) FROM order_events e WHERE e.order_id = o.id AND e.kind = 'moved' AND e.now = 'paid') AS moves,
      (SELECT coalesce(string_agg(b.topic, ', ' ORDER BY b.topic), '') FROM outbox b
       WHERE b.topic LIKE 'orders.mail%' AND (b.payload ->> 'order_id')::bigint = o.id) AS letters,
      (SELECT count(*) FROM documents d WHERE d.order_id = o.id AND d.kind = 'invoice') AS invoices
    FROM orders o JOIN payments p ON p.order_id = o.id JOIN payment_attempts a ON a.payment_id = p.id
    WHERE o.number = :number
""")


def effects(number: str) -> dict[str, object]:
    """Everything that outlives a request and came of this order's payment."""
    session().rollback()
    row = session().execute(EFFECTS, {"number": number}).mappings().one()
    session().rollback()
    return dict(row)
