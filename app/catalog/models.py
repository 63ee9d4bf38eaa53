"""What the shop sells: categories, brands, products, their variants and pictures."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CHAR, BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, func, text
from sqlalchemy.dialects.postgresql import UUID
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
    """The thing a shopper buys. `option_key` is its set of option values, so that no set exists twice."""

    __tablename__ = "variants"
    __table_args__ = (
        CheckConstraint("price_minor >= 0", name="price_not_negative"),
        CheckConstraint("compare_at_minor IS NULL OR compare_at_minor > price_minor", name="compare_at_above"),
        Index("uq_variants_product_id_option_key", "product_id", "option_key", unique=True),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    sku: Mapped[str] = mapped_column(unique=True)
    option_key: Mapped[str] = mapped_column(server_default="")
    options_text: Mapped[str] = mapped_column(server_default="")
    price_minor: Mapped[Minor]
    compare_at_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
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
    def compare_at(self) -> Money | None:
        return None if self.compare_at_minor is None else Money(self.compare_at_minor, self.currency)


class PriceEvent(Model):
    """A price that changed: append-only, written by whoever changed it."""

    __tablename__ = "price_events"

    variant_id: Mapped[int] = mapped_column(BigInteger, index=True)
    was_minor: Mapped[int | None] = mapped_column(BigInteger)
    now_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(CHAR(3))
    actor_id: Mapped[int | None]
    created_at: Mapped[CreatedAt]


class Image(Model):
    """A picture of a product: `key` and `widths` name its files, `key-<width>.webp` each."""

    __tablename__ = "images"

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    alt: Mapped[str] = mapped_column(server_default="")
    width: Mapped[int]
    height: Mapped[int]
    widths: Mapped[list[Any]]
    position: Mapped[int] = mapped_column(server_default="0")

    product: Mapped[Product] = relationship(back_populates="images")


class HomePanel(Model):
    """A wide picture with words on the home page. Places: hero, feature."""

    __tablename__ = "home_panels"
    __table_args__ = (CheckConstraint("place IN ('hero', 'feature')", name="place_known"),)

    place: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    text: Mapped[str] = mapped_column(server_default="")
    url: Mapped[str]
    action: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    alt: Mapped[str] = mapped_column(server_default="")
    widths: Mapped[list[Any]]
