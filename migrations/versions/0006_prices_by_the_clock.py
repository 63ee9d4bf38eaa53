"""A price event knows the sale that was planned; an order line what was said of when it leaves."""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("price_events", sa.Column("sale_minor", sa.BigInteger(), nullable=True))
    op.add_column("price_events", sa.Column("sale_starts_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("price_events", sa.Column("sale_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_lines", sa.Column("ships", sa.String(), server_default="", nullable=False))
    op.create_index(
        "ix_variants_low_stock_at",
        "variants",
        ["low_stock_at"],
        unique=False,
        postgresql_where=sa.text("low_stock_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_variants_low_stock_at", table_name="variants")
    op.drop_column("order_lines", "ships")
    op.drop_column("price_events", "sale_ends_at")
    op.drop_column("price_events", "sale_starts_at")
    op.drop_column("price_events", "sale_minor")
