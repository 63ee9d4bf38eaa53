"""Cart to order to payment: the one orchestrator. How an order ends unpaid or unsent stands in `endings`."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select

from app import shipping
from app.cart import queries as carts
from app.cart import services as cart_services
from app.cart.models import Cart
from app.cart.queries import CartView, Whose
from app.checkout.endings import cancel, expire, expire_unpaid, take_back
from app.inventory import services as inventory
from app.lib import outbox, prepared, runtime
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.tokens import digest
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor, NewLine, NewOrder, Recipient
from app.payments import declines, settlement
from app.payments import services as payments
from app.payments.payers import NOBODY, Payer
from app.payments.providers.base import ProviderUnavailable
from app.payments.registry import all_providers
from app.pricing import Totals

log = logging.getLogger(__name__)

JUST_NOW = timedelta(hours=1)

__all__ = ["cancel", "expire", "expire_unpaid", "place_order", "start_payment", "take_back"]


class CartIsEmpty(NotAllowed):
    title = "Nothing to check out"

    def __init__(self) -> None:
        super().__init__("Your cart is empty. Put something in first.")


class CartNeedsLook(NotAllowed):
    """Something in the cart can no longer be bought as it stands."""

    title = "Look at your cart"

    def __init__(self) -> None:
        super().__init__("Something in your cart can no longer be bought as it stands. Look at it, then go on.")


class SummaryChanged(NotAllowed):
    """Prices or totals are not what the shopper saw; the new ones are shown and have to be accepted."""

    title = "The total changed"

    def __init__(self) -> None:
        super().__init__("The total changed since you saw it. Here is the new one: press Pay again to accept it.")


@dataclass(frozen=True)
class Wishes:
    """What the shopper chose on the checkout page."""

    recipient: Recipient
    shipping_method: str
    wants_news: bool


@dataclass(frozen=True)
class Summary:
    """A cart with its delivery: the five figures and a fingerprint of everything the shopper agrees to."""

    cart: CartView
    quotes: tuple[shipping.Quote, ...]
    quote: shipping.Quote | None
    totals: Totals

    @property
    def fingerprint(self) -> str:
        """Changes when a line, a price, the delivery or a figure does."""
        parts = [
            [[line.sku, line.quantity, line.unit_price.minor, line.ships] for line in self.cart.lines],
            self.quote.method.code if self.quote else "",
            [self.totals.shipping.minor, self.totals.tax.minor, self.totals.total.minor],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def summarise_cart(cart: CartView, country: str, method: str | None, today: date | None = None) -> Summary:
    """The cart with delivery to a country by a method; by the first one when it is not offered."""
    day = today or datetime.now(UTC).date()
    goods = carts.priced(cart.lines).subtotal
    quotes = tuple(shipping.quotes(country, goods, day))
    chosen = next((quote for quote in quotes if quote.method.code == method), quotes[0] if quotes else None)
    totals = carts.priced(cart.lines, chosen.price if chosen else None)
    return Summary(cart, quotes, chosen, totals)


@retrying
def place_order(
    whose: Whose, wishes: Wishes, *, key: str, actor: Actor, reviewed: str | None = None
) -> tuple[str, str]:
    """Turn the cart into a pending order with its stock held; gives back the order's number and key.

    One that costs nothing is paid at once.

    `key` is the form's idempotency key: the same again answers the same order. `reviewed` is the fingerprint
    of the summary the shopper saw. Raises CartIsEmpty, CartNeedsLook, SummaryChanged, NotEnoughStock, and
    Invalid for a key that was used with other content.
    """
    own_key = _scoped(key, whose)
    content = _digest(wishes)
    with transaction():
        cart_services.keep_still(whose)
        cart = _still(whose)
        if not cart.lines:
            return _placed_before(whose, own_key, content)
        summary = _checked(cart, wishes, reviewed)
        try:
            order = orders.create(_new_order(summary, wishes, whose, own_key, content, actor))
        except NotFound:
            # The same cart was ordered while we were looking at it: one cart, one order.
            return _placed_before(whose, own_key, content)
        prepared.run(OWE, {"order_id": order.id})
        quantities = {line.variant_id: line.quantity for line in cart.lines}
        inventory.reserve(order.id, quantities, order.hold_expires_at)
        if not summary.totals.total:
            settlement.owe_nothing(orders.locked_by_id(order.id))
            return order.number, order.key
        outbox.send("checkout.expire_order", key=f"expire:{order.id}:0", due_in=_hold_seconds(), order_id=order.id)
        return order.number, order.key


OWE = """
    INSERT INTO payments (order_id, amount_minor, currency)
    SELECT id, total_minor, currency FROM orders WHERE id = :order_id
"""


def _still(whose: Whose) -> CartView:
    """The cart, and with goods that may be promised before they are there also their stock, locked until the end.

    Otherwise somebody else could take the last ones on the shelf after we said that these leave today.
    """
    cart = carts.view(whose)
    if not any(line.later for line in cart.lines):
        return cart
    inventory.keep_still(line.variant_id for line in cart.lines)
    return carts.view(whose)


def _hold_seconds() -> int:
    return runtime.settings().hold_minutes * 60 + 1


def _checked(cart: CartView, wishes: Wishes, reviewed: str | None) -> Summary:
    if not cart.can_check_out:
        raise CartNeedsLook()
    summary = summarise_cart(cart, wishes.recipient.country, wishes.shipping_method)
    if summary.quote is None or summary.quote.method.code != wishes.shipping_method:
        raise Invalid("Choose one of the delivery methods for this country.", "shipping_method")
    if reviewed is None:
        if cart.risen:
            raise SummaryChanged()
    elif reviewed != summary.fingerprint:
        raise SummaryChanged()
    return summary


def _new_order(summary: Summary, wishes: Wishes, whose: Whose, key: str, content: bytes, actor: Actor) -> NewOrder:
    settings = runtime.settings()
    totals, quote = summary.totals, summary.quote
    assert summary.cart.cart_id is not None and quote is not None
    each = {line.key: line for line in totals.lines}
    return NewOrder(
        cart_id=summary.cart.cart_id,
        checkout_key=key,
        checkout_digest=content,
        user_id=whose.user_id,
        recipient=wishes.recipient,
        currency=settings.currency,
        subtotal_minor=totals.subtotal.minor,
        discount_minor=totals.discount.minor,
        shipping_minor=totals.shipping.minor,
        tax_minor=totals.tax.minor,
        total_minor=totals.total.minor,
        prices_include_tax=totals.tax_rule.is_included,
        tax_rate=totals.tax_rule.rate,
        shipping_method=quote.method.code,
        shipping_name=quote.method.name,
        terms_version=settings.terms_version,
        wants_news=wishes.wants_news,
        hold_minutes=settings.hold_minutes,
        actor=actor,
        lines=[
            NewLine(
                variant_id=line.variant_id,
                sku=line.sku,
                name=line.name,
                options_text=line.options_text,
                image_key=line.image_key,
                ships=line.ships,
                quantity=line.quantity,
                unit_price_minor=line.unit_price.minor,
                discount_minor=each[line.sku].discount.minor,
                tax_minor=each[line.sku].tax.minor,
                total_minor=each[line.sku].total.minor,
            )
            for line in summary.cart.lines
        ],
    )


def _scoped(key: str, whose: Whose) -> str:
    """The key as it is kept: nobody can meet another shopper's by choosing the same."""
    owner = f"user {whose.user_id}" if whose.user_id is not None else f"cart {whose.token}"
    return hashlib.sha256(f"{owner}|{key}".encode()).hexdigest()


def _digest(wishes: Wishes) -> bytes:
    return hashlib.sha256(json.dumps(asdict(wishes), sort_keys=True).encode()).digest()


def _placed_before(whose: Whose, key: str, content: bytes) -> tuple[str, str]:
    same = session().scalar(select(Order).where(Order.checkout_key == key))
    if same is not None:
        if same.checkout_digest != content:
            raise Invalid(
                f"Order {same.number} was placed with other details. Pay it, or cancel it to change something."
            )
        return same.number, same.key
    waiting = _latest(whose, or_(Order.status == "pending", _was_just_given()))
    if waiting is None:
        raise CartIsEmpty()
    return waiting.number, waiting.key


def awaiting_payment(whose: Whose) -> Order | None:
    """The unpaid order this cart became, when there is one: a second click on Pay leads to it."""
    return _latest(whose, Order.status == "pending")


def _was_just_given() -> ColumnElement[bool]:
    """SQL: an order without a price, placed a moment ago. It never waited to be paid."""
    since = datetime.now(UTC) - JUST_NOW
    return and_(Order.total_minor == 0, Order.status != "cancelled", Order.placed_at > since)


def _latest(whose: Whose, which: ColumnElement[bool]) -> Order | None:
    statement = select(Order).where(which).order_by(Order.id.desc()).limit(1)
    if whose.user_id is not None:
        return session().scalar(statement.where(Order.user_id == whose.user_id))
    if not whose.token:
        return None
    return session().scalar(
        statement.join(Cart, Cart.id == Order.cart_id).where(
            Cart.token_digest == digest(whose.token), Cart.user_id.is_(None)
        )
    )


def accept_prices(whose: Whose) -> None:
    """The shopper was shown today's prices; ordering is accepting them."""
    cart = carts.view(whose)
    if cart.cart_id is not None:
        cart_services.accept_prices(cart.cart_id)


def last_recipient(user_id: int) -> Order | None:
    """The shopper's latest order, whose address the next one probably has."""
    return session().scalar(select(Order).where(Order.user_id == user_id).order_by(Order.id.desc()).limit(1))


def start_payment(number: str, provider: str, payer: Payer = NOBODY) -> str:
    """Lead the shopper to a provider: renew the stock hold, close other open payment pages, open this one.

    Gives back the address to go to. Raises PaymentNotStarted when the provider fails, NotEnoughStock when the
    hold had run out and the units are gone, NotAllowed when the order does not await payment, or when money for
    it is on its way, and TooMany when this shopper's payments were declined too often.
    """
    order_id, until, opened = _renew_and_open(number, provider, payer)
    if opened is None:
        try:
            on_its_way = payments.close_others(order_id, but_provider=provider)
        except ProviderUnavailable:
            # Both pages could be paid now; the second payment would be seen, and waits for staff as "second".
            log.warning("An open payment page of order %s could not be closed", number)
            on_its_way = set()
        if on_its_way:
            raise NotAllowed(_wait_for(number, on_its_way))
        opened = payments.open_all_the_same(number, provider, until, payer)
    return payments.start(number, opened, provider)


def _wait_for(number: str, providers: set[str]) -> str:
    if any(found.needs_phone for name, found in all_providers().items() if name in providers):
        return "A payment request is on your phone: answer it, or wait until it has run out."
    return f"A payment of order {number} is on its way already. Finish or cancel it there, or wait until it is here."


JUST_HELD = timedelta(seconds=20)  # an order placed in this request needs no new hold


@retrying
def _renew_and_open(number: str, provider: str, payer: Payer) -> tuple[int, datetime, payments.Opened | None]:
    """The order, until when its stock is held, and the attempt, unless other pages have to be closed first."""
    with transaction():
        order = orders.locked(number)
        if not order.awaits_money:
            raise NotAllowed(f"Order {order.number} is {order.status}; there is nothing to pay.")
        declines.refuse_after_too_many(order, payer)
        until = datetime.now(UTC) + timedelta(minutes=runtime.settings().hold_minutes)
        needs_hold = order.is_pending and until - order.hold_expires_at >= JUST_HELD
        if needs_hold:
            order.hold_expires_at = until
        elif order.is_pending:
            until = min(order.hold_expires_at, until)
        opened = payments.open_unless_others(order, provider, until, payer)
        if needs_hold:
            _hold_again(order, order.hold_expires_at)
        return order.id, until, opened


def _hold_again(order: Order, until: datetime) -> None:
    """Prolong what is held, and hold again what was lost to another shopper's cart in between."""
    inventory.prolong(order.id, until)
    if order.unsold_line is not None:
        raise NotAllowed(f"{order.unsold_line.name} is no longer sold.")
    missing = inventory.missing(order.id, order.quantities)
    if missing:
        inventory.reserve(order.id, missing, until)
