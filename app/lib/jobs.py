"""Background jobs: one thin function per topic, and the one function RQ calls."""

from collections.abc import Callable
from typing import Any

from flask import Flask

from app.lib import runtime
from app.lib.db import db
from app.lib.outbox import Claim

QUEUE = "sokoni"

Job = Callable[..., None]
_jobs: dict[str, Job] = {}
_app: Flask | None = None


def init_app(app: Flask) -> None:
    """The app whose database the jobs of this process use."""
    global _app
    _app = app


def job(topic: str) -> Callable[[Job], Job]:
    """Name the function that does `topic`. It may run more than once, so it begins by asking what is done."""

    def register(function: Job) -> Job:
        if topic in _jobs:
            raise RuntimeError(f"Two jobs are called {topic}.")
        _jobs[topic] = function
        return function

    return register


def topics() -> set[str]:
    return set(_jobs)


def run(outbox_id: int, lease: str) -> None:
    """What RQ calls: claim the row, do its job with no transaction open, stamp it."""
    if _app is None:
        raise RuntimeError("Jobs run in a worker that called create_app().")
    with _app.app_context():
        claim = Claim(db.engine, outbox_id, lease, runtime.settings().job_lease)
        if claim.row is not None:
            claim.run(do, claim.row.topic, claim.row.payload)


def do(topic: str, payload: dict[str, Any]) -> None:
    """Do one job now. Raises LookupError for a topic nobody does, so that the row waits for a newer worker."""
    if topic not in _jobs:
        raise LookupError(f"No job is called {topic}.")
    try:
        _jobs[topic](**payload)
    finally:
        db.session.remove()
