"""The shop as a real browser meets it: a web server in threads, and a worker that does what the outbox holds."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server

from app.lib import jobs
from app.lib.db import db
from app.lib.outbox import CHANNEL, Relay

IDLE_WITHIN = 5  # seconds for requests that are under way when a story ends


class LiveShop:
    """The application on a port of its own."""

    def __init__(self, app: Flask):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = app
        self._under_way = 0
        self._change = threading.Condition()
        self._server = make_server("127.0.0.1", 0, self._counted, threaded=True)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _counted(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        with self._counting():
            yield from self._app(environ, start_response)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        with self._change:
            self._under_way += 1
        try:
            yield
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def settle(self) -> None:
        """Wait until no request is under way, so that nothing writes while the tables are emptied."""
        with self._change:
            self._change.wait_for(lambda: not self._under_way, IDLE_WITHIN)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def working(app: Flask) -> Iterator[None]:
    """The relay of the real worker, which here does each job itself instead of queueing it."""
    with app.app_context():
        engine = db.engine
    stop = threading.Event()
    relay = threading.Thread(target=Relay(engine, jobs.run, 30).run, args=(stop,), daemon=True)
    relay.start()
    try:
        yield
    finally:
        stop.set()
        with engine.begin() as connection:
            connection.execute(text(f"NOTIFY {CHANNEL}"))  # which wakes it
        relay.join(IDLE_WITHIN)
