"""The catalogue as a file and back."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_images_undescribed", "images", ["product_id"], postgresql_where=sa.text("alt = ''"))
    op.create_table(
        "catalog_exports",
        sa.Column("public_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("parts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("after_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'done')", name=op.f("ck_catalog_exports_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_exports")),
        sa.UniqueConstraint("public_id", name=op.f("uq_catalog_exports_public_id")),
    )
    counts = ("size_bytes", "offset_bytes", "position", "new", "changed", "unchanged", "wrong", "done")
    op.create_table(
        "catalog_imports",
        sa.Column("public_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), server_default="checking", nullable=False),
        sa.Column("mode", sa.String(), server_default="", nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        *[sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in counts],
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('checking', 'checked', 'applying', 'applied', 'refused')",
            name=op.f("ck_catalog_imports_state_known"),
        ),
        sa.CheckConstraint("mode IN ('', 'batches', 'whole')", name=op.f("ck_catalog_imports_mode_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_imports")),
        sa.UniqueConstraint("public_id", name=op.f("uq_catalog_imports_public_id")),
    )
    op.create_table(
        "catalog_import_rows",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint(
            "verdict IN ('new', 'changed', 'wrong', 'done')", name=op.f("ck_catalog_import_rows_verdict_known")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["catalog_imports.id"],
            name=op.f("fk_catalog_import_rows_import_id_catalog_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_catalog_import_rows")),
    )


def downgrade() -> None:
    op.drop_table("catalog_import_rows")
    op.drop_table("catalog_imports")
    op.drop_table("catalog_exports")
    op.drop_index("ix_images_undescribed", table_name="images")
