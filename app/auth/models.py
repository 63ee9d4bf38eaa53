"""People: shoppers and staff, the links mailed to them, and what changed about them."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db import CreatedAt, Model

ROLES = ("shopper", "staff", "owner")


class User(Model):
    """Somebody who can sign in. `email` is kept in lower case, as it was verified."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('shopper', 'staff', 'owner')", name="role_known"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    public_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), unique=True, server_default=func.gen_random_uuid())
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="shopper")
    email_verified_at: Mapped[datetime | None]
    # Goes up with every new password and role: a session that names an older one is over.
    session_version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[CreatedAt]

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_anonymous = False
    is_active = True

    def get_id(self) -> str:
        return str(self.id)

    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None

    @property
    def is_staff(self) -> bool:
        return self.role in ("staff", "owner")


class UserToken(Model):
    """A link that was mailed: single use, of one purpose, until `expires_at`.

    The token itself is kept nowhere: it follows from `nonce` and the shop's key. A verify link carries the
    name and password it was asked with, so that nobody who registers a stranger's address can slip theirs in.
    """

    __tablename__ = "user_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('verify', 'reset', 'owner')", name="purpose_known"),
        Index("ix_user_tokens_user_id", "user_id"),
    )

    nonce: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True))
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    purpose: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None]
    name: Mapped[str | None]
    password_hash: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None]


class UserEvent(Model):
    """One change of a user: who did it, what was, what is. Append-only."""

    __tablename__ = "user_events"
    __table_args__ = (Index("ix_user_events_user_id", "user_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    actor_id: Mapped[int | None]
    kind: Mapped[str]
    was: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    now: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
