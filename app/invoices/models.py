"""The papers of the shop: invoices and credit notes, numbered without a gap and never changed."""

from typing import Any

from sqlalchemy import CHAR, BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import Base, CreatedAt, Minor, Model
from app.lib.money import Money


class Document(Model):
    """An invoice or a credit note, as it was issued: `content` holds everything printed on it. Append-only by trigger.

    `amount_minor` is the total with tax, of a credit note what is given back. `number` is the series' prefix and
    `serial`.
    """

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind_known"),
        CheckConstraint("amount_minor > 0 AND tax_minor >= 0 AND tax_minor <= amount_minor", name="amounts_sane"),
        Index("uq_documents_kind_serial", "kind", "serial", unique=True),
        Index("ix_documents_order_id", "order_id"),
        Index("uq_documents_invoice_of", "order_id", unique=True, postgresql_where=text("kind = 'invoice'")),
    )

    kind: Mapped[str]
    serial: Mapped[int]
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    currency: Mapped[str] = mapped_column(CHAR(3))
    amount_minor: Mapped[Minor]
    tax_minor: Mapped[Minor]
    content: Mapped[dict[str, Any]]
    issued_at: Mapped[CreatedAt]

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Series(Base):
    """The last number used of each kind; taken in the transaction that issues the paper, so that none is lost."""

    __tablename__ = "document_series"

    kind: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger, server_default="0")
