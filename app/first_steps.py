"""What must be true before the first request: a schema, goods in a demo shop, and somebody who can own it."""

import logging
import time

from flask import Flask
from flask.cli import ScriptInfo
from flask_migrate import upgrade

from app.lib import runtime
from app.lib.db import database_is_up, db

log = logging.getLogger(__name__)

DATABASE_PATIENCE = 60  # seconds for a database that starts together with us


def prepare(app: Flask) -> None:
    """Migrate, fill an empty development shop, and print a link for its owner when nobody is."""
    migrate(app)
    if not runtime.settings().is_production:
        _command(app, "seed", "--demo")
    _command(app, "owner", "--first")
    with app.app_context():
        db.engine.dispose()  # the web processes are forked after this, and must not share connections


def migrate(app: Flask) -> None:
    """Bring the schema to this release; processes that start together take turns. Exits when it cannot."""
    with app.app_context():
        deadline = time.monotonic() + DATABASE_PATIENCE
        while not database_is_up() and time.monotonic() < deadline:
            log.info("Waiting for the database.")
            time.sleep(1)
        upgrade()


def _command(app: Flask, *words: str) -> None:
    """Run `flask shop …`; a shop without demo goods is still a shop, so failing is no reason not to open."""
    try:
        app.cli.main(["shop", *words], obj=ScriptInfo(create_app=lambda: app), standalone_mode=False)
    except Exception:
        log.exception("`flask shop %s` failed; the shop opens without it.", " ".join(words))
