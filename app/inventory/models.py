"""Stock: how many there are, how many are held, and every movement there ever was."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import Base, CreatedAt, Model


class StockItem(Base):
    """The two counters of a variant; available = on hand - reserved, never stored.

    `backorder_limit` units may be promised beyond what is there; then on hand falls below zero by what is owed.
    Narrow, without an index on the counters and with room on each page, so that a sale is a HOT update.
    """

    __tablename__ = "stock_items"
    __table_args__ = (
        CheckConstraint("backorder_limit >= 0", name="backorder_limit_not_negative"),
        CheckConstraint("on_hand >= -backorder_limit", name="on_hand_not_negative"),
        CheckConstraint("reserved >= 0 AND reserved <= on_hand + backorder_limit", name="reserved_within_on_hand"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    variant_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    on_hand: Mapped[int] = mapped_column(server_default="0")
    reserved: Mapped[int] = mapped_column(server_default="0")
    backorder_limit: Mapped[int] = mapped_column(server_default="0")


class Reservation(Model):
    """Units of a variant held for an order until `expires_at`; compared at read, so no job is needed.

    `returned` of those that were taken went back on the shelf.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("returned >= 0 AND returned <= quantity", name="returned_within_quantity"),
        CheckConstraint("state IN ('held', 'taken', 'released')", name="state_known"),
        Index("ix_reservations_held", "variant_id", "expires_at", postgresql_where=text("state = 'held'")),
        Index("ix_reservations_order_id", "order_id"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    quantity: Mapped[int]
    returned: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="held")
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class StockMovement(Model):
    """One line of the ledger: by how much each counter moved, why, and who did it. Append-only by trigger."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint("reason IN ('import', 'manual', 'reserve', 'release', 'sale', 'restock')", name="reason_known"),
        Index("ix_stock_movements_variant_id", "variant_id", "id"),
    )

    variant_id: Mapped[int]
    on_hand_change: Mapped[int]
    reserved_change: Mapped[int]
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    order_id: Mapped[int | None]
    actor_id: Mapped[int | None]
    created_at: Mapped[CreatedAt]
