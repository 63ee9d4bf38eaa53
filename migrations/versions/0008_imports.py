"""Formats of the wide pictures of the home page."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "home_panels",
        sa.Column(
            "formats", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[\"webp\"]'"), nullable=False
        ),
    )


def downgrade() -> None:
    op.drop_column("home_panels", "formats")
