"""Turns a session into the user it belongs to, in one statement."""

from datetime import datetime

from flask import session
from flask_login import AnonymousUserMixin, LoginManager
from sqlalchemy import func, select

from app.auth.models import User
from app.lib.db import db
from app.lib.sessions import STAFF_IDLE, STAFF_LONGEST


class Visitor(AnonymousUserMixin):
    """Somebody not signed in."""

    id = None
    is_staff = False


def init_app(manager: LoginManager) -> None:
    manager.anonymous_user = Visitor
    manager.user_loader(load)


def load(user_id: str) -> User | None:
    """The user of this request, or nobody, when the session ended meanwhile.

    They are taken out of the database session: facts of one moment, which no commit makes it read again.
    """
    row = db.session.execute(select(User, func.now().label("now")).where(User.id == int(user_id))).one_or_none()
    if row is None or not _is_open(row.User, row.now):
        session.clear()
        return None
    user: User = row.User
    db.session.expunge(user)
    return user


def _is_open(user: User, now: datetime) -> bool:
    """A password or role that changed ends a session; so does staff's idling, by the database's clock."""
    if not user.is_verified or session.get("version") != user.session_version:
        return False
    visit = session.row  # type: ignore[attr-defined]
    if not user.is_staff or visit is None:
        return True
    is_fresh: bool = now - visit.seen_at < STAFF_IDLE and now - visit.created_at < STAFF_LONGEST
    return is_fresh
