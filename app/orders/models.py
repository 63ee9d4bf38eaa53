"""Orders: what was agreed. Names, prices and taxes are copied and never follow the catalogue."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    Sequence,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.lib.db import Base, CreatedAt, Minor, Model
from app.lib.money import Money

# Numbers people read aloud; knowing one opens nothing, because access needs the order's key.
number_sequence = Sequence("order_numbers", start=10001, metadata=Base.metadata)


class Order(Model):
    """An agreement. `total = subtotal - discount + shipping + tax added on top` holds by constraint."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(
            "status IN ('pending', 'confirmed', 'paid', 'packed', 'shipped', 'delivered', 'cancelled')",
            name="status_known",
        ),
        CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + shipping_minor"
            " + CASE WHEN prices_include_tax THEN 0 ELSE tax_minor END",
            name="total_adds_up",
        ),
        CheckConstraint(
            "subtotal_minor >= 0 AND discount_minor >= 0 AND shipping_minor >= 0 AND tax_minor >= 0"
            " AND total_minor >= 0",
            name="figures_not_negative",
        ),
        Index("ix_orders_user_id", "user_id", "id"),
        Index("ix_orders_email", "email"),
        Index("ix_orders_status", "status", "id"),
        Index("ix_orders_paid_at", "paid_at", postgresql_where=text("paid_at IS NOT NULL")),
        Index("ix_orders_unpaid", "hold_expires_at", postgresql_where=text("status = 'pending'")),
    )

    number: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str]
    cart_id: Mapped[int | None] = mapped_column(ForeignKey("carts.id", ondelete="SET NULL"), unique=True)
    checkout_key: Mapped[str | None] = mapped_column(unique=True)
    checkout_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(server_default="pending")
    cancel_reason: Mapped[str | None]
    pays_on_delivery: Mapped[bool] = mapped_column(server_default=text("false"))
    email: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(server_default="")
    line1: Mapped[str]
    line2: Mapped[str] = mapped_column(server_default="")
    city: Mapped[str]
    region: Mapped[str] = mapped_column(server_default="")
    postcode: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(CHAR(2))
    currency: Mapped[str] = mapped_column(CHAR(3))
    subtotal_minor: Mapped[Minor]
    discount_minor: Mapped[Minor]
    shipping_minor: Mapped[Minor]
    tax_minor: Mapped[Minor]
    total_minor: Mapped[Minor]
    prices_include_tax: Mapped[bool]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(7, 6))
    shipping_method: Mapped[str]
    shipping_name: Mapped[str]
    terms_version: Mapped[str]
    terms_accepted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    news_consent_at: Mapped[datetime | None]
    hold_expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    tracking_number: Mapped[str] = mapped_column(server_default="")
    placed_at: Mapped[CreatedAt]
    paid_at: Mapped[datetime | None]

    lines: Mapped[list["OrderLine"]] = relationship(back_populates="order", order_by="OrderLine.id")
    events: Mapped[list["OrderEvent"]] = relationship(order_by="OrderEvent.id")

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    @property
    def total(self) -> Money:
        return self.money(self.total_minor)

    @property
    def quantities(self) -> dict[int, int]:
        """Units of each variant, without lines whose variant no longer exists."""
        units: dict[int, int] = {}
        for line in self.lines:
            if line.variant_id is not None:
                units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
        return units

    @property
    def unsold_line(self) -> "OrderLine | None":
        """A line whose variant no longer exists, so that it cannot be held or sent any more."""
        return next((line for line in self.lines if line.variant_id is None), None)

    @property
    def is_pending(self) -> bool:
        return self.status == "pending"

    @property
    def is_due_at_the_door(self) -> bool:
        """Whether it goes out, or went out, before it is paid."""
        return self.pays_on_delivery and self.paid_at is None and self.status != "cancelled"

    @property
    def awaits_money(self) -> bool:
        """Whether money that comes now pays it: nobody has paid all of it yet, and it was not given up."""
        return self.is_pending or self.is_due_at_the_door

    @property
    def hold_is_over(self) -> bool:
        return self.hold_expires_at <= datetime.now(UTC)


class OrderLine(Model):
    """What was bought, as it was called and priced then. `tax_minor` is in or on top of `total_minor`.

    `ships` is what was said of when it leaves; empty when all of it was on the shelf.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("total_minor = unit_price_minor * quantity - discount_minor", name="total_adds_up"),
        Index("ix_order_lines_order_id", "order_id"),
        Index("ix_order_lines_sku", "sku"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    sku: Mapped[str]
    name: Mapped[str]
    options_text: Mapped[str] = mapped_column(server_default="")
    image_key: Mapped[str] = mapped_column(server_default="")
    ships: Mapped[str] = mapped_column(server_default="")
    quantity: Mapped[int]
    unit_price_minor: Mapped[Minor]
    discount_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tax_minor: Mapped[Minor]
    total_minor: Mapped[Minor]

    order: Mapped[Order] = relationship(back_populates="lines")


class OrderEvent(Model):
    """Something that happened to an order: who, when, what was, what is. Append-only by trigger.

    `kind` is moved, note, payment, refund, mail, …; `is_internal` keeps it from the shopper.
    """

    __tablename__ = "order_events"
    __table_args__ = (Index("ix_order_events_order_id", "order_id", "id"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    kind: Mapped[str]
    was: Mapped[str | None]
    now: Mapped[str | None]
    note: Mapped[str] = mapped_column(server_default="")
    channel: Mapped[str] = mapped_column(server_default="")
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(server_default="")
    is_internal: Mapped[bool] = mapped_column(server_default=text("false"))
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
