"""Files that were asked for and files that were brought, with what became of each row."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import Base, CreatedAt, Model


class CatalogExport(Model):
    """The catalogue written into a file: `parts` files below `key`, which whoever downloads it gets as one.

    `after_id` is the last product that is written; whoever goes on after a kill begins behind it.
    """

    __tablename__ = "catalog_exports"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'done')", name="state_known"),)

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    actor_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    rows: Mapped[int] = mapped_column(server_default="0")
    key: Mapped[str]
    parts: Mapped[int] = mapped_column(server_default="0")
    after_id: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    done_at: Mapped[datetime | None]


class CatalogImport(Model):
    """A file that was brought: checked first, applied when somebody says so.

    `position` counts the rows that are checked, then those that are applied; whoever goes on after a kill begins
    there. `offset_bytes` is how much of the file was read for that, which is some pieces more than was checked: it only
    moves the bar that staff see.
    """

    __tablename__ = "catalog_imports"
    __table_args__ = (
        CheckConstraint("state IN ('checking', 'checked', 'applying', 'applied', 'refused')", name="state_known"),
        CheckConstraint("mode IN ('', 'batches', 'whole')", name="mode_known"),
    )

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    actor_id: Mapped[int | None]
    file_name: Mapped[str]
    key: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="checking")
    mode: Mapped[str] = mapped_column(server_default="")
    error: Mapped[str] = mapped_column(server_default="")
    size_bytes: Mapped[int] = mapped_column(server_default="0")
    offset_bytes: Mapped[int] = mapped_column(server_default="0")
    position: Mapped[int] = mapped_column(server_default="0")
    new: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    wrong: Mapped[int] = mapped_column(server_default="0")
    done: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class ImportRow(Base):
    """A row that is not as the shop says: `changes` is column -> [was, will be], or `reason` says why it is wrong.

    `verdict` becomes done once it is applied. `cells` holds a wrong row as it was typed, so that it can be mended.
    """

    __tablename__ = "catalog_import_rows"
    __table_args__ = (CheckConstraint("verdict IN ('new', 'changed', 'wrong', 'done')", name="verdict_known"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("catalog_imports.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    product: Mapped[str]
    verdict: Mapped[str]
    changes: Mapped[dict[str, Any]]
    cells: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(server_default="")
