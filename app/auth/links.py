"""The links that prove who reads a mailbox or a terminal: made, found, and used up once."""

import base64
import hashlib
import hmac
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.auth.models import User, UserToken
from app.lib import runtime
from app.lib.errors import ShopError
from app.lib.tokens import digest

LIVES = {"verify": timedelta(hours=24), "reset": timedelta(minutes=30), "owner": timedelta(hours=24)}


class DeadLink(ShopError):
    """Used, too old, or never ours: nobody is told which."""

    status = 410
    title = "This link no longer works"

    def __init__(self) -> None:
        super().__init__("It was used already, or it is too old. Ask for a new one.")


def make(current: Session, purpose: str, **values: Any) -> UserToken:
    """A new link of the purpose, in the transaction at hand."""
    row = UserToken(purpose=purpose, nonce=uuid.uuid4(), expires_at=func.now() + LIVES[purpose], **values)
    row.digest = digest(token_of(row))
    current.add(row)
    current.flush()
    return row


def token_of(row: UserToken) -> str:
    """The token of a link. It is worked out when the letter is written, so it never lies in the outbox.

    Neither the table alone nor the key alone is enough to make one.
    """
    key = runtime.settings().secret_key.encode()
    seal = hmac.digest(key, f"link:{row.purpose}:{row.nonce}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(seal).decode().rstrip("=")


def url_of(row: UserToken) -> str:
    """Built from the configured address, never from what a request says about its host."""
    return f"{runtime.settings().shop_url}/auth/{row.purpose}/{token_of(row)}"


def find(current: Session, token: str, purpose: str) -> UserToken:
    """The link as long as it can be used. Raises DeadLink."""
    row = current.scalars(select(UserToken).where(*_alive(token, purpose))).one_or_none()
    if row is None:
        raise DeadLink
    return row


def take(current: Session, token: str, purpose: str) -> tuple[UserToken, User | None]:
    """Use the link up, and lock its user. Raises DeadLink, for all but one of those who come at once.

    The user is locked first, as everything else does that changes links, so two links of one user take turns.
    """
    seen = find(current, token, purpose)
    user = locked(current, seen.user_id) if seen.user_id else None
    taken = current.scalars(
        update(UserToken).where(*_alive(token, purpose)).values(used_at=func.now()).returning(UserToken)
    ).one_or_none()
    if taken is None:
        raise DeadLink
    return taken, user


def locked(current: Session, user_id: int) -> User:
    return current.get_one(User, user_id, with_for_update=True, populate_existing=True)


def end(current: Session, user_id: int, *purposes: str) -> None:
    """No link of these purposes opens anything for the user from now on."""
    current.execute(
        update(UserToken)
        .where(UserToken.user_id == user_id, UserToken.purpose.in_(purposes), UserToken.used_at.is_(None))
        .values(used_at=func.now())
    )


def _alive(token: str, purpose: str) -> tuple[Any, ...]:
    return (
        UserToken.digest == digest(token),
        UserToken.purpose == purpose,
        UserToken.used_at.is_(None),
        UserToken.expires_at > func.now(),
    )
