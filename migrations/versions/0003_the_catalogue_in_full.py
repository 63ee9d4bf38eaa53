"""The catalogue in full: sales by the clock, quantities, supply, attributes, tags, former addresses, formats."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VARIANT_RULES = {
    "sale_below": "sale_minor IS NULL OR (sale_minor >= 0 AND sale_minor < price_minor)",
    "sale_starts_first": "sale_starts_at < sale_ends_at",
    "quantities_positive": "min_quantity > 0 AND quantity_step > 0",
    "max_from_min": "max_quantity >= min_quantity",
    "supply_known": "supply IN ('stocked', 'backorder', 'preorder')",
}
STOCK_RULES = {
    "on_hand_not_negative": ("on_hand >= 0", "on_hand >= -backorder_limit"),
    "reserved_within_on_hand": (
        "reserved >= 0 AND reserved <= on_hand",
        "reserved >= 0 AND reserved <= on_hand + backorder_limit",
    ),
}


def upgrade() -> None:
    op.create_table(
        "attributes",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_filterable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attributes")),
        sa.UniqueConstraint("code", name=op.f("uq_attributes_code")),
    )
    op.create_table(
        "former_slugs",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('product', 'category', 'brand')", name=op.f("ck_former_slugs_kind_known")),
        sa.PrimaryKeyConstraint("kind", "slug", name=op.f("pk_former_slugs")),
    )
    op.create_index(op.f("ix_former_slugs_row_id"), "former_slugs", ["row_id"], unique=False)
    op.create_table(
        "attribute_values",
        sa.Column("attribute_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attribute_id"],
            ["attributes.id"],
            name=op.f("fk_attribute_values_attribute_id_attributes"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_values")),
    )
    op.create_index("uq_attribute_values_attribute_id_code", "attribute_values", ["attribute_id", "code"], unique=True)
    op.create_table(
        "category_pins",
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_category_pins_category_id_categories"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_category_pins_product_id_products"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("category_id", "product_id", name=op.f("pk_category_pins")),
    )
    op.create_index(op.f("ix_category_pins_product_id"), "category_pins", ["product_id"], unique=False)
    op.create_table(
        "product_attributes",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("attribute_value_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attribute_value_id"],
            ["attribute_values.id"],
            name=op.f("fk_product_attributes_attribute_value_id_attribute_values"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_attributes_product_id_products"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "attribute_value_id", name=op.f("pk_product_attributes")),
    )
    op.create_index(
        op.f("ix_product_attributes_attribute_value_id"), "product_attributes", ["attribute_value_id"], unique=False
    )
    op.create_table(
        "related_products",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("related_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("product_id <> related_id", name=op.f("ck_related_products_not_itself")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_related_products_product_id_products"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["related_id"], ["products.id"], name=op.f("fk_related_products_related_id_products"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "related_id", name=op.f("pk_related_products")),
    )
    op.create_index(op.f("ix_related_products_related_id"), "related_products", ["related_id"], unique=False)
    op.add_column(
        "images",
        sa.Column(
            "formats", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[\"webp\"]'"), nullable=False
        ),
    )
    op.add_column(
        "products", sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("products", sa.Column("meta_title", sa.String(), server_default="", nullable=False))
    op.add_column("products", sa.Column("meta_description", sa.String(), server_default="", nullable=False))
    op.create_index("ix_products_published_at", "products", ["published_at"], unique=False)
    op.add_column("stock_items", sa.Column("backorder_limit", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("variants", sa.Column("sale_minor", sa.BigInteger(), nullable=True))
    op.add_column("variants", sa.Column("sale_starts_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("variants", sa.Column("sale_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("variants", sa.Column("barcode", sa.String(), server_default="", nullable=False))
    op.add_column("variants", sa.Column("min_quantity", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("variants", sa.Column("max_quantity", sa.BigInteger(), nullable=True))
    op.add_column("variants", sa.Column("quantity_step", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("variants", sa.Column("low_stock_at", sa.BigInteger(), nullable=True))
    op.add_column("variants", sa.Column("supply", sa.String(), server_default="stocked", nullable=False))
    op.add_column("variants", sa.Column("ships_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_variants_sale_ends_at",
        "variants",
        ["sale_ends_at"],
        unique=False,
        postgresql_where=sa.text("sale_ends_at IS NOT NULL"),
    )
    op.create_index(
        "ix_variants_sale_starts_at",
        "variants",
        ["sale_starts_at"],
        unique=False,
        postgresql_where=sa.text("sale_starts_at IS NOT NULL"),
    )
    op.create_index("ix_variants_upper_sku", "variants", [sa.literal_column("upper(sku)")], unique=False)
    op.create_index(
        "uq_variants_barcode", "variants", ["barcode"], unique=True, postgresql_where=sa.text("barcode <> ''")
    )
    for name, rule in VARIANT_RULES.items():
        op.create_check_constraint(op.f(f"ck_variants_{name}"), "variants", rule)
    op.create_check_constraint(
        op.f("ck_stock_items_backorder_limit_not_negative"), "stock_items", "backorder_limit >= 0"
    )
    for name, (_, rule) in STOCK_RULES.items():
        op.drop_constraint(op.f(f"ck_stock_items_{name}"), "stock_items", type_="check")
        op.create_check_constraint(op.f(f"ck_stock_items_{name}"), "stock_items", rule)


def downgrade() -> None:
    """Refused by the rules of the release before while more is promised than is on the shelf: deliver that first."""
    for name, (rule, _) in STOCK_RULES.items():
        op.drop_constraint(op.f(f"ck_stock_items_{name}"), "stock_items", type_="check")
        op.create_check_constraint(op.f(f"ck_stock_items_{name}"), "stock_items", rule)
    op.drop_index("uq_variants_barcode", table_name="variants", postgresql_where=sa.text("barcode <> ''"))
    op.drop_index("ix_variants_upper_sku", table_name="variants")
    op.drop_index(
        "ix_variants_sale_starts_at", table_name="variants", postgresql_where=sa.text("sale_starts_at IS NOT NULL")
    )
    op.drop_index(
        "ix_variants_sale_ends_at", table_name="variants", postgresql_where=sa.text("sale_ends_at IS NOT NULL")
    )
    op.drop_column("variants", "ships_on")
    op.drop_column("variants", "supply")
    op.drop_column("variants", "low_stock_at")
    op.drop_column("variants", "quantity_step")
    op.drop_column("variants", "max_quantity")
    op.drop_column("variants", "min_quantity")
    op.drop_column("variants", "barcode")
    op.drop_column("variants", "sale_ends_at")
    op.drop_column("variants", "sale_starts_at")
    op.drop_column("variants", "sale_minor")
    op.drop_column("stock_items", "backorder_limit")
    op.drop_index("ix_products_published_at", table_name="products")
    op.drop_column("products", "meta_description")
    op.drop_column("products", "meta_title")
    op.drop_column("products", "tags")
    op.drop_column("images", "formats")
    op.drop_index(op.f("ix_related_products_related_id"), table_name="related_products")
    op.drop_table("related_products")
    op.drop_index(op.f("ix_product_attributes_attribute_value_id"), table_name="product_attributes")
    op.drop_table("product_attributes")
    op.drop_index(op.f("ix_category_pins_product_id"), table_name="category_pins")
    op.drop_table("category_pins")
    op.drop_index("uq_attribute_values_attribute_id_code", table_name="attribute_values")
    op.drop_table("attribute_values")
    op.drop_index(op.f("ix_former_slugs_row_id"), table_name="former_slugs")
    op.drop_table("former_slugs")
    op.drop_table("attributes")
