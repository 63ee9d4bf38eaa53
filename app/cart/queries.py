"""A cart as it is now: today's prices, today's stock, and what changed since the shopper looked."""

import functools
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal_column, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased

from app.cart.models import Cart, CartLine
from app.catalog.models import Image, Product, Variant
from app.catalog.prices import now_expression, was_expression
from app.catalog.quantities import Quantities
from app.catalog.supply import ships_words
from app.inventory.models import StockItem
from app.inventory.queries import available_expression
from app.lib import prepared, runtime
from app.lib.money import Money
from app.lib.tokens import digest
from app.pricing import PricedLine, TaxRule, Totals, totals


@dataclass(frozen=True)
class LineView:
    """A line ready to show. `available` is what can be bought now; `problem` says when that is too little.

    Of `available`, `later` units are promised before they are there; `supply` and `ships_on` say how and when.
    """

    public_id: uuid.UUID
    variant_id: int
    sku: str
    name: str
    slug: str
    options_text: str
    image_key: str
    quantity: int
    unit_price: Money
    compare_at: Money | None
    seen_price: Money
    available: int
    later: int
    supply: str
    ships_on: date | None
    quantities: Quantities
    is_on_sale: bool

    @property
    def amount(self) -> Money:
        return self.unit_price * self.quantity

    @property
    def most(self) -> int:
        return max(self.quantities.lowest, self.quantities.highest(self.available))

    @property
    def price_rose(self) -> bool:
        return self.seen_price < self.unit_price

    @property
    def can_be_bought(self) -> bool:
        return self.is_on_sale and self.available >= self.quantity and self.quantities.allows(self.quantity)

    @property
    def ships(self) -> str:
        """When units that are not there yet leave, as a sentence; empty when all of them are on the shelf."""
        if not self.can_be_bought:
            return ""
        late = min(self.quantity - (self.available - self.later), self.quantity)
        return ships_words(self.supply, self.ships_on, late=late, quantity=self.quantity)

    @property
    def problem(self) -> str:
        if not self.is_on_sale:
            return "No longer sold. Remove it to check out; the rest of the cart is kept."
        if self.available == 0:
            return "Just sold out. Remove it to check out; the rest of the cart is kept."
        if self.available < self.quantities.lowest:
            return f"Only {self.available} left, fewer than it is sold by. Remove it to check out."
        if self.available < self.quantity:
            return f"Only {self.available} left. Lower the quantity to check out."
        return self.quantities.refusal(self.name, self.quantity)


@dataclass(frozen=True)
class CartView:
    """A cart ready to show. `goods` are the lines that are sold; their totals are without delivery."""

    cart_id: int | None
    lines: tuple[LineView, ...]
    totals: Totals

    @property
    def quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def can_check_out(self) -> bool:
        return bool(self.lines) and all(line.can_be_bought for line in self.lines)

    @property
    def risen(self) -> tuple[LineView, ...]:
        return tuple(line for line in self.lines if line.price_rose)


@dataclass(frozen=True)
class Whose:
    """Whose cart: a shopper's on every device, or the one that this browser's cookie names."""

    token: str | None = None
    user_id: int | None = None

    def condition(self) -> ColumnElement[bool]:
        """SQL for the open cart of this person; a cart of a shopper is never opened by a cookie alone."""
        if self.user_id is not None:
            return _is_open_by("user_id", self.user_id)
        return _is_open_by("token_digest", digest(self.token or ""))


def _is_open_by(name: str, value: Any) -> ColumnElement[bool]:
    nobodys = [Cart.user_id.is_(None)] if name == "token_digest" else []
    return and_(getattr(Cart, name) == value, *nobodys, Cart.status == "open")


def view(whose: Whose) -> CartView:
    """The open cart, in one statement; an empty one when there is none."""
    if whose.user_id is not None:
        return _view("user_id", whose.user_id)
    return _view("token_digest", digest(whose.token)) if whose.token else empty()


def empty() -> CartView:
    return CartView(None, (), priced(()))


def _view(by: str, whose: int | bytes) -> CartView:
    rows = prepared.run(_lines_of_carts(by), {"whose": whose}).all()
    if not rows:
        return empty()
    lines = tuple(_line(row) for row in rows if row.line_id is not None)
    return CartView(rows[0].cart_id, lines, priced(lines))


@functools.cache
def _lines_of_carts(by: str) -> str:
    """SQL of the lines of the open cart whose `by` is :whose. Put together once: that takes as long as asking it."""
    first = aliased(Image)
    first_image = (
        select(first.key)
        .where(first.product_id == Product.id)
        .order_by(first.position, first.id)
        .limit(1)
        .scalar_subquery()
    )
    on_sale = and_(Product.status == "active", Product.published_at <= func.now(), Variant.is_active.is_(True))
    statement = (
        select(
            Cart.id.label("cart_id"),
            CartLine.id.label("line_id"),
            CartLine.public_id,
            CartLine.quantity,
            CartLine.seen_price_minor,
            Variant.id.label("variant_id"),
            Variant.sku,
            Variant.options_text,
            now_expression().label("price_minor"),
            was_expression().label("compare_at_minor"),
            Variant.currency,
            Product.name,
            Product.slug,
            func.coalesce(Image.key, first_image, "").label("image_key"),
            available_expression().label("available"),
            func.coalesce(StockItem.backorder_limit, 0).label("later"),
            Variant.supply,
            Variant.ships_on,
            Variant.min_quantity,
            Variant.max_quantity,
            Variant.quantity_step,
            func.coalesce(on_sale, False).label("is_on_sale"),
        )
        .select_from(Cart)
        .outerjoin(CartLine, CartLine.cart_id == Cart.id)
        .outerjoin(Variant, Variant.id == CartLine.variant_id)
        .outerjoin(Product, Product.id == Variant.product_id)
        .outerjoin(Image, Image.id == Variant.image_id)
        .outerjoin(StockItem, StockItem.variant_id == Variant.id)
        .where(_is_open_by(by, literal_column(":whose")))
        .order_by(CartLine.id)
    )
    return str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]


def _line(row: Row[Any]) -> LineView:
    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    return LineView(
        public_id=row.public_id,
        variant_id=row.variant_id,
        sku=row.sku,
        name=row.name,
        slug=row.slug,
        options_text=row.options_text,
        image_key=row.image_key,
        quantity=row.quantity,
        unit_price=money(row.price_minor),
        compare_at=money(row.compare_at_minor) if row.compare_at_minor is not None else None,
        seen_price=money(row.seen_price_minor),
        available=max(0, row.available),
        later=row.later,
        supply=row.supply,
        ships_on=row.ships_on,
        quantities=Quantities(row.min_quantity, row.max_quantity, row.quantity_step),
        is_on_sale=row.is_on_sale,
    )


def priced(lines: tuple[LineView, ...], shipping: Money | None = None) -> Totals:
    """The five figures of these lines; lines that are no longer sold cost nothing."""
    settings = runtime.settings()
    sold = [line for line in lines if line.is_on_sale]
    return totals(
        [PricedLine(line.sku, line.unit_price, line.quantity) for line in sold],
        shipping=shipping or Money(0, settings.currency),
        rule=TaxRule(settings.tax_rate, settings.prices_include_tax),
    )
