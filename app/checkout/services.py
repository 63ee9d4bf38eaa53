"""Cart to order to payment, and back again: the one orchestrator."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select, text

from app import shipping
from app.cart import queries as carts
from app.cart import services as cart_services
from app.cart.models import Cart
from app.cart.queries import CartView, Whose
from app.inventory import services as inventory
from app.lib import outbox, runtime
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.tokens import digest
from app.orders import services as orders
from app.orders.models import Order
from app.orders.services import Actor, NewLine, NewOrder, Recipient
from app.orders.states import move
from app.payments import refunds
from app.payments import services as payments
from app.payments.payers import NOBODY, Payer
from app.payments.providers.base import ProviderUnavailable
from app.payments.queries import attempts_of, summarise
from app.payments.registry import provider_named
from app.pricing import Totals

log = logging.getLogger(__name__)


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
            [[line.sku, line.quantity, line.unit_price.minor] for line in self.cart.lines],
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

    `key` is the form's idempotency key: the same again answers the same order. `reviewed` is the fingerprint
    of the summary the shopper saw. Raises CartIsEmpty, CartNeedsLook, SummaryChanged, NotEnoughStock, and
    Invalid for a key that was used with other content.
    """
    own_key = _scoped(key, whose)
    content = _digest(wishes)
    with transaction() as current:
        cart_services.keep_still(whose)
        cart = carts.view(whose)
        if not cart.lines:
            return _placed_before(whose, own_key, content)
        summary = _checked(cart, wishes, reviewed)
        try:
            order = orders.create(_new_order(summary, wishes, whose, own_key, content, actor))
        except NotFound:
            # The same cart was ordered while we were looking at it: one cart, one order.
            return _placed_before(whose, own_key, content)
        current.execute(OWE, {"order_id": order.id})
        outbox.send("checkout.expire_order", key=f"expire:{order.id}:0", due_in=_hold_seconds(), order_id=order.id)
        quantities = {line.variant_id: line.quantity for line in cart.lines}
        inventory.reserve(order.id, quantities, order.hold_expires_at)
        return order.number, order.key


OWE = text("""
    INSERT INTO payments (order_id, amount_minor, currency)
    SELECT id, total_minor, currency FROM orders WHERE id = :order_id
""")


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
    waiting = awaiting_payment(whose)
    if waiting is None:
        raise CartIsEmpty()
    return waiting.number, waiting.key


def awaiting_payment(whose: Whose) -> Order | None:
    """The unpaid order this cart became, when there is one: a second click on Pay leads to it."""
    statement = select(Order).where(Order.status == "pending").order_by(Order.id.desc()).limit(1)
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
    it is on its way.
    """
    order_id, until = _renew_hold(number)
    # A page that serves is kept; whether a telephone still rings is known only by asking.
    kept = provider if provider_named(provider).start_repeats else None
    try:
        on_its_way = payments.close_others(order_id, but_provider=kept)
    except ProviderUnavailable:
        # Both pages could be paid now; the second payment would be seen, and waits for staff as "second".
        log.warning("An open payment page of order %s could not be closed", number)
        on_its_way = False
    if on_its_way:
        raise NotAllowed(
            f"A payment of order {number} is on its way already. Finish or cancel it there, or wait until it has arrived."
        )
    return payments.start(number, provider, until, payer)


JUST_HELD = timedelta(seconds=20)  # an order placed in this request needs no new hold


@retrying
def _renew_hold(number: str) -> tuple[int, datetime]:
    with transaction():
        order = orders.locked(number)
        if order.status != "pending":
            raise NotAllowed(f"Order {order.number} is {order.status}; there is nothing to pay.")
        until = datetime.now(UTC) + timedelta(minutes=runtime.settings().hold_minutes)
        if until - order.hold_expires_at < JUST_HELD:
            return order.id, order.hold_expires_at
        order.hold_expires_at = until
        _hold_again(order, until)
        return order.id, until


def _hold_again(order: Order, until: datetime) -> None:
    """Prolong what is held, and hold again what was lost to another shopper's cart in between."""
    inventory.prolong(order.id, until)
    if order.unsold_line is not None:
        raise NotAllowed(f"{order.unsold_line.name} is no longer sold.")
    missing = inventory.missing(order.id, order.quantities)
    if missing:
        inventory.reserve(order.id, missing, until)


def cancel(number: str, *, actor: Actor, reason: str, by_shopper: bool, only_unpaid: bool = False) -> None:
    """Cancel an order: stock back on the shelf once, open payment pages closed, money sent back by itself.

    A shopper may until it is packed; staff until it is shipped. Raises NotAllowed after that; with `only_unpaid`
    also when closing its pages tells that it has just been paid.
    """
    _close_pages(number)
    _cancel(number, actor, reason, by_shopper, only_unpaid)


@retrying
def _cancel(number: str, actor: Actor, reason: str, by_shopper: bool, only_unpaid: bool) -> None:
    with transaction():
        order = orders.locked(number)
        _refuse_cancel(order, by_shopper)
        was_paid = order.status != "pending"
        if was_paid and only_unpaid:
            raise NotAllowed(f"Order {order.number} has just been paid, so it stays as it is.")
        move(order, "cancelled", reason=reason, actor_id=actor.id, actor_name=actor.name)
        order.cancel_reason = "shopper" if by_shopper else "staff"
        if was_paid:
            inventory.restock(order.id, actor_id=actor.id)
        inventory.release(order.id, actor_id=actor.id)
        # Also of an unpaid order: money that is under review goes back as well.
        refunds.refund_everything(order, reason or "Order cancelled", actor)
        outbox.send("orders.mail_cancelled", key=f"mail-cancelled:{order.id}", order_id=order.id)


def _refuse_cancel(order: Order, by_shopper: bool) -> None:
    if order.status == "cancelled":
        raise NotAllowed(f"Order {order.number} is cancelled already.")
    if order.status in ("shipped", "delivered"):
        raise NotAllowed(f"Order {order.number} has been {order.status}; write to us about a return.")
    if by_shopper and order.status == "packed":
        raise NotAllowed(f"Order {order.number} is packed already. Contact us, and we will see what can be done.")


def _close_pages(number: str) -> None:
    """Close what could still be paid before stock is given back; a provider that is away closes nothing."""
    with transaction():
        order = orders.locked(number)
        order_id, is_pending = order.id, order.status == "pending"
    if not is_pending:
        return
    try:
        payments.close_others(order_id)
    except ProviderUnavailable:
        # Money that comes all the same is sent back by settle(), because the order is cancelled then.
        log.warning("An open payment page of order %s could not be closed", number)


def take_back(number: str, whose: Whose, *, actor: Actor) -> cart_services.Added:
    """Cancel an unpaid order and put its lines back into the cart, to change them. Raises NotAllowed."""
    with transaction():
        order = orders.locked(number)
        if order.status not in ("pending", "cancelled"):
            raise NotAllowed(f"Order {order.number} is {order.status}; its lines cannot go back into the cart.")
        lines = [
            (line.variant_id, line.quantity, line.unit_price_minor)
            for line in order.lines
            if line.variant_id is not None
        ]
        is_pending = order.status == "pending"
    if is_pending:
        cancel(number, actor=actor, reason="Put back into the cart", by_shopper=True, only_unpaid=True)
    return cart_services.put_back(whose, lines)


def expire(order_id: int) -> None:
    """Cancel an order whose hold ran out unpaid, after asking its providers what really happened.

    Raises ProviderUnavailable when one does not answer; the next try asks again. Other shoppers can have the
    units meanwhile, because a hold that is over counts as free.
    """
    if not _is_over(order_id):
        return
    payments.close_others(order_id, in_a_job=True)
    with transaction():
        order = orders.locked_by_id(order_id)
        if order.status != "pending" or not order.hold_is_over:
            return
        if any(attempt.is_open for attempt in attempts_of(order.id)):
            # Money is on its way (a bank debit, a voucher): the poller waits for its end.
            return
        if summarise(order, attempts_of(order.id)).refundable:
            # Some money is here but not all: a person decides.
            return
        move(order, "cancelled", reason="Not paid in time.")
        order.cancel_reason = "expired"
        inventory.release(order.id)
        outbox.send("orders.mail_expired", key=f"mail-expired:{order.id}", order_id=order.id)


def _is_over(order_id: int) -> bool:
    with transaction() as current:
        order = current.get(Order, order_id, populate_existing=True)
        return order is not None and order.status == "pending" and order.hold_is_over


def expire_unpaid() -> int:
    """Have every order looked at whose hold ran out unpaid; returns how many."""
    with transaction() as current:
        due = list(current.scalars(OVER))
        minute = int(datetime.now(UTC).timestamp()) // 60
        for order_id in due:
            outbox.send("checkout.expire_order", key=f"expire:{order_id}:{minute}", order_id=order_id)
        return len(due)


# An order that is looked at already, or again soon because its provider was away, is not asked after twice. The
# latest first: those that wait for money on its way, or for a person, must not keep the others from ending.
OVER = text("""
    SELECT o.id FROM orders o
    WHERE o.status = 'pending' AND o.hold_expires_at <= now() AND NOT EXISTS (
        SELECT 1 FROM outbox b
        WHERE b.topic = 'checkout.expire_order' AND (b.payload->>'order_id')::bigint = o.id
          AND b.done_at IS NULL AND b.dead_at IS NULL AND (b.due_at <= now() OR b.attempts > 0))
    ORDER BY o.hold_expires_at DESC LIMIT 500
""")
