"""Carts: what may still change."""

import uuid

from sqlalchemy import CHAR, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalog.models import Variant
from app.lib.db import CreatedAt, Model


class Cart(Model):
    """A shopper's lines. A signed-in shopper has at most one open cart, on every device."""

    __tablename__ = "carts"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'ordered', 'merged')", name="status_known"),
        Index(
            "uq_carts_user_id_open",
            "user_id",
            unique=True,
            postgresql_where=text("status = 'open' AND user_id IS NOT NULL"),
        ),
        Index("ix_carts_updated_at", "updated_at"),
    )

    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(server_default="open")
    currency: Mapped[str] = mapped_column(CHAR(3))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    lines: Mapped[list["CartLine"]] = relationship(
        back_populates="cart", order_by="CartLine.id", cascade="all, delete-orphan"
    )


class CartLine(Model):
    """A variant and how many. `seen_price_minor` is the price the shopper last saw, to tell when it rose."""

    __tablename__ = "cart_lines"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_in_range"),
        Index("uq_cart_lines_cart_id_variant_id", "cart_id", "variant_id", unique=True),
    )

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"))
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"), index=True)
    quantity: Mapped[int]
    seen_price_minor: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]

    cart: Mapped[Cart] = relationship(back_populates="lines")
    variant: Mapped[Variant] = relationship()
