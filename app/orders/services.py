"""Orders come into being, move and are remembered here. Money and stock are decided above."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from app.auth.models import User
from app.lib import outbox, prepared
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotFound
from app.lib.tokens import random_key
from app.orders.models import Order, OrderEvent
from app.orders.states import move


@dataclass(frozen=True)
class Actor:
    """Whoever does it: a shopper, a member of staff, or the shop itself (no id)."""

    name: str
    id: int | None = None

    @staticmethod
    def of(user: User | None) -> "Actor":
        return Actor(user.name, user.id) if user else Actor("Shopper")


SHOP = Actor("The shop")


@dataclass(frozen=True)
class Recipient:
    """Who gets the parcel, and where: as typed, checked and copied into the order."""

    email: str
    name: str
    line1: str
    line2: str
    city: str
    region: str
    postcode: str
    country: str
    phone: str


@dataclass(frozen=True)
class NewLine:
    """A line as agreed. Amounts are in minor units of the order's currency."""

    variant_id: int
    sku: str
    name: str
    options_text: str
    image_key: str
    ships: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int


@dataclass(frozen=True)
class NewOrder:
    """Everything an order is made of. Figures are in minor units of `currency`; `hold_minutes` from now."""

    cart_id: int
    checkout_key: str
    checkout_digest: bytes
    user_id: int | None
    recipient: Recipient
    currency: str
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    prices_include_tax: bool
    tax_rate: Decimal
    shipping_method: str
    shipping_name: str
    terms_version: str
    wants_news: bool
    hold_minutes: int
    actor: Actor
    lines: Sequence[NewLine]


# The order, its lines, its first event and the end of its cart: one statement, so one round trip. A key that
# placed an order before places none, even when its old form is sent again after a new cart was filled.
CREATE = """
    WITH cart AS (
        UPDATE carts SET status = 'ordered', updated_at = now()
        WHERE id = :cart_id AND status = 'open'
          AND NOT EXISTS (SELECT 1 FROM orders WHERE checkout_key = :checkout_key)
        RETURNING id
    ), made AS (
        INSERT INTO orders (
            number, key, cart_id, checkout_key, checkout_digest, user_id, email, name, phone, line1, line2, city,
            region, postcode, country, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,
            total_minor, prices_include_tax, tax_rate, shipping_method, shipping_name, terms_version,
            terms_accepted_at, news_consent_at, hold_expires_at)
        SELECT 'S' || nextval('order_numbers'), :key, cart.id, :checkout_key, :checkout_digest, :user_id, :email,
            :name, :phone, :line1, :line2, :city, :region, :postcode, :country, :currency, :subtotal_minor,
            :discount_minor, :shipping_minor, :tax_minor, :total_minor, :prices_include_tax, :tax_rate,
            :shipping_method, :shipping_name, :terms_version, now(), CASE WHEN :wants_news THEN now() END,
            now() + make_interval(mins => :hold_minutes)
        FROM cart
        RETURNING id, number, key, hold_expires_at
    ), listed AS (
        INSERT INTO order_lines (
            order_id, variant_id, sku, name, options_text, image_key, ships, quantity, unit_price_minor, discount_minor,
            tax_minor, total_minor)
        SELECT made.id, l.* FROM made, jsonb_to_recordset(CAST(:lines AS jsonb)) AS l (
            variant_id bigint, sku text, name text, options_text text, image_key text, ships text, quantity bigint,
            unit_price_minor bigint, discount_minor bigint, tax_minor bigint, total_minor bigint)
    ), noted AS (
        INSERT INTO order_events (order_id, kind, now, actor_id, actor_name)
        SELECT id, 'placed', 'pending', :actor_id, :actor_name FROM made
    )
    SELECT id, number, key, hold_expires_at FROM made
"""


@dataclass(frozen=True)
class Placed:
    """An order that was just made: its id, number, key, and until when its stock is held."""

    id: int
    number: str
    key: str
    hold_expires_at: datetime


def create(new: NewOrder) -> Placed:
    """Write the order and close its cart. Raises NotFound when the cart or the key has its order already."""
    values: dict[str, Any] = {name: getattr(new, name) for name in NewOrder.__dataclass_fields__}
    values.update(asdict(new.recipient))
    values.update(
        key=random_key(),
        actor_id=new.actor.id,
        actor_name=new.actor.name,
        lines=json.dumps([asdict(line) for line in new.lines]),
    )
    for name in ("recipient", "actor"):
        del values[name]
    with transaction():
        row = prepared.run(CREATE, values).one_or_none()
    if row is None:
        raise NotFound("This cart was ordered already.")
    return Placed(row.id, row.number, row.key, row.hold_expires_at)


def locked(number: str) -> Order:
    """The order, locked until the transaction ends: staff, webhooks and shoppers take turns. Raises NotFound."""
    order = locked_where(Order.number == number)
    if order is None:
        raise NotFound("There is no such order.")
    return order


def locked_by_id(order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    order = locked_where(Order.id == order_id)
    if order is None:
        raise NotFound("There is no such order.")
    return order


def locked_where(which: ColumnElement[bool]) -> Order | None:
    """The one order of which this is true, locked until the transaction ends."""
    row = select(Order).where(which).with_for_update()
    return session().scalars(row.execution_options(populate_existing=True)).one_or_none()


@retrying
def note(number: str, sentence: str, actor: Actor) -> None:
    """Staff write something down that the shopper never sees. Raises Invalid when it is empty."""
    if not sentence.strip():
        raise Invalid("Write the note first.", "note")
    with transaction() as current:
        order = locked(number)
        current.add(
            OrderEvent(
                order_id=order.id,
                kind="note",
                note=sentence.strip()[:2000],
                is_internal=True,
                actor_id=actor.id,
                actor_name=actor.name,
            )
        )


def record(
    order: Order,
    kind: str,
    sentence: str,
    *,
    channel: str = "",
    is_internal: bool = False,
    actor: Actor = SHOP,
    was: str | None = None,
    now: str | None = None,
    **data: Any,
) -> None:
    """Write an event that is not a move: a payment and what became of it, a refund, a mail."""
    with transaction() as current:
        current.add(
            OrderEvent(
                order_id=order.id,
                kind=kind,
                was=was,
                now=now,
                note=sentence,
                channel=channel,
                is_internal=is_internal,
                actor_id=actor.id,
                actor_name=actor.name,
                data=data,
            )
        )


@retrying
def pack(number: str, actor: Actor) -> None:
    """The parcel is packed: from now on the shopper cannot cancel. Raises NotAllowed."""
    with transaction():
        move(locked(number), "packed", actor_id=actor.id, actor_name=actor.name)


@retrying
def ship(number: str, tracking_number: str, actor: Actor) -> None:
    """The parcel left, with a tracking number. Raises NotAllowed, or Invalid for a number nobody could use."""
    tracking = tracking_number.strip()
    if len(tracking) > 60 or not all(letter.isalnum() or letter in "-. " for letter in tracking):
        raise Invalid("A tracking number has letters, digits, dots and dashes, at most 60.", "tracking_number")
    with transaction():
        order = locked(number)
        move(order, "shipped", reason=tracking, actor_id=actor.id, actor_name=actor.name)
        order.tracking_number = tracking
        outbox.send("orders.mail_shipped", key=f"mail-shipped:{order.id}", order_id=order.id)


@retrying
def deliver(number: str, actor: Actor) -> None:
    """The parcel arrived. Raises NotAllowed."""
    with transaction():
        move(locked(number), "delivered", actor_id=actor.id, actor_name=actor.name)


def claim(user_id: int) -> int:
    """Give a shopper the guest orders of their verified address; returns how many."""
    with transaction() as current:
        user = current.get(User, user_id)
        if user is None or not user.is_verified:
            return 0
        result = current.execute(
            update(Order).where(func.lower(Order.email) == user.email, Order.user_id.is_(None)).values(user_id=user_id)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]


def let_go() -> None:
    """Give the connection back before a stranger is asked, such as a mail server."""
    session().rollback()


def record_mail(number: str, sentence: str, key: str) -> None:
    """Write into the order's history that a letter went out, once."""
    with transaction() as current:
        order = locked(number)
        known = current.scalar(
            select(OrderEvent.id).where(OrderEvent.order_id == order.id, OrderEvent.data["key"].astext == key)
        )
        if known is None:
            record(order, "mail", sentence, key=key)
