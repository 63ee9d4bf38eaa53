"""The work process: relays the outbox, keeps the clock, runs the jobs."""

import logging
import os
import threading
from collections.abc import Callable

from app import create_app
from app.first_steps import migrate
from app.lib import queue, runtime
from app.lib.clock import Clock
from app.lib.db import db
from app.lib.ending import told_to_stop
from app.lib.outbox import Relay
from app.provision import completed

log = logging.getLogger("worker")

STOP_SECONDS = 5  # for the relay and the clock, once the last job has ended


def main() -> None:
    stop = told_to_stop()
    app = create_app(completed(os.environ), role="worker")
    settings = runtime.settings()
    migrate(app)
    with app.app_context():
        engine = db.engine
    bell = queue.Bell(settings.redis_url)
    helpers = [
        _begin("relay", Relay(engine, bell.ring, settings.job_lease).run, stop),
        _begin("clock", Clock(engine).run, stop),
    ]
    log.info("The worker is ready.")
    queue.work(settings.redis_url, stop)
    for helper in helpers:
        helper.join(STOP_SECONDS)


def _begin(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    """A thread that goes on after any error: without its relay a worker would look alive and do nothing."""

    def keep_running() -> None:
        while not stop.is_set():
            try:
                run(stop)
            except Exception:
                log.exception("The %s stumbled and starts again.", name)
                stop.wait(1)

    thread = threading.Thread(target=keep_running, name=name, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    main()
