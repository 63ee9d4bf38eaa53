"""A replica of the database for pages that only look. Whoever has just written, and whoever writes, never meets it.

One thread in each process watches how far the replica is behind, and no request asks. Away, hanging, late, or not yet
past a change that somebody was told of: the primary answers instead, and nobody sees an error.
"""

import logging
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import psycopg2
from flask import Flask, Response, current_app, request, session
from flask_login import current_user
from itsdangerous import BadSignature, TimestampSigner
from psycopg2 import extensions
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, TimeoutError

from app.lib import forgery, pagecache
from app.lib.db import PRIMARY, REPLICA, db, reading_from, sqlstate

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds for an answer of the watched
EVERY = 1.0  # seconds between two looks
PAUSE = 10.0  # seconds in which a replica that failed is left alone
FORGOTTEN = 4.0  # seconds after which a look says nothing any more
COOKIE = "wrote"
MARGIN = 5  # seconds: what may pass between a write and the look that knows of it, generously

WHERE_PRIMARY = "SELECT pg_current_wal_lsn()"
WHERE_REPLICA = "SELECT pg_last_wal_replay_lsn()"
# A query the replica gave up so that it could go on replaying: the replica itself is well.
GAVE_WAY = {"40001", "40P01"}

# How many statements each database was sent by this process.
counted = {PRIMARY: 0, REPLICA: 0}


class Watch:
    """What one process knows of the replica. Places in the log are byte positions (LSN)."""

    def __init__(self, primary: str, replica: str, max_lag: int) -> None:
        self._lines = {PRIMARY: _Line(primary), REPLICA: _Line(replica)}
        self.max_lag: float = max_lag
        self.pause = PAUSE
        self._written: deque[tuple[float, int]] = deque(maxlen=4096)  # when the primary's log ended where
        self._replayed = 0
        self._seen_at = 0.0
        self._away_until = 0.0
        self._is_away = False
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._beginning = threading.Lock()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_fit(self, must_have: str | None = None) -> bool:
        """Whether pages may be made from the replica now: in time, and past the place in the log they must have."""
        now = time.monotonic()
        return (
            now >= self._away_until
            and now - self._seen_at < FORGOTTEN
            and self.lag() <= self.max_lag
            and (must_have is None or self.is_caught_up(must_have))
        )

    def lag(self) -> float:
        """Seconds the replica is behind: the age of the first known end of the primary's log it has not reached."""
        missed = next((at for at, end in list(self._written) if end > self._replayed), None)
        return 0.0 if missed is None else time.monotonic() - missed

    def is_caught_up(self, lsn: str) -> bool:
        """Whether the replica was seen past this place, such as pg_current_wal_lsn() gave after a commit."""
        return self._replayed >= _bytes(lsn)

    def failed(self) -> None:
        """The replica did not answer a page: leave it alone for a while, and end every wait for it."""
        self._away_until = time.monotonic() + self.pause
        self._say(is_away=True)
        for connection in list(self._connections):
            _hang_up(connection)

    def adopt(self, engine: Engine) -> None:
        """Know the replica's connections, so that a page that waits for a replica that hangs can be freed."""

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            self._connections.add(connection)

    def begin(self) -> None:
        """Start watching, once in each process: a thread does not survive a fork."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._beginning:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_looking, name="replica", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """Ask both where they are. The primary first: what it had then, the replica is measured by."""
        with self._looking:
            if time.monotonic() < self._away_until:
                return
            at = time.monotonic()
            written = self._lines[PRIMARY].ask(WHERE_PRIMARY)
            if written is not None:
                self._remember(at, written)
            replayed = self._lines[REPLICA].ask(WHERE_REPLICA)
            if replayed is None:
                self.failed()
                return
            self._note(replayed)

    def _remember(self, at: float, written: int) -> None:
        """Twice a second is exact enough, and keeps half an hour of a replica that stands still."""
        if not self._written or at - self._written[-1][0] >= EVERY / 2:
            self._written.append((at, written))

    def _note(self, replayed: int) -> None:
        self._replayed, self._seen_at = replayed, time.monotonic()
        while len(self._written) > 1 and self._written[0][1] <= replayed:
            self._written.popleft()
        self._say(is_away=False)

    def _keep_looking(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("Looking at the replica failed.")
            time.sleep(EVERY)

    def _say(self, *, is_away: bool) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            log.warning("The replica does not answer: the primary is read." if is_away else "The replica is back.")


class _Line:
    """A connection that never waits longer than PATIENCE, for one question at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    def ask(self, question: str) -> int | None:
        """The place in the log it answers with, in bytes; None when it does not, or has none."""
        deadline = time.monotonic() + PATIENCE
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self._url, async_=1)
                _finish(self._connection, deadline)
            with self._connection.cursor() as cursor:
                cursor.execute(question)
                _finish(self._connection, deadline)
                (lsn,) = cursor.fetchone()
        except (psycopg2.Error, OSError, ValueError):
            self._hang_up()
            return None
        return None if lsn is None else _bytes(lsn)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _finish(connection: Any, deadline: float) -> None:
    """Raises TimeoutError of the operating system when the deadline comes first."""
    while (state := connection.poll()) != extensions.POLL_OK:
        left = deadline - time.monotonic()
        ready = select.select(
            [connection] if state == extensions.POLL_READ else [],
            [connection] if state == extensions.POLL_WRITE else [],
            [],
            max(0.0, left),
        )
        if not any(ready):
            raise OSError("no answer in time")


def _bytes(lsn: str) -> int:
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def _hang_up(connection: Any) -> None:
    """From another thread than the one that waits: its read ends as if the replica had gone."""
    try:
        with socket.socket(fileno=socket.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
    except (psycopg2.Error, OSError):
        pass  # it has gone already


def init_app(app: Flask, *, readers: Iterable[str]) -> None:
    """Let every GET of these blueprints read the replica, when there is one."""
    settings = app.config["SETTINGS"]
    if not settings.database_replica_url:
        return
    watch = Watch(_plain(settings.database_url), _plain(settings.database_replica_url), settings.replica_max_lag)
    app.extensions["replica"] = watch
    with app.app_context():
        watch.adopt(db.engines[REPLICA])
        for name, engine in ((PRIMARY, db.engine), (REPLICA, db.engines[REPLICA])):
            _count(engine, name)
    for endpoint, view in list(app.view_functions.items()):
        if endpoint.split(".")[0] in readers:
            app.view_functions[endpoint] = _reading(view, watch)
    app.after_request(_remember_write)


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def _count(engine: Engine, name: str) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def sent(*_: Any) -> None:
        counted[name] += 1


def _reading(view: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    """The view on the replica, and once more on the primary when the replica fails it: a page that only looks may."""

    @wraps(view)
    def read(*args: Any, **kwargs: Any) -> Any:
        if request.method not in forgery.SAFE or not _may_be_late():
            return view(*args, **kwargs)
        watch.begin()
        if not watch.is_fit(pagecache.must_have()):
            return view(*args, **kwargs)
        try:
            with reading_from(db.engines[REPLICA]):
                return view(*args, **kwargs)
        except (DBAPIError, TimeoutError) as error:
            if not _is_the_replicas(error):
                raise
            log.warning("The replica failed %s: %s", request.path, type(error).__name__)
            if isinstance(error, DBAPIError) and sqlstate(error) not in GAVE_WAY:
                watch.failed()
        db.session.rollback()
        return view(*args, **kwargs)

    return read


def _may_be_late() -> bool:
    """Not for staff, whose edits must show at once, nor for a browser that has just written something."""
    if _has_just_written():
        return False
    return not (session.get("user_row") and current_user.is_staff)


def _has_just_written() -> bool:
    raw = request.cookies.get(COOKIE)
    if not raw:
        return False
    try:
        _signer().unsign(raw[:100], max_age=_seconds())
    except BadSignature:
        return False
    return True


def _remember_write(answer: Response) -> Response:
    if request.method in forgery.SAFE or forgery.is_exempt(request.endpoint) or answer.status_code >= 400:
        return answer
    answer.set_cookie(
        COOKIE,
        _signer().sign(b"1").decode(),
        max_age=_seconds(),
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return answer


def _seconds() -> int:
    return int(current_app.config["SETTINGS"].replica_max_lag) + MARGIN


def _signer() -> TimestampSigner:
    return TimestampSigner(current_app.secret_key or "", salt="wrote")


def _is_the_replicas(error: DBAPIError | TimeoutError) -> bool:
    """A mistake of ours is the same on the primary; only what the replica itself may cause is tried again."""
    if isinstance(error, TimeoutError):
        return True
    state = sqlstate(error) or ""
    # No state: the connection broke. 08, 53, 57P, 58: it cannot serve. 25006: it refused a write. 40: it gave way.
    return not state or state.startswith(("08", "53", "57P", "58", "25006", "40"))
