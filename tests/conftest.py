"""The ground every test stands on: a real PostgreSQL and Redis, one database for each test process.

Tests commit for real; whatever a test wrote is deleted after it, which takes a few milliseconds.
"""

import contextvars
import gc
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import event, text

from app import create_app
from app.auth import passwords
from app.content.queries import forget_frame
from app.lib.db import db
from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis
from app.payments import health
from tests.payments.ends import SECRET, KeepingSimulator

KEY = "test-key-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What is imported here stays until the end, so nobody looks through it for garbage: not now, and not later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def slow_hasher() -> Iterator[PasswordHasher]:
    """The shop's own, which is slow on purpose. Meanwhile everybody signs in with a quick one."""
    with pytest.MonkeyPatch.context() as patch:
        own, quick = passwords.HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "HASHER", quick)
        patch.setattr(passwords, "NOBODY", quick.hash("nobody"))
        yield own


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[dict[str, str]]:
    """A private PostgreSQL and Redis for this test process, or those that TEST_DATABASE_URL and TEST_REDIS_URL name."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield {"DATABASE_URL": _own_database(given, worker_id), "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        return
    folder = tmp_path_factory.mktemp("stores")
    postgres, redis = EmbeddedPostgres(folder, durable=False), EmbeddedRedis(folder, durable=False)
    try:
        yield {"DATABASE_URL": postgres.start(), "REDIS_URL": redis.start()}
    finally:
        redis.kill()
        postgres.kill()


def _own_database(url: str, worker_id: str) -> str:
    name = f"shop_{worker_id}"
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    head, _, query = url.partition("?")
    return head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[KeepingSimulator]:
    simulator = KeepingSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def stripe(stripe_server: KeepingSimulator) -> KeepingSimulator:
    """Stripe's other end, on a good day, with an empty desk."""
    stripe_server.told.clear()
    stripe_server.requests.clear()
    stripe_server.faults.clear()
    return stripe_server


@pytest.fixture(scope="session")
def street_server() -> Iterator[Any]:
    from tests.races.street import Street

    street = Street()
    yield street
    street.stop()


@pytest.fixture
def street(street_server: Any) -> Any:
    """Every provider's other end, on a good day, at today's time; their messages wait to be posted by hand."""
    street_server.calm()
    return street_server


@pytest.fixture(scope="session")
def environ(
    servers: dict[str, str], stripe_server: KeepingSimulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return {
        **servers,
        "SECRET_KEY": KEY,
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "SHOP_URL": "http://shop.test",
        "LOG_LEVEL": "WARNING",
        "JOB_LEASE": "3",
        "STRIPE_SECRET_KEY": "sk_test_suite",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": stripe_server.base_url,
        "DEMO_PAYMENTS": "on",
    }


@pytest.fixture(scope="session")
def application(environ: dict[str, str]) -> Iterator[Flask]:
    """The shop, its schema made by the same migrations as in production."""
    app = create_app(environ)
    app.config["TESTING"] = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context():
        upgrade()
        _empty()  # of what the migrations leave for the worker
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def app(request: pytest.FixtureRequest) -> Iterator[Flask | None]:
    """The shop with an app context open, and an empty database afterwards. Tests marked `pure` do without."""
    if request.node.get_closest_marker("pure"):
        yield None
        return
    application: Flask = request.getfixturevalue("application")
    with application.app_context():
        yield application
        db.session.remove()
        _empty()


def _empty() -> None:
    """Delete every row. Replica mode switches off the triggers that keep the ledgers append-only."""
    tables = ", ".join(name for name in db.metadata.tables)
    deletes = "; ".join(f"DELETE FROM {name}" for name in tables.split(", "))
    with db.engine.begin() as connection:
        connection.execute(text(f"SET LOCAL session_replication_role = replica; {deletes}"))
    health.forget()
    forget_frame()


class Browser(FlaskClient):
    """A test client that, like a browser, says which site its requests come from."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", None) or {})
        headers.setdefault("Sec-Fetch-Site", "same-origin")
        if kwargs.pop("htmx", False):
            headers["HX-Request"] = "true"
        kwargs.setdefault("buffered", True)  # so that an answer that streams ends in the context it began in
        # A context of its own, as in production: nothing of the test, nor of the request before, is at hand.
        return contextvars.Context().run(super().open, *args, headers=headers, **kwargs)


@pytest.fixture
def new_browser(app: Flask) -> Callable[[], FlaskClient]:
    """Another visitor, with cookies of their own."""

    def make() -> FlaskClient:
        app.test_client_class = Browser
        return app.test_client()

    return make


@pytest.fixture
def browser(new_browser: Callable[[], FlaskClient]) -> FlaskClient:
    return new_browser()


@pytest.fixture
def queries(app: Flask) -> Callable[..., Any]:
    """`with queries(at_most=4): …` counts the SQL statements of the block, without what is asked once a connection."""

    @contextmanager
    def count(at_most: int) -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if not statement.startswith("PREPARE "):
                seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        listing = "\n".join(f"{i}. {' '.join(s.split())[:150]}" for i, s in enumerate(seen, 1))
        assert len(seen) <= at_most, f"{len(seen)} statements, allowed are {at_most}:\n{listing}"

    return count


@pytest.fixture
def at_once(app: Flask) -> Callable[..., list[Any]]:
    """Run functions in threads that start together; gives back what each returned, or the error it raised."""

    def run(*functions: Callable[[], Any]) -> list[Any]:
        barrier = threading.Barrier(len(functions))
        outcomes: list[Any] = [None] * len(functions)

        def one(index: int, function: Callable[[], Any]) -> None:
            with app.app_context():
                barrier.wait(30)
                try:
                    outcomes[index] = function()
                except Exception as error:
                    outcomes[index] = error
                finally:
                    db.session.remove()

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return outcomes

    return run


@pytest.fixture
def mails(environ: dict[str, str]) -> Callable[[], list[Any]]:
    """The letters captured so far, oldest first."""
    from app.lib.mail import captured

    folder = Path(environ["DATA_DIR"]) / "mail"
    for old in folder.glob("*.eml"):
        old.unlink()
    return captured


@pytest.fixture
def run_jobs(app: Flask) -> Callable[[], int]:
    """Do everything the outbox holds now, as a worker would; gives back how many jobs ran."""
    from app.lib import jobs
    from app.lib.outbox import lease_due

    def run() -> int:
        done = 0
        while due := lease_due(db.engine, 30):
            for outbox_id, lease in due:
                jobs.run(outbox_id, lease)
                done += 1
        return done

    return run
