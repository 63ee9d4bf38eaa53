"""Reads about accounts."""

from dataclasses import dataclass

from sqlalchemy import func, select

from app.auth import links
from app.auth.models import User, UserToken
from app.lib.db import transaction


@dataclass(frozen=True)
class Recipient:
    """Whom a letter goes to, and the address in it."""

    email: str
    url: str = ""


def recipient(user_id: int) -> Recipient | None:
    with transaction() as current:
        email = current.scalar(select(User.email).where(User.id == user_id))
    return Recipient(email) if email else None


def recipient_of_link(token_id: int) -> Recipient | None:
    """None when the link opens nothing any more, so that the letter need not go."""
    with transaction() as current:
        row = current.execute(
            select(UserToken, User.email)
            .join(User, User.id == UserToken.user_id)
            .where(UserToken.id == token_id, UserToken.used_at.is_(None), UserToken.expires_at > func.now())
        ).one_or_none()
        return Recipient(row.email, links.url_of(row.UserToken)) if row else None
