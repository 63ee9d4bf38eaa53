"""What the shop sells: categories, brands, products, their variants and pictures."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import CHAR, BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import UserDefinedType

from app.lib.db import Base, CreatedAt, Minor, Model
from app.lib.money import Money


class Ltree(UserDefinedType[str]):
    """PostgreSQL's ltree: the ids of the ancestors and the row itself, joined by dots."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "LTREE"


# So that comparing the models with a database recognises the column.
ischema_names["ltree"] = Ltree


class Category(Model):
    """A shelf, on another shelf or on none. `parent_id` is the truth; `path` is derived from it."""

    __tablename__ = "categories"
    __table_args__ = (Index("ix_categories_path", "path", postgresql_using="gist"),)

    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="RESTRICT"), index=True)
    path: Mapped[str] = mapped_column(Ltree)
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")
    position: Mapped[int] = mapped_column(server_default="0")


class Brand(Model):
    __tablename__ = "brands"

    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")


class Option(Model):
    """A way variants differ: size, colour. `code` is its name in addresses."""

    __tablename__ = "options"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")


class OptionValue(Model):
    """M, moss. `swatch` is a colour such as #66764f, or empty."""

    __tablename__ = "option_values"
    __table_args__ = (Index("uq_option_values_option_id_code", "option_id", "code", unique=True),)

    option_id: Mapped[int] = mapped_column(ForeignKey("options.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    swatch: Mapped[str] = mapped_column(server_default="")
    position: Mapped[int] = mapped_column(server_default="0")

    option: Mapped[Option] = relationship()


class Product(Model):
    """The family a shopper looks at. It is on sale when `status` is active and `published_at` has come."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'active', 'archived')", name="status_known"),
        Index("ix_products_listing", "category_id", "status", "published_at"),
        Index("ix_products_published_at", "published_at"),
    )

    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")
    details: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brands.id", ondelete="RESTRICT"), index=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id", ondelete="RESTRICT"))
    status: Mapped[str] = mapped_column(server_default="draft")
    published_at: Mapped[datetime | None]
    is_featured: Mapped[bool] = mapped_column(server_default=text("false"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    meta_title: Mapped[str] = mapped_column(server_default="")
    meta_description: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    category: Mapped[Category] = relationship()
    brand: Mapped[Brand | None] = relationship()
    variants: Mapped[list["Variant"]] = relationship(
        back_populates="product", order_by="Variant.position, Variant.id", cascade="all, delete-orphan"
    )
    images: Mapped[list["Image"]] = relationship(
        back_populates="product", order_by="Image.position, Image.id", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}

    @property
    def is_on_sale(self) -> bool:
        """Compared at read, so that a scheduled product appears without any job."""
        return self.status == "active" and self.published_at is not None and self.published_at <= datetime.now(UTC)


variant_values = Table(
    "variant_values",
    Base.metadata,
    Column("variant_id", BigInteger, ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "option_value_id",
        BigInteger,
        ForeignKey("option_values.id", ondelete="RESTRICT"),
        primary_key=True,
        index=True,
    ),
)


class Variant(Model):
    """The thing a shopper buys. `option_key` is its set of option values, so that no set exists twice.

    What it costs now is `prices.NOW`: `sale_minor` from `sale_starts_at` to `sale_ends_at` (either may be open),
    else `price_minor`. A quantity is `min_quantity` or more, in steps of `quantity_step` from zero.
    `supply`: stocked is sold while there is some; backorder and preorder as far as the stock item allows, with
    `ships_on` as the day it leaves.
    """

    __tablename__ = "variants"
    __table_args__ = (
        CheckConstraint("price_minor >= 0", name="price_not_negative"),
        CheckConstraint("compare_at_minor IS NULL OR compare_at_minor > price_minor", name="compare_at_above"),
        CheckConstraint("sale_minor IS NULL OR (sale_minor >= 0 AND sale_minor < price_minor)", name="sale_below"),
        CheckConstraint("sale_starts_at < sale_ends_at", name="sale_starts_first"),
        CheckConstraint("min_quantity > 0 AND quantity_step > 0", name="quantities_positive"),
        CheckConstraint("max_quantity >= min_quantity", name="max_from_min"),
        CheckConstraint("supply IN ('stocked', 'backorder', 'preorder')", name="supply_known"),
        Index("uq_variants_product_id_option_key", "product_id", "option_key", unique=True),
        Index("uq_variants_barcode", "barcode", unique=True, postgresql_where=text("barcode <> ''")),
        Index("ix_variants_upper_sku", func.upper(text("sku"))),
        Index("ix_variants_sale_starts_at", "sale_starts_at", postgresql_where=text("sale_starts_at IS NOT NULL")),
        Index("ix_variants_sale_ends_at", "sale_ends_at", postgresql_where=text("sale_ends_at IS NOT NULL")),
        Index("ix_variants_low_stock_at", "low_stock_at", postgresql_where=text("low_stock_at IS NOT NULL")),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    sku: Mapped[str] = mapped_column(unique=True)
    option_key: Mapped[str] = mapped_column(server_default="")
    options_text: Mapped[str] = mapped_column(server_default="")
    price_minor: Mapped[Minor]
    compare_at_minor: Mapped[int | None] = mapped_column(BigInteger)
    sale_minor: Mapped[int | None] = mapped_column(BigInteger)
    sale_starts_at: Mapped[datetime | None]
    sale_ends_at: Mapped[datetime | None]
    currency: Mapped[str] = mapped_column(CHAR(3))
    barcode: Mapped[str] = mapped_column(server_default="")
    min_quantity: Mapped[int] = mapped_column(server_default="1")
    max_quantity: Mapped[int | None] = mapped_column(BigInteger)
    quantity_step: Mapped[int] = mapped_column(server_default="1")
    low_stock_at: Mapped[int | None] = mapped_column(BigInteger)
    supply: Mapped[str] = mapped_column(server_default="stocked")
    ships_on: Mapped[date | None]
    weight_grams: Mapped[int] = mapped_column(server_default="0")
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id", ondelete="SET NULL"))
    position: Mapped[int] = mapped_column(server_default="0")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))

    product: Mapped[Product] = relationship(back_populates="variants")
    values: Mapped[list[OptionValue]] = relationship(secondary=variant_values)
    image: Mapped["Image | None"] = relationship(foreign_keys=[image_id])

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def sale(self) -> Money | None:
        """The price while its sale is on, whether or not it is on now."""
        return None if self.sale_minor is None else Money(self.sale_minor, self.currency)

    @property
    def compare_at(self) -> Money | None:
        return None if self.compare_at_minor is None else Money(self.compare_at_minor, self.currency)


class Attribute(Model):
    """A fact products have: material, origin. Those marked filterable are facets of listings."""

    __tablename__ = "attributes"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    is_filterable: Mapped[bool] = mapped_column(server_default=text("false"))
    position: Mapped[int] = mapped_column(server_default="0")


class AttributeValue(Model):
    """Wool, Kenya."""

    __tablename__ = "attribute_values"
    __table_args__ = (Index("uq_attribute_values_attribute_id_code", "attribute_id", "code", unique=True),)

    attribute_id: Mapped[int] = mapped_column(ForeignKey("attributes.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")

    attribute: Mapped[Attribute] = relationship()


product_attributes = Table(
    "product_attributes",
    Base.metadata,
    Column("product_id", BigInteger, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "attribute_value_id",
        BigInteger,
        ForeignKey("attribute_values.id", ondelete="RESTRICT"),
        primary_key=True,
        index=True,
    ),
)


class RelatedProduct(Base):
    """What staff say goes well with a product, in their order."""

    __tablename__ = "related_products"
    __table_args__ = (CheckConstraint("product_id <> related_id", name="not_itself"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    related_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(server_default="0")


class CategoryPin(Base):
    """A product that stands first in a category while it is sorted as featured."""

    __tablename__ = "category_pins"

    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(server_default="0")


class FormerSlug(Base):
    """An address that was: it leads to the row that had it (301), or to nothing when that is gone (410).

    A former slug names its row, not another slug, so however often a row is renamed there is one step.
    """

    __tablename__ = "former_slugs"
    __table_args__ = (
        CheckConstraint("kind IN ('product', 'category', 'brand', 'collection', 'page')", name="kind_known"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    created_at: Mapped[CreatedAt]


class PriceEvent(Model):
    """A price or a sale that changed, and all a price hangs on from then on: append-only, by whoever changed it."""

    __tablename__ = "price_events"

    variant_id: Mapped[int] = mapped_column(BigInteger, index=True)
    was_minor: Mapped[int | None] = mapped_column(BigInteger)
    now_minor: Mapped[Minor]
    sale_minor: Mapped[int | None] = mapped_column(BigInteger)
    sale_starts_at: Mapped[datetime | None]
    sale_ends_at: Mapped[datetime | None]
    currency: Mapped[str] = mapped_column(CHAR(3))
    actor_id: Mapped[int | None]
    created_at: Mapped[CreatedAt]


# What pictures had before there were other formats.
WEBP_ALONE = text("'[\"webp\"]'")


class Image(Model):
    """A picture of a product: `key`, `widths` and `formats` name its files, such as `key-400.webp`.

    Several pictures may share their files; those go with the last of them.
    """

    __tablename__ = "images"
    # What staff still have to describe, found without looking at every picture.
    __table_args__ = (Index("ix_images_undescribed", "product_id", postgresql_where=text("alt = ''")),)

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(index=True)
    alt: Mapped[str] = mapped_column(server_default="")
    width: Mapped[int]
    height: Mapped[int]
    widths: Mapped[list[Any]]
    formats: Mapped[list[Any]] = mapped_column(server_default=WEBP_ALONE)
    position: Mapped[int] = mapped_column(server_default="0")

    product: Mapped[Product] = relationship(back_populates="images")
