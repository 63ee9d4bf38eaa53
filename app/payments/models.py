"""Money: what an order is owed, every try to get it, what was sent back or is disputed, and every message about it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CHAR, BigInteger, CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, exists, text
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from app.lib.db import Base, CreatedAt, Minor, Model
from app.lib.money import Money

NOT_FOR_SHOPPERS = ("no_answer", "not_configured")  # error codes whose message names settings and requests
OPEN_STATES = ("created", "pending", "authorised", "unknown")


class Payment(Model):
    """What an order is owed. Whether it is paid follows from its attempts and refunds, never from here."""

    __tablename__ = "payments"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"), unique=True)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(CHAR(3))
    created_at: Mapped[CreatedAt]

    attempts: Mapped[list["Attempt"]] = relationship(back_populates="payment", order_by="Attempt.id")

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Attempt(Model):
    """One try at one provider; never deleted. `reference` is random and names it to the outside.

    `review` says why a person should look: amount, currency, receipt, late, second; empty when all is well.
    `network_digest` and `session_digest` say without personal data who tried, so that tries can be counted.
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        CheckConstraint(
            "state IN ('created', 'pending', 'authorised', 'paid', 'failed', 'expired', 'cancelled', 'unknown')",
            name="state_known",
        ),
        CheckConstraint("captured_minor >= 0", name="captured_not_negative"),
        CheckConstraint("(state = 'paid') = (captured_minor > 0)", name="captured_when_paid"),
        CheckConstraint("refunded_minor >= 0 AND refunded_minor <= captured_minor", name="refunded_within_captured"),
        Index(
            "uq_payment_attempts_provider_provider_ref",
            "provider",
            "provider_ref",
            unique=True,
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
        Index(
            "ix_payment_attempts_provider_payment_ref",
            "provider",
            "provider_payment_ref",
            postgresql_where=text("provider_payment_ref IS NOT NULL"),
        ),
        Index(
            "ix_payment_attempts_open",
            "check_at",
            postgresql_where=text("state IN ('created', 'pending', 'authorised', 'unknown')"),
        ),
        Index("ix_payment_attempts_payment_id", "payment_id"),
        Index("ix_payment_attempts_created_at", "created_at"),
    )

    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id", ondelete="RESTRICT"))
    reference: Mapped[str] = mapped_column(unique=True)
    provider: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="created")
    review: Mapped[str] = mapped_column(server_default="")
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(CHAR(3))
    captured_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    captured_currency: Mapped[str | None] = mapped_column(CHAR(3))
    refunded_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    provider_ref: Mapped[str | None]
    provider_payment_ref: Mapped[str | None]
    next_url: Mapped[str | None]
    next_message: Mapped[str] = mapped_column(server_default="")
    payer_phone: Mapped[str] = mapped_column(server_default="")
    network_digest: Mapped[str] = mapped_column(server_default="")
    session_digest: Mapped[str] = mapped_column(server_default="")
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    check_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(server_default="0")

    payment: Mapped[Payment] = relationship(back_populates="attempts")
    refunds: Mapped[list["Refund"]] = relationship(back_populates="attempt", order_by="Refund.id")
    disputes: Mapped[list["Dispute"]] = relationship(back_populates="attempt", order_by="Dispute.id")

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def sentence(self) -> str:
        """Why it came to nothing, for the shopper. What went wrong between the shop and a provider is for staff."""
        if self.error_code in NOT_FOR_SHOPPERS:
            return "The payment could not be started, and nothing was taken."
        return self.error_message or ""

    @property
    def captured(self) -> Money:
        return Money(self.captured_minor, self.captured_currency or self.currency)

    @property
    def left(self) -> Money:
        """What of its money was not sent back yet; refunds on their way count as sent."""
        promised = sum(refund.amount_minor for refund in self.refunds if refund.state != "failed")
        return self.captured - Money(promised, self.captured.currency)

    def covers(self, amount: Money) -> bool:
        """Whether what is left of its money pays the amount, in the same currency."""
        return self.left.currency == amount.currency and amount <= self.left


class Credit(Model):
    """What of an order the shopper need not pay after all: units, delivery, or an amount out of goodwill.

    Its refunds carry the money, its credit note (an id of `documents`) is the paper. `amount_minor` is with tax.
    """

    __tablename__ = "credits"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("shipping_minor >= 0 AND other_minor >= 0", name="parts_not_negative"),
        CheckConstraint("tax_minor >= 0 AND tax_minor <= amount_minor", name="tax_within_amount"),
        Index("ix_credits_order_id", "order_id"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    key: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[Minor]
    tax_minor: Mapped[Minor]
    shipping_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    other_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    reason: Mapped[str]
    actor_id: Mapped[int | None]
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id", ondelete="RESTRICT"))
    created_at: Mapped[CreatedAt]

    lines: Mapped[list["CreditLine"]] = relationship(back_populates="credit", order_by="CreditLine.id")
    refunds: Mapped[list["Refund"]] = relationship(back_populates="credit", order_by="Refund.id")


class CreditLine(Model):
    """Units of one order line given back. `amount_minor` is with tax; `restocked` of them went back on the shelf."""

    __tablename__ = "credit_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("restocked >= 0 AND restocked <= quantity", name="restocked_within_quantity"),
        CheckConstraint("amount_minor >= 0 AND tax_minor >= 0", name="amounts_not_negative"),
        Index("uq_credit_lines_credit_id_order_line_id", "credit_id", "order_line_id", unique=True),
        Index("ix_credit_lines_order_line_id", "order_line_id"),
    )

    credit_id: Mapped[int] = mapped_column(ForeignKey("credits.id", ondelete="CASCADE"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_lines.id", ondelete="RESTRICT"))
    quantity: Mapped[int]
    amount_minor: Mapped[Minor]
    tax_minor: Mapped[Minor]
    restocked: Mapped[int] = mapped_column(BigInteger, server_default="0")

    credit: Mapped[Credit] = relationship(back_populates="lines")


class Refund(Model):
    """Money sent back, or on its way. Pending ones count against what is left to refund.

    `kind` is "refund" through the provider, "by_hand" when a person sends it some other way and notes the
    `provider_ref`, "dispute" when a bank took it.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="state_known"),
        CheckConstraint("kind IN ('refund', 'by_hand', 'dispute')", name="kind_known"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_refunds_attempt_id", "attempt_id"),
        Index("ix_refunds_credit_id", "credit_id", postgresql_where=text("credit_id IS NOT NULL")),
        Index("ix_refunds_pending", "attempt_id", postgresql_where=text("state = 'pending'")),
    )

    attempt_id: Mapped[int] = mapped_column(ForeignKey("payment_attempts.id", ondelete="RESTRICT"))
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("credits.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(server_default="refund")
    reference: Mapped[str] = mapped_column(unique=True)
    provider_ref: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str]
    error: Mapped[str | None]
    actor_id: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None]

    attempt: Mapped[Attempt] = relationship(back_populates="refunds")
    credit: Mapped[Credit | None] = relationship(back_populates="refunds")

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Dispute(Model):
    """A bank asks for a payment back. It never moves goods or orders; lost, its money counts as sent back."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'won', 'lost')", name="state_known"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("uq_disputes_attempt_id_provider_ref", "attempt_id", "provider_ref", unique=True),
    )

    attempt_id: Mapped[int] = mapped_column(ForeignKey("payment_attempts.id", ondelete="RESTRICT"))
    provider_ref: Mapped[str]
    state: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str] = mapped_column(server_default="")
    answer_by: Mapped[datetime | None]
    opened_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]

    attempt: Mapped[Attempt] = relationship(back_populates="disputes")

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class WebhookEvent(Model):
    """A provider's message, raw, kept once: (provider, event key) is unique."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        CheckConstraint("state IN ('received', 'processed', 'ignored', 'orphan', 'failed')", name="state_known"),
        Index("uq_webhook_events_provider_event_key", "provider", "event_key", unique=True),
        Index("ix_webhook_events_provider_id", "provider", "id"),
        Index(
            "ix_webhook_events_unfinished",
            "state",
            "id",
            postgresql_where=text("state IN ('received', 'orphan', 'failed')"),
        ),
        *(
            Index(f"ix_webhook_events_{name}", name, postgresql_where=text(f"{name} IS NOT NULL"))
            for name in ("reference", "provider_ref", "provider_payment_ref")
        ),
    )

    provider: Mapped[str]
    event_key: Mapped[str]
    type: Mapped[str]
    reference: Mapped[str | None]
    provider_ref: Mapped[str | None]
    provider_payment_ref: Mapped[str | None]
    subject: Mapped[str]
    claims: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(server_default="received")
    note: Mapped[str] = mapped_column(server_default="")
    received_at: Mapped[CreatedAt]
    processed_at: Mapped[datetime | None]


class PaymentIssue(Model):
    """Something about money that waits for staff; at most one open issue of a kind for an attempt."""

    __tablename__ = "payment_issues"
    __table_args__ = (
        Index(
            "uq_payment_issues_attempt_id_kind_open",
            "attempt_id",
            "kind",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    attempt_id: Mapped[int] = mapped_column(ForeignKey("payment_attempts.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    note: Mapped[str]
    opened_at: Mapped[CreatedAt]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[int | None]
    resolution: Mapped[str] = mapped_column(server_default="")


# Whether a bank has asked for the money and nobody knows yet who keeps it: read together with the attempt.
Attempt.is_disputed = column_property(
    exists().where(Dispute.attempt_id == Attempt.id, Dispute.state == "open").correlate_except(Dispute)
)


class ProviderHealth(Base):
    """How a provider fares: failures in a row, and until when nobody asks it. No row means that all is well."""

    __tablename__ = "provider_health"

    provider: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(BigInteger, server_default="0")
    closed_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(server_default="")
    failed_at: Mapped[datetime | None]


class BookComparison(Model):
    """One day's books of one provider laid beside ours; run again, the same row."""

    __tablename__ = "book_comparisons"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done', 'failed')", name="state_known"),
        Index("uq_book_comparisons_provider_day", "provider", "day", unique=True),
    )

    provider: Mapped[str]
    day: Mapped[date]
    state: Mapped[str] = mapped_column(server_default="running")
    theirs: Mapped[int] = mapped_column(BigInteger, server_default="0")
    ours: Mapped[int] = mapped_column(BigInteger, server_default="0")
    healed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    error: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]


class BookDifference(Model):
    """Where a provider's books and ours disagree even when asked again. Open until they agree, or staff say so."""

    __tablename__ = "book_differences"
    __table_args__ = (
        Index(
            "uq_book_differences_open",
            "provider",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    provider: Mapped[str]
    day: Mapped[date]
    kind: Mapped[str]
    subject: Mapped[str]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("payment_attempts.id", ondelete="RESTRICT"))
    theirs: Mapped[str]
    ours: Mapped[str]
    found_at: Mapped[CreatedAt]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[int | None]
    resolution: Mapped[str] = mapped_column(server_default="")


class DemoPayment(Base):
    """The demo provider's own books: what the built-in other end knows of a reference."""

    __tablename__ = "demo_payments"

    reference: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
