"""Pages that are made once: for visitors complete answers before Flask wakes up, for shoppers in a fresh shell.

A view opts in, names the fields of its query and the elements htmx may aim at, and says what its answer shows:

    @bp.get("/p/<slug>")
    @pagecache.cached("sku", targets=("buy",))
    def product(slug):
        ...
        pagecache.shows(f"product:{found.id}", until=found.changes_at)

Tags in use: product:<id>, products (any of them), category:<id> (anything in it or below it), brand:<id>, home. Every
page also carries menu. A database trigger names the tags of what a transaction changed, for whoever changed it;
`pages_touch`, `pages_rows` and `pages_say(tags)` in the migrations are there for other tables.

A page is made for a stranger: its view sees neither cookies nor headers, nor any field of the query it did not name.
What it must not do is read anything that no trigger tells about. The same moment rules everywhere: `changes_at` names
SQL for the next time at which pages change by the clock, and no page outlives it.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, current_app, has_request_context, request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, TimeoutError

from app.lib import runtime
from app.lib.db import db
from app.lib.pagecache import listener as listening
from app.lib.pagecache.asking import MADE, Rules, rule_of
from app.lib.pagecache.front import Front, Made, Shell
from app.lib.pagecache.keeping import Memory, Shelf
from app.lib.pagecache.kept import Kept
from app.lib.pagecache.listener import Listener, changes_at
from app.lib.pagecache.versions import versions
from app.lib.tokens import random_key

__all__ = ["Kept", "Shell", "cached", "changes_at", "counts", "must_have", "shows", "start", "stop", "wait_until_known"]

log = logging.getLogger(__name__)

V = TypeVar("V")
PLACES = {"data_dir", "bind", "port", "web_workers", "web_threads", "page_cache_mb", "log_level"}
ROOT = Path(__file__).resolve().parents[3]


def cached(*fields: str, targets: Iterable[str] = (), ignores_others: bool = False) -> Callable[[V], V]:
    """The answers of this view may be kept. `fields` of the query and ids in `targets` are all they depend on.

    A request with another field is not answered from what is kept, unless the view ignores others; those that only
    count clicks are left out for all.
    """
    return rule_of(fields, tuple(targets), ignores_others)


def shows(*tags: str, until: datetime | None = None) -> None:
    """Say what this answer shows, and when that ends; may be called several times. Without it nothing is kept."""
    made = _made()
    if made is None:
        return
    made.is_shown = True
    made.tags.update(tags)
    if until is not None and (made.until is None or until < made.until):
        made.until = until


def must_have() -> str | None:
    """The WAL address that a replica must have replayed before a page is read from it: that of the last change.

    For a page that will be kept, the change last heard of when its making began. None while nothing is listened to.
    """
    made = _made()
    if made:
        return made.position.lsn
    position = versions.position if versions.is_trusted(time.monotonic()) else None
    return position.lsn if position else None


def _made() -> Made | None:
    return request.environ.get(MADE) if has_request_context() else None


def init_app(app: Flask, shell: Shell) -> None:
    """Put the layer in front of the app. It keeps nothing until `start` is called in a process that serves."""
    memory = Memory(runtime.settings().page_cache_mb * 1024 * 1024)
    front = Front(app.wsgi_app, lambda: Rules(app), shell, versions, memory)
    app.wsgi_app = front  # type: ignore[method-assign]
    app.extensions["pages"] = front


def start(app: Flask) -> None:
    """In each web process, after it was forked: listen for changes, and keep pages from now on."""
    settings = runtime.settings()
    if not settings.page_cache_mb:
        return
    front: Front = app.extensions["pages"]
    front.memory.clear()
    with app.app_context():
        engine = db.engine
    if settings.redis_url:
        front.shelf = Shelf(settings.redis_url, lambda: _space(app))
    listener = Listener(engine, versions)
    app.extensions["pages_listener"] = listener
    listener.start()


def stop(app: Flask) -> None:
    listener: Listener | None = app.extensions.pop("pages_listener", None)
    if listener is not None:
        listener.stop()
        app.extensions["pages"].shelf = None


def counts(app: Flask) -> dict[str, int]:
    """How often this process answered from memory, from Redis, anew ("miss") or not at all ("bypass"), and by 304."""
    front: Front = app.extensions["pages"]
    return dict(front.counts)


def wait_until_known() -> None:
    """After an edit: wait until every process knows, half a second at most, so that the next page anywhere shows it."""
    if "pages_listener" not in current_app.extensions:
        return
    try:
        if not listening.wait_until_known(db.engine, random_key()):
            log.warning("A web process has not heard of an edit within %s s.", listening.PATIENCE)
    except (DBAPIError, TimeoutError) as error:
        log.warning("Nobody could be asked whether an edit is known: %s", type(error).__name__)


def _shown(settings: Any) -> list[str]:
    """The settings a page may depend on: all but those that say where a process runs."""
    return [name for name in settings.__dataclass_fields__ if name not in PLACES]


def _space(app: Flask) -> str:
    """A name nobody can guess for what pages are made of: this release, these settings, this database."""
    settings = runtime.settings()
    made_of = hashlib.sha256(repr([(name, getattr(settings, name)) for name in _shown(settings)]).encode())
    for folder in ("app", "templates", "static"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".html", ".css", ".js"):
                made_of.update(path.read_bytes())
    with app.app_context(), db.engine.connect() as connection:
        row = connection.execute(
            text("""
                SELECT system_identifier::text, (SELECT oid::text FROM pg_database WHERE datname = current_database())
                FROM pg_control_system()
            """)
        ).one()
    made_of.update(repr(tuple(row)).encode())
    return hmac.new(settings.secret_key.encode(), made_of.digest(), "sha256").hexdigest()[:24]
