"""The tables of search. The database writes most of them itself (migration 0004); here they have their names."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import Base, CreatedAt

GIN: dict[str, Any] = {"postgresql_using": "gin", "postgresql_with": {"fastupdate": "off"}}
SORT_KEYS = ("featured_key", "newest_key", "price_minor", "sold")


class SearchDocument(Base):
    """One row for each product that can be on sale: what its card shows, and all it can be found by.

    `codes` say what it is (see codes.py). `next_at` is when time alone changes it: it is published, or a sale begins
    or ends. `is_listed` is whether it had been published when this was written.
    """

    __tablename__ = "search_documents"
    __table_args__ = (
        Index("ix_search_documents_find", "words", "codes", **GIN),
        *(Index(f"ix_search_documents_{key}", "in_stock", key, "product_id") for key in SORT_KEYS),
        *(Index(f"ix_search_documents_shelf_{key}", "category_id", "in_stock", key, "product_id") for key in SORT_KEYS),
        Index("ix_search_documents_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )

    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    category_id: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    slug: Mapped[str] = mapped_column(Text)
    image: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    swatches: Mapped[list[str]] = mapped_column(ARRAY(Text))
    colours: Mapped[int] = mapped_column(Integer)
    published_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    is_listed: Mapped[bool]
    in_stock: Mapped[bool]
    featured_key: Mapped[int]
    newest_key: Mapped[int]
    price_minor: Mapped[int]
    sold: Mapped[int]
    words: Mapped[str] = mapped_column(TSVECTOR)
    codes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class SearchSample(Base):
    """Five in a hundred documents, chosen by a hash of their id: what matches here says how many match in all."""

    __tablename__ = "search_sample"
    __table_args__ = (Index("ix_search_sample_find", "words", "codes", **GIN),)

    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    published_at: Mapped[datetime]
    in_stock: Mapped[bool]
    price_minor: Mapped[int]
    words: Mapped[str] = mapped_column(TSVECTOR)
    codes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class SearchFacet(Base):
    """How many products of a category, or of the whole shop (0), have a code; code 0 counts all of them."""

    __tablename__ = "search_facets"

    category_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    code: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int]
    in_stock: Mapped[int]


class SearchWord(Base):
    """The vocabulary: words of names, brands, categories and options, and about how many products say them."""

    __tablename__ = "search_words"

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    n: Mapped[int]


class SearchDeletion(Base):
    """A word with one letter left out: two words one slip apart meet here."""

    __tablename__ = "search_deletions"

    rest: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)


class SearchSold(Base):
    """Units sold of a product, counted from the ledger every few minutes."""

    __tablename__ = "search_sold"

    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sold: Mapped[int]


class SearchState(Base):
    """Where a count goes on: `movement` is the last line of the ledger that was counted."""

    __tablename__ = "search_state"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int]


class SearchEdit(Base):
    """A product whose document the transaction `xid` writes as it commits; kept for an hour, for rebuilds."""

    __tablename__ = "search_edits"

    xid: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, server_default=text("pg_current_xact_id()::text::bigint")
    )
    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    is_written: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]


class SearchStale(Base):
    """A product of which something is sold out now, or is back: the worker writes its document within seconds."""

    __tablename__ = "search_stale"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    product_id: Mapped[int]


class SearchMove(Base):
    """A category whose products still say where they stood before it moved."""

    __tablename__ = "search_moves"

    category_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Synonym(Base):
    """Who searches for `phrase` finds `also` too. Both are lower case without accents; a pair is kept both ways."""

    __tablename__ = "search_synonyms"

    phrase: Mapped[str] = mapped_column(Text, primary_key=True)
    also: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[CreatedAt]


class Miss(Base):
    """Words that found nothing: how often, and when last. Nothing says who searched."""

    __tablename__ = "search_misses"

    words: Mapped[str] = mapped_column(Text, primary_key=True)
    searched: Mapped[int] = mapped_column(server_default="1")
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
