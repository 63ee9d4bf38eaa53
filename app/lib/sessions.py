"""Sessions are rows: a random cookie names one, so it can be ended from the server.

A row and a cookie come into being only when something is stored, never for a visitor who only looks.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Request, Response, g
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.datastructures import CallbackDict

from app.lib.db import Base, CreatedAt, db
from app.lib.tokens import digest, random_token

SHOPPER_DAYS = 30
STAFF_IDLE = timedelta(minutes=30)
STAFF_LONGEST = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=5)


class SessionRow(Base):
    """One browser. `user_id` repeats who is signed in, so that all sessions of a user can be ended."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),)

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid())
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class ServerSession(CallbackDict[str, Any], SessionMixin):
    """What Flask calls `session`. `new_token()` gives it another name, as signing in must."""

    def __init__(self, data: dict[str, Any] | None = None, token: str | None = None, row: Any = None):
        super().__init__(data or {}, lambda changed: setattr(changed, "modified", True))
        self.token = token
        self.row = row
        self.modified = False
        self.old_token: str | None = None

    def new_token(self) -> None:
        self.old_token = self.old_token or self.token
        self.token = None
        self.modified = True

    @property
    def user_id(self) -> int | None:
        found = self.get("user_row")
        return int(found) if found else None


class RowSessions(SessionInterface):
    """Reads the row a cookie names, and writes it back when it changed."""

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        token = request.cookies.get(self.get_cookie_name(app))
        if not token or len(token) > 100:
            return ServerSession()
        try:
            return self._found(token)
        except (DBAPIError, TimeoutError) as error:
            # Too early for an error page: the request goes on, and whoever needs to know asks `refuse_blind`.
            g.session_is_unknown = error
            return ServerSession()

    def _found(self, token: str) -> ServerSession:
        with db.engine.connect() as connection:
            row = connection.execute(
                select(SessionRow.id, SessionRow.data, SessionRow.created_at, SessionRow.seen_at).where(
                    SessionRow.token_digest == digest(token), SessionRow.expires_at > func.now()
                )
            ).one_or_none()
        return ServerSession(dict(row.data), token, row) if row else ServerSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)
        name = self.get_cookie_name(app)
        if session.modified or session.row:
            response.vary.add("Cookie")
        if not session and session.modified:
            self._end(session.old_token or session.token)
            response.delete_cookie(name, path="/", secure=self.get_cookie_secure(app))
            return
        if session.modified:
            self._write(session)
            response.set_cookie(
                name,
                session.token or "",
                max_age=SHOPPER_DAYS * 86400,
                path="/",
                httponly=True,
                samesite="Lax",
                secure=self.get_cookie_secure(app),
            )
        elif session.row and datetime.now(UTC) - session.row.seen_at > TOUCH_EVERY:
            self._touch(session.row.id)

    def _touch(self, row_id: uuid.UUID) -> None:
        """Idle limits are counted from the last visit; every few minutes is exact enough."""
        later = {"seen_at": func.now(), "expires_at": func.now() + timedelta(days=SHOPPER_DAYS)}
        with db.engine.begin() as connection:
            connection.execute(update(SessionRow).where(SessionRow.id == row_id).values(**later))

    def _write(self, session: ServerSession) -> None:
        fresh = session.token is None
        session.token = session.token or random_token()
        values = {
            "data": dict(session),
            "user_id": session.user_id,
            "seen_at": func.now(),
            "expires_at": func.now() + timedelta(days=SHOPPER_DAYS),
        }
        with db.engine.begin() as connection:
            if session.old_token:
                connection.execute(delete(SessionRow).where(SessionRow.token_digest == digest(session.old_token)))
            if fresh:
                connection.execute(upsert(SessionRow).values(token_digest=digest(session.token), **values))
                return
            connection.execute(
                update(SessionRow).where(SessionRow.token_digest == digest(session.token)).values(**values)
            )

    def _end(self, token: str | None) -> None:
        if not token:
            return
        with db.engine.begin() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.token_digest == digest(token)))


def end_all(user_id: int, *, but: uuid.UUID | None = None) -> None:
    """End every session of the user, except `but`, in the transaction at hand."""
    statement = delete(SessionRow).where(SessionRow.user_id == user_id)
    db.session.execute(statement.where(SessionRow.id != but) if but else statement)


def forget_old() -> None:
    with db.engine.begin() as connection:
        connection.execute(delete(SessionRow).where(SessionRow.expires_at < func.now()))
