"""Money that heals: credits and their papers, disputes, health of providers, comparison of books, cash on delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUND_KINDS = "kind IN ('refund', 'by_hand', 'dispute')"
RETURNED = "returned >= 0 AND returned <= quantity"
OLD_STATES = "status IN ('pending', 'paid', 'packed', 'shipped', 'delivered', 'cancelled')"
STATES = "status IN ('pending', 'confirmed', 'paid', 'packed', 'shipped', 'delivered', 'cancelled')"


def upgrade() -> None:
    op.create_table(
        "book_comparisons",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), server_default="running", nullable=False),
        sa.Column("theirs", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ours", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("healed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_book_comparisons_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_comparisons")),
    )
    op.create_index("uq_book_comparisons_provider_day", "book_comparisons", ["provider", "day"], unique=True)
    op.create_table(
        "document_series",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_document_series")),
    )
    op.create_table(
        "provider_health",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), server_default="", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_health")),
    )
    op.create_table(
        "documents",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_documents_kind_known")),
        sa.CheckConstraint(
            "amount_minor > 0 AND tax_minor >= 0 AND tax_minor <= amount_minor", name=op.f("ck_documents_amounts_sane")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_documents_order_id_orders"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("number", name=op.f("uq_documents_number")),
    )
    op.create_index("ix_documents_order_id", "documents", ["order_id"], unique=False)
    op.create_index(
        "uq_documents_invoice_of", "documents", ["order_id"], unique=True, postgresql_where=sa.text("kind = 'invoice'")
    )
    op.create_index("uq_documents_kind_serial", "documents", ["kind", "serial"], unique=True)
    op.create_table(
        "credits",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("shipping_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("other_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credits_amount_positive")),
        sa.CheckConstraint("shipping_minor >= 0 AND other_minor >= 0", name=op.f("ck_credits_parts_not_negative")),
        sa.CheckConstraint("tax_minor >= 0 AND tax_minor <= amount_minor", name=op.f("ck_credits_tax_within_amount")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_credits_document_id_documents"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_credits_order_id_orders"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
        sa.UniqueConstraint("key", name=op.f("uq_credits_key")),
    )
    op.create_index("ix_credits_order_id", "credits", ["order_id"], unique=False)
    op.create_table(
        "book_differences",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("theirs", sa.String(), nullable=False),
        sa.Column("ours", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.String(), server_default="", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["payment_attempts.id"],
            name=op.f("fk_book_differences_attempt_id_payment_attempts"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_differences")),
    )
    op.create_index(
        "uq_book_differences_open",
        "book_differences",
        ["provider", "kind", "subject"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "credit_lines",
        sa.Column("credit_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("restocked", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("amount_minor >= 0 AND tax_minor >= 0", name=op.f("ck_credit_lines_amounts_not_negative")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_credit_lines_quantity_positive")),
        sa.CheckConstraint(
            "restocked >= 0 AND restocked <= quantity", name=op.f("ck_credit_lines_restocked_within_quantity")
        ),
        sa.ForeignKeyConstraint(
            ["credit_id"], ["credits.id"], name=op.f("fk_credit_lines_credit_id_credits"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["order_lines.id"],
            name=op.f("fk_credit_lines_order_line_id_order_lines"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_lines")),
    )
    op.create_index("ix_credit_lines_order_line_id", "credit_lines", ["order_line_id"], unique=False)
    op.create_index(
        "uq_credit_lines_credit_id_order_line_id", "credit_lines", ["credit_id", "order_line_id"], unique=True
    )
    op.create_table(
        "disputes",
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'won', 'lost')", name=op.f("ck_disputes_state_known")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_disputes_amount_positive")),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["payment_attempts.id"],
            name=op.f("fk_disputes_attempt_id_payment_attempts"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index("uq_disputes_attempt_id_provider_ref", "disputes", ["attempt_id", "provider_ref"], unique=True)
    op.add_column(
        "orders", sa.Column("pays_on_delivery", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("payment_attempts", sa.Column("next_message", sa.String(), server_default="", nullable=False))
    op.add_column("payment_attempts", sa.Column("payer_phone", sa.String(), server_default="", nullable=False))
    op.add_column("payment_attempts", sa.Column("network_digest", sa.String(), server_default="", nullable=False))
    op.add_column("payment_attempts", sa.Column("session_digest", sa.String(), server_default="", nullable=False))
    op.create_index("ix_payment_attempts_created_at", "payment_attempts", ["created_at"], unique=False)
    op.drop_column("payment_attempts", "is_disputed")
    op.add_column("refunds", sa.Column("credit_id", sa.BigInteger(), nullable=True))
    op.add_column("refunds", sa.Column("kind", sa.String(), server_default="refund", nullable=False))
    op.create_index(
        "ix_refunds_credit_id",
        "refunds",
        ["credit_id"],
        unique=False,
        postgresql_where=sa.text("credit_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_refunds_credit_id_credits"), "refunds", "credits", ["credit_id"], ["id"], ondelete="RESTRICT"
    )
    op.add_column("reservations", sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.create_check_constraint(op.f("ck_refunds_kind_known"), "refunds", REFUND_KINDS)
    op.create_index(
        "ix_refunds_pending", "refunds", ["attempt_id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index("ix_webhook_events_provider_id", "webhook_events", ["provider", "id"], unique=False)
    op.create_index(
        "ix_webhook_events_unfinished",
        "webhook_events",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('received', 'orphan', 'failed')"),
    )
    op.create_check_constraint(op.f("ck_reservations_returned_within_quantity"), "reservations", RETURNED)
    op.drop_constraint(op.f("ck_orders_status_known"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_status_known"), "orders", STATES)


def downgrade() -> None:
    op.execute("UPDATE orders SET status = 'pending' WHERE status = 'confirmed'")
    op.drop_constraint(op.f("ck_orders_status_known"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_status_known"), "orders", OLD_STATES)
    op.drop_constraint(op.f("ck_reservations_returned_within_quantity"), "reservations", type_="check")
    op.drop_index("ix_webhook_events_unfinished", table_name="webhook_events")
    op.drop_index("ix_webhook_events_provider_id", table_name="webhook_events")
    op.drop_index("ix_refunds_pending", table_name="refunds", postgresql_where=sa.text("state = 'pending'"))
    op.drop_constraint(op.f("ck_refunds_kind_known"), "refunds", type_="check")
    op.drop_column("reservations", "returned")
    op.drop_constraint(op.f("fk_refunds_credit_id_credits"), "refunds", type_="foreignkey")
    op.drop_index("ix_refunds_credit_id", table_name="refunds", postgresql_where=sa.text("credit_id IS NOT NULL"))
    op.drop_column("refunds", "kind")
    op.drop_column("refunds", "credit_id")
    op.add_column(
        "payment_attempts",
        sa.Column("is_disputed", sa.BOOLEAN(), server_default=sa.text("false"), autoincrement=False, nullable=False),
    )
    op.drop_index("ix_payment_attempts_created_at", table_name="payment_attempts")
    op.drop_column("payment_attempts", "session_digest")
    op.drop_column("payment_attempts", "network_digest")
    op.drop_column("payment_attempts", "payer_phone")
    op.drop_column("payment_attempts", "next_message")
    op.drop_column("orders", "pays_on_delivery")
    op.drop_index("uq_disputes_attempt_id_provider_ref", table_name="disputes")
    op.drop_table("disputes")
    op.drop_index("uq_credit_lines_credit_id_order_line_id", table_name="credit_lines")
    op.drop_index("ix_credit_lines_order_line_id", table_name="credit_lines")
    op.drop_table("credit_lines")
    op.drop_index(
        "uq_book_differences_open", table_name="book_differences", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_table("book_differences")
    op.drop_index("ix_credits_order_id", table_name="credits")
    op.drop_table("credits")
    op.drop_index("uq_documents_kind_serial", table_name="documents")
    op.drop_index("uq_documents_invoice_of", table_name="documents", postgresql_where=sa.text("kind = 'invoice'"))
    op.drop_index("ix_documents_order_id", table_name="documents")
    op.drop_table("documents")
    op.drop_table("provider_health")
    op.drop_table("document_series")
    op.drop_index("uq_book_comparisons_provider_day", table_name="book_comparisons")
    op.drop_table("book_comparisons")
