"""Carts change here. A line never disappears by itself."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from app.cart.models import Cart, CartLine
from app.cart.queries import Whose
from app.catalog.models import Product, Variant
from app.catalog.prices import NOW, now_expression
from app.catalog.quantities import MOST, Quantities
from app.inventory.models import StockItem
from app.inventory.queries import AVAILABLE, available, available_expression
from app.lib import prepared, runtime
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.tokens import digest, random_token


class TooFew(NotAllowed):
    """More is wanted than there is."""

    status = 422
    title = "Not enough in stock"

    def __init__(self, name: str, left: int, in_cart: int = 0):
        if left == 0:
            sentence = f"{name} has just sold out."
        elif in_cart:
            sentence = f"Only {left} of {name} left, and your cart has {in_cart} already."
        else:
            sentence = f"Only {left} of {name} left."
        super().__init__(sentence)
        self.left = left


@dataclass(frozen=True)
class Added:
    """What adding came to: the cart's token (new when the cart is), and units in the whole cart."""

    token: str
    quantity: int
    name: str


def quantity_of(text: str | None) -> int:
    """A quantity a person typed: 0 to 999. Raises Invalid. The one place that knows the limits."""
    typed = (text or "").strip()
    if not typed.isascii() or not typed.isdigit() or len(typed) > 6 or int(typed) > MOST:
        raise Invalid(f"Enter a quantity from 1 to {MOST}.", "quantity")
    return int(typed)


# The line, the stock and the product are looked at, and the line written, in one statement. The cart is locked
# against `keep_still`: a cart that is being ordered is waited for, and then the line goes into a new one.
ADD = f"""
    WITH mine AS (
        SELECT id FROM carts WHERE status = 'open' AND {{which}} FOR SHARE
    ), wanted AS (
        SELECT v.id, {NOW} AS price_minor, p.name, {AVAILABLE} AS available,
               v.min_quantity, v.max_quantity, v.quantity_step,
               coalesce((SELECT quantity FROM cart_lines WHERE cart_id = c.id AND variant_id = v.id), 0) AS had,
               c.id AS cart_id,
               coalesce((SELECT sum(quantity) FROM cart_lines WHERE cart_id = c.id), 0) AS in_cart
        FROM variants v
        JOIN products p ON p.id = v.product_id
        LEFT JOIN stock_items ON stock_items.variant_id = v.id
        LEFT JOIN mine c ON true
        WHERE v.sku = :sku AND v.is_active AND p.status = 'active' AND p.published_at <= now()
    ), possible AS (
        SELECT * FROM wanted WHERE available >= had + :quantity AND (had + :quantity) % quantity_step = 0
          AND had + :quantity BETWEEN min_quantity AND least(max_quantity, :most)
    ), cart AS (
        INSERT INTO carts (token_digest, currency, user_id)
        SELECT CAST(:new_token AS bytea), CAST(:currency AS text), CAST(:user_id AS bigint)
        FROM possible WHERE cart_id IS NULL
        RETURNING id
    ), line AS (
        INSERT INTO cart_lines AS l (cart_id, variant_id, quantity, seen_price_minor)
        SELECT coalesce(w.cart_id, (SELECT id FROM cart)), w.id, :quantity, w.price_minor FROM possible w
        ON CONFLICT (cart_id, variant_id) DO UPDATE
        SET quantity = l.quantity + :quantity, seen_price_minor = excluded.seen_price_minor
        RETURNING quantity
    )
    SELECT w.name, w.available, w.had, w.in_cart, w.cart_id IS NULL AS is_new, (SELECT quantity FROM line) AS now,
        w.min_quantity, w.max_quantity, w.quantity_step
    FROM wanted w
"""  # noqa: S608
ADD_TO_MEMBERS = ADD.format(which="user_id = :user_id")
ADD_TO_GUESTS = ADD.format(which="user_id IS NULL AND token_digest = :token")


@retrying
def add_line(whose: Whose, sku: str, quantity: int) -> Added:
    """Put units of a SKU into the cart; the first unit makes the cart.

    Raises NotFound for a SKU that is not on sale, TooFew when stock is short, Invalid for a quantity that it is not
    sold by.
    """
    if quantity < 1:
        raise Invalid(f"Enter a quantity from 1 to {MOST}.", "quantity")
    try:
        return _add(whose, sku, quantity)
    except IntegrityError:
        # Two devices made the shopper's first cart at once; now there is one to add to.
        return _add(whose, sku, quantity)


def _add(whose: Whose, sku: str, quantity: int) -> Added:
    new_token = random_token()
    values = {
        "token": digest(whose.token or ""),
        "new_token": digest(new_token),
        "currency": runtime.settings().currency,
        "user_id": whose.user_id,
        "sku": sku,
        "quantity": quantity,
        "most": MOST,
    }
    with transaction():
        row = prepared.run(ADD_TO_GUESTS if whose.user_id is None else ADD_TO_MEMBERS, values).one_or_none()
        if row is None:
            raise NotFound("This is not sold any more. Look for something similar.")
        if row.now is None:
            _refuse(row.name, _quantities(row), int(row.had) + quantity, int(row.available), int(row.had))
    token = new_token if row.is_new or whose.token is None else whose.token
    return Added(token, int(row.in_cart) + quantity, row.name)


def _quantities(row: Any) -> Quantities:
    return Quantities(row.min_quantity, row.max_quantity, row.quantity_step)


def _refuse(name: str, quantities: Quantities, wanted: int, available: int, in_cart: int = 0) -> None:
    """Raise what says why so many cannot be had and how many can; nothing when they can."""
    left = max(0, available)
    if 0 < left < quantities.lowest:
        raise Invalid(f"Only {left} of {name} left, fewer than the {quantities.lowest} it is sold from.", "quantity")
    refusal = quantities.refusal(name, wanted)
    if refusal and left:
        had = f" Your cart has {in_cart} already." if in_cart else ""
        raise Invalid(refusal + had, "quantity")
    if wanted > left:
        raise TooFew(name, left, in_cart)


def keep_still(whose: Whose) -> None:
    """Let nobody add to the open cart until this transaction ends, because what is in it becomes an order."""
    session().execute(select(Cart.id).where(whose.condition()).with_for_update(key_share=True))


def set_quantity(whose: Whose, line_id: uuid.UUID, quantity: int) -> None:
    """Change a line; 0 removes it. Raises what add_line raises."""
    with transaction() as current:
        found = current.execute(
            select(
                CartLine,
                Product.name,
                available_expression().label("available"),
                Variant.min_quantity,
                Variant.max_quantity,
                Variant.quantity_step,
            )
            .join(Cart, Cart.id == CartLine.cart_id)
            .join(Variant, Variant.id == CartLine.variant_id)
            .join(Product, Product.id == Variant.product_id)
            .outerjoin(StockItem, StockItem.variant_id == Variant.id)
            .where(CartLine.public_id == line_id, whose.condition())
            .with_for_update(of=CartLine)
        ).one_or_none()
        if found is None:
            raise NotFound("This line is not in your cart any more.")
        if quantity == 0:
            current.delete(found.CartLine)
            return
        _refuse(found.name, _quantities(found), quantity, int(found.available))
        found.CartLine.quantity = quantity


def remove_line(whose: Whose, line_id: uuid.UUID) -> tuple[str, int]:
    """Take a line out; gives back its SKU and quantity, so that it can be put back. Removing twice is no error."""
    with transaction() as current:
        line = current.scalar(
            select(CartLine)
            .join(Cart, Cart.id == CartLine.cart_id)
            .where(CartLine.public_id == line_id, whose.condition())
        )
        if line is None:
            return "", 0
        sku, quantity = line.variant.sku, line.quantity
        current.delete(line)
        return sku, quantity


def accept_prices(cart_id: int) -> None:
    """The shopper saw today's prices and goes on."""
    with transaction() as current:
        current.execute(
            update(CartLine)
            .where(CartLine.cart_id == cart_id, CartLine.variant_id == Variant.id)
            .values(seen_price_minor=now_expression())
        )


@dataclass(frozen=True)
class Merged:
    """What signing in did to the cart: units in it now, and what came along, as sentences."""

    quantity: int
    sentences: tuple[str, ...]


def merge(token: str | None, user_id: int) -> Merged:
    """Signing in: the browser's cart becomes the shopper's own, or is poured into it, capped to stock.

    Quantities of the same variant are added up, to what is available at most.
    """
    try:
        return _merge(token, user_id)
    except IntegrityError:
        # Another device made the shopper's first cart at the same moment; now there is one to pour into.
        return _merge(token, user_id)


def _merge(token: str | None, user_id: int) -> Merged:
    with transaction() as current:
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended('cart of user', :user_id))")
        current.execute(lock, {"user_id": user_id})
        own = current.scalar(select(Cart).where(Whose(user_id=user_id).condition()).with_for_update())
        brought = current.scalar(select(Cart).where(Whose(token=token).condition()).with_for_update())
        if brought is None:
            return Merged(_units(own.id) if own else 0, ())
        if own is None:
            brought.user_id = user_id
            return Merged(_units(brought.id), ())
        sentences = _pour(brought, own)
        return Merged(_units(own.id), sentences)


def _pour(source: Cart, target: Cart) -> tuple[str, ...]:
    stock = available([line.variant_id for line in source.lines])
    have = {line.variant_id: line for line in target.lines}
    sentences = []
    for line in list(source.lines):
        old = have.get(line.variant_id)
        wanted = line.quantity + (old.quantity if old else 0)
        left = stock[line.variant_id]
        kept = max(_quantities(line.variant).fit(wanted, left), old.quantity if old else 1)
        name = line.variant.product.name
        _put(target.id, line.variant_id, kept, line.seen_price_minor)
        cut = "" if kept >= wanted else f" (only {left} left)" if left < wanted else f" (no more than {kept} at once)"
        sentences.append(f"{name}, {kept} in your cart{cut}")
    source.status = "merged"
    return tuple(sentences)


def _put(cart_id: int, variant_id: int, quantity: int, seen_price_minor: int) -> None:
    row = upsert(CartLine).values(
        cart_id=cart_id, variant_id=variant_id, quantity=quantity, seen_price_minor=seen_price_minor
    )
    session().execute(row.on_conflict_do_update(index_elements=["cart_id", "variant_id"], set_={"quantity": quantity}))


def put_back(whose: Whose, lines: list[tuple[int, int, int]]) -> Added:
    """Put (variant id, quantity, price seen in minor units) lines into the open cart, making one when there is none."""
    try:
        return _put_back(whose, lines)
    except IntegrityError:
        # Another tab made the shopper's cart at the same moment; now there is one to put them into.
        return _put_back(whose, lines)


def _put_back(whose: Whose, lines: list[tuple[int, int, int]]) -> Added:
    with transaction() as current:
        cart = current.scalar(select(Cart).where(whose.condition()).with_for_update())
        token = whose.token
        if cart is None:
            token = random_token()
            cart = Cart(currency=runtime.settings().currency, user_id=whose.user_id, token_digest=digest(token))
            current.add(cart)
            current.flush()
        have = {line.variant_id: line.quantity for line in cart.lines}
        for variant_id, quantity, price_minor in lines:
            _put(cart.id, variant_id, max(quantity, have.get(variant_id, 0)), price_minor)
        return Added(token or "", _units(cart.id), "")


def _units(cart_id: int) -> int:
    return int(
        session().scalar(select(func.coalesce(func.sum(CartLine.quantity), 0)).where(CartLine.cart_id == cart_id)) or 0
    )


def forget_abandoned() -> None:
    """Drop guests' carts to which nothing was added for 90 days; their cookies have ended too."""
    with transaction() as current:
        current.execute(FORGET)


FORGET = text("""
    DELETE FROM carts WHERE id IN (
        SELECT c.id FROM carts c
        WHERE c.user_id IS NULL AND c.status = 'open' AND c.updated_at < now() - interval '90 days'
          AND NOT EXISTS (SELECT 1 FROM cart_lines l
                          WHERE l.cart_id = c.id AND l.created_at > now() - interval '90 days')
        LIMIT 1000)
""")
