"""Two web servers of two processes each on one database: an edit at one is on the next page of every process."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask_migrate import upgrade
from redis import Redis
from sqlalchemy import text

from app import create_app
from app.lib import jobs, runtime
from app.lib.db import db
from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis
from app.lib.private_store import free_port
from tests.factories import PASSWORD, a_user, a_variant
from tests.ops.waiting import eventually

pytestmark = [pytest.mark.pure, pytest.mark.stack]

ROOT = Path(__file__).parents[2]
HOST = "shop.test"
ASKS = 12  # connections, which gunicorn spreads over its processes


class Web:
    """A gunicorn of the shop, as a container runs it."""

    def __init__(self, environ: dict[str, str], log: Path):
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environ | {"PORT": str(self.port)},
                stdout=output,
                stderr=output,
            )

    def wait(self) -> None:
        eventually(lambda: self.get("/healthz")[0] == 200, seconds=120)

    def send(self, method: str, address: str, body: str = "", **headers: str) -> tuple[int, str, Any]:
        """On a connection of its own, so that any process may answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            try:
                connection.request(method, address, body, {"Host": HOST, "Sec-Fetch-Site": "same-origin", **headers})
                answer = connection.getresponse()
                return answer.status, answer.read().decode(), answer.headers
            except OSError:
                return 0, "", {}

    def get(self, address: str, **headers: str) -> tuple[int, str, Any]:
        return self.send("GET", address, **headers)

    def post(self, address: str, cookie: str, **fields: str) -> tuple[int, str, Any]:
        kind = "application/x-www-form-urlencoded"
        return self.send("POST", address, urlencode(fields), Cookie=cookie, **{"Content-Type": kind})

    def all_say(self, address: str, words: str) -> bool:
        answers = [self.get(address) for _ in range(ASKS)]
        return all(status == 200 and words in page for status, page, _ in answers)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGQUIT)  # at once: nobody's request is under way
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


class Shop:
    def __init__(self, app: Flask, webs: list[Web], redis: EmbeddedRedis):
        self.app, self.webs, self.redis = app, webs, redis

    def everywhere(self, address: str, words: str) -> bool:
        return all(web.all_say(address, words) for web in self.webs)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="sokoni-") as folder:
        postgres = EmbeddedPostgres(Path(folder), durable=False)
        redis = EmbeddedRedis(Path(folder), durable=False)
        environ = {
            "DATABASE_URL": postgres.start(),
            "REDIS_URL": redis.start(),
            "SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk",
            "DATA_DIR": folder,
            "SHOP_URL": f"http://{HOST}",
            "SHOP_ENV": "development",
            "LOG_LEVEL": "WARNING",
            "WEB_WORKERS": "2",
            "STRIPE_API_BASE": "",
        }
        before = runtime._current, jobs._app
        app = create_app(environ)
        webs: list[Web] = []
        try:
            with app.app_context():
                upgrade()
                a_variant(sku="FIRST")  # so that no demo catalogue is made
                webs += [Web(environ, Path(folder) / "web.log") for _ in range(2)]
                for web in webs:
                    web.wait()
                yield Shop(app, webs, redis)
                db.engine.dispose()
        finally:
            for web in webs:
                web.stop()
            runtime._current, jobs._app = before
            redis.kill()
            postgres.kill()


class Shirt(NamedTuple):
    id: int
    sku: str
    slug: str
    shelf: str

    @property
    def page(self) -> str:
        return f"/p/{self.slug}"


def a_shirt() -> Shirt:
    """For 19.99. No transaction stays open: two servers may take longer than PostgreSQL waits for an idle one."""
    shirt = a_variant()
    found = Shirt(shirt.id, shirt.sku, shirt.product.slug, f"/c/{shirt.product.category.slug}")
    db.session.remove()
    return found


@pytest.fixture
def grace(shop: Shop) -> str:
    """The cookie of a member of staff at the first server."""
    if not db.session.scalar(text("SELECT count(*) FROM users")):
        a_user(email="grace@example.com", role="staff", name="Grace Hopper")
    db.session.remove()
    status, _, headers = shop.webs[0].post("/auth/login", "", email="grace@example.com", password=PASSWORD)
    assert status == 303
    return str(headers["Set-Cookie"]).split(";")[0]


def test_a_price_edited_at_one_server_is_on_the_next_page_of_every_process(shop, grace):
    shirt = a_shirt()
    product, shelf = shirt.page, shirt.shelf
    edit = f"/admin/products/{shirt.slug}/variants/{shirt.sku}"
    for address in (product, shelf, "/"):
        assert shop.everywhere(address, "19.99") and shop.everywhere(address, "19.99")
    form = shop.webs[0].get(f"/admin/products/{shirt.slug}", Cookie=grace)[1]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token

    for price in ("12.34", "43.21", "20.02"):
        status, page, _ = shop.webs[0].post(edit, grace, sku=shirt.sku, price=price, is_active="1", csrf_token=token[1])
        assert status == 303, page

        # The very next requests, the other server's first.
        assert shop.webs[1].all_say(product, price) and shop.webs[1].all_say(shelf, price)
        assert shop.webs[0].all_say(product, price) and shop.webs[0].all_say("/", price)


@pytest.mark.parametrize("fault", ["gone", "hanging", "flushed"])
def test_pages_are_there_and_right_whatever_happens_to_redis(shop, fault):
    shirt = a_shirt()
    address = shirt.page
    assert shop.everywhere(address, "19.99") and shop.everywhere(address, "19.99")
    process = shop.redis._process if fault != "flushed" else None

    if fault == "gone":
        shop.redis.kill()
    elif fault == "hanging":
        process.send_signal(signal.SIGSTOP)
    else:
        with Redis.from_url(shop.redis.url) as client:
            client.flushall()
    try:
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE variants SET price_minor = 4321 WHERE id = :id"), {"id": shirt.id})
        assert eventually(lambda: shop.everywhere(address, "43.21"))
        assert shop.everywhere(address, "43.21")
    finally:
        if fault == "gone":
            shop.redis.start()
        elif fault == "hanging":
            process.send_signal(signal.SIGCONT)


def test_a_cut_connection_is_noticed_and_nothing_old_is_shown(shop):
    shirt = a_shirt()
    address = shirt.page
    assert shop.everywhere(address, "19.99") and shop.everywhere(address, "19.99")

    with db.engine.begin() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sokoni-pages'")
        )
        connection.execute(text("UPDATE variants SET price_minor = 4321 WHERE id = :id"), {"id": shirt.id})

    assert eventually(lambda: shop.everywhere(address, "43.21"))
    listening = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sokoni-pages'")
    with db.engine.connect() as connection:
        eventually(lambda: connection.scalar(listening) == 4 or connection.rollback())
