"""The cast and their things, made through the same services as in the shop. Say only what matters to a test."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import select, text

from app.auth.models import User
from app.auth.passwords import hashed
from app.cart import services as carts
from app.cart.queries import Whose
from app.catalog.models import Category, Product, Variant
from app.checkout import services as checkout
from app.checkout.services import Wishes
from app.inventory import services as inventory
from app.inventory.models import StockItem
from app.lib import runtime
from app.lib.db import session, transaction
from app.orders.models import Order
from app.orders.services import Actor, Recipient

_count = itertools.count(1)

ADA = {
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "line1": "1 Main Street",
    "line2": "",
    "city": "Portland",
    "region": "OR",
    "postcode": "97209",
    "country": "US",
    "phone": "",
}


def a_category(*, name: str = "Shirts", parent: Category | None = None) -> Category:
    number = next(_count)
    with transaction() as current:
        new_id = current.scalar(
            text("""
                WITH fresh AS (SELECT nextval(pg_get_serial_sequence('categories', 'id')) AS id)
                INSERT INTO categories (id, parent_id, path, name, slug) OVERRIDING SYSTEM VALUE
                SELECT id, :parent, (:path || id)::ltree, :name, :slug FROM fresh RETURNING id
            """),
            {
                "parent": parent.id if parent else None,
                "path": f"{parent.path}." if parent else "",
                "name": name,
                "slug": f"shirts-{number}",
            },
        )
    return session().get_one(Category, new_id)


def a_product(*, name: str | None = None, status: str = "active", category: Category | None = None) -> Product:
    number = next(_count)
    category = category or a_category()
    with transaction() as current:
        product = Product(
            name=name or f"Shirt {number}",
            slug=f"shirt-{number}",
            description="A plain shirt.",
            category_id=category.id,
            status=status,
            published_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        current.add(product)
    return product


def a_variant(
    *, on_hand: int = 10, price: int = 1999, product: Product | None = None, sku: str | None = None
) -> Variant:
    """A variant on sale: `price` in minor units, `on_hand` units on the shelf."""
    number = next(_count)
    product = product or a_product()
    with transaction() as current:
        variant = Variant(
            product_id=product.id,
            sku=sku or f"SKU-{number}",
            option_key=str(number),
            options_text="Moss, M",
            price_minor=price,
            currency=runtime.settings().currency,
        )
        current.add(variant)
    if on_hand:
        inventory.receive(variant.id, on_hand)
    else:
        with transaction() as current:
            current.add(StockItem(variant_id=variant.id, on_hand=0))
    return variant


def a_cart(*lines: Variant | tuple[Variant, int], user: User | None = None) -> Whose:
    """A cart with one unit of each variant, or as many as the tuple says."""
    whose = Whose(user_id=user.id if user else None)
    for line in lines:
        variant, quantity = line if isinstance(line, tuple) else (line, 1)
        added = carts.add_line(whose, variant.sku, quantity)
        whose = Whose(added.token, whose.user_id)
    return whose


def wishes(**changes: Any) -> Wishes:
    return Wishes(Recipient(**{**ADA, **changes}), "standard", wants_news=False)


def an_order(*lines: Variant | tuple[Variant, int], user: User | None = None, **changes: Any) -> Order:
    """A pending order with its stock held."""
    number, _ = place(a_cart(*(lines or (a_variant(),)), user=user), **changes)
    return order_named(number)


def place(whose: Whose, *, key: str = "", **changes: Any) -> tuple[str, str]:
    """Place the order of a cart as Ada would; gives back its number and key."""
    return checkout.place_order(
        whose, wishes(**changes), key=key or f"key-{next(_count)}", actor=Actor("Ada"), reviewed=None
    )


def order_named(number: str) -> Order:
    """The order as it is in the database now."""
    session().rollback()
    session().expire_all()
    return (
        session().scalars(select(Order).where(Order.number == number).execution_options(populate_existing=True)).one()
    )


@dataclass(frozen=True)
class Stock:
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


def stock_of(variant: Variant | int) -> Stock:
    """The counters as they are in the database now."""
    variant_id = variant if isinstance(variant, int) else variant.id
    row = (
        session().execute(select(StockItem.on_hand, StockItem.reserved).where(StockItem.variant_id == variant_id)).one()
    )
    session().rollback()
    return Stock(row.on_hand, row.reserved)


def a_user(*, email: str = "ada@example.com", role: str = "shopper", name: str = "Ada Lovelace") -> User:
    """Somebody who can sign in with PASSWORD; role staff is Grace's, owner the owner's."""
    with transaction() as current:
        user = User(
            email=email,
            name=name,
            role=role,
            password_hash=known_hash(),
            email_verified_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        current.add(user)
    return user


@cache
def known_hash() -> str:
    """One hash serves everybody who has PASSWORD."""
    return hashed(PASSWORD)


PASSWORD = "correct horse battery staple"
