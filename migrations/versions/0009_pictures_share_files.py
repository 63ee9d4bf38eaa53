"""Pictures may share their files: a large synthetic catalogue has a small pool of them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("uq_images_key"), "images", type_="unique")
    op.create_index(op.f("ix_images_key"), "images", ["key"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_images_key"), table_name="images")
    op.create_unique_constraint(op.f("uq_images_key"), "images", ["key"])
