"""Catalogue pages on a real streaming replica that is late, killed, frozen, or not there at all."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import create_app
from app.content.queries import announcement
from app.lib import pagecache, replica, runtime
from app.lib.db import PRIMARY, REPLICA, db, reading_from, session, transaction
from app.lib.embedded import EmbeddedPostgres
from app.lib.pagecache import listener as listening
from app.lib.pagecache.versions import versions
from app.lib.replica import Watch, counted
from tests.admin.desk import at_desk
from tests.conftest import Browser
from tests.factories import a_product, a_variant
from tests.ops.waiting import eventually


class StreamingReplica(EmbeddedPostgres):
    """A copy of the primary that follows it."""

    name = "replica"

    def __init__(self, data_dir: Path, primary: str):
        super().__init__(data_dir, durable=False)
        self._primary = primary

    def _create(self) -> None:
        self.home.mkdir(parents=True)
        self.give(self.home)
        self._run(["pg_basebackup", "-d", self._primary, "-D", str(self._data), "-c", "fast", "-R", "--no-sync"])
        with psycopg2.connect(self._primary) as connection:
            password = connection.info.password
        connection.close()
        self.write(self.home / "address.json", json.dumps({"port": 0, "password": password}))

    @property
    def processes(self) -> list[psutil.Process]:
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children(recursive=True)]


@pytest.fixture(scope="module")
def copy(application: Flask, servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("The replica follows the private PostgreSQL only.")
    _allow_replication(servers["DATABASE_URL"])
    store = StreamingReplica(tmp_path_factory.mktemp("replica"), servers["DATABASE_URL"])
    store.start()
    yield store
    store.kill()


def _allow_replication(url: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SHOW hba_file")
        with open(cursor.fetchone()[0], "a", encoding="utf-8") as rules:
            rules.write("local replication all scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()


@pytest.fixture(scope="module")
def shop(copy: StreamingReplica, environ: dict[str, str]) -> Iterator[Flask]:
    """The same shop with the replica beside it."""
    settings = runtime.settings()
    made = create_app({**environ, "DATABASE_REPLICA_URL": copy.url, "REPLICA_MAX_LAG": "60"})
    made.config["PROPAGATE_EXCEPTIONS"] = False
    made.test_client_class = Browser
    yield made
    with made.app_context():
        for engine in db.engines.values():
            engine.dispose()
    runtime.use(settings)


@pytest.fixture
def watch(shop: Flask, copy: StreamingReplica, app: Flask) -> Iterator[Watch]:
    """What the shop knows of its replica, which is fit and has everything at the start of each story."""
    found: Watch = shop.extensions["replica"]
    found.pause, found.max_lag = 0.1, 60
    found.begin()
    eventually(found.is_fit)
    yield found
    found.max_lag = 60


@pytest.fixture
def visitor(shop: Flask, watch: Watch) -> FlaskClient:
    return shop.test_client()


class Replay:
    """The replica's replaying, which a story stops and lets go on."""

    def __init__(self, url: str):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def stop(self) -> None:
        self.cursor.execute("SELECT pg_wal_replay_pause()")
        eventually(lambda: _one(self.cursor, "SELECT pg_get_wal_replay_pause_state()") == "paused")

    def go_on(self) -> None:
        self.cursor.execute("SELECT pg_wal_replay_resume()")


@pytest.fixture
def replay(copy: StreamingReplica, watch: Watch) -> Iterator[Replay]:
    made = Replay(copy.url)
    yield made
    made.go_on()
    made.connection.close()


def _one(cursor: Any, question: str) -> Any:
    cursor.execute(question)
    return cursor.fetchone()[0]


def goods(watch: Watch, price: int = 1999) -> Any:
    """A product on sale that the replica has too."""
    variant = a_variant(product=a_product(), price=price)
    _wait_for_replay(watch)
    return variant


def _wait_for_replay(watch: Watch) -> None:
    lsn = session().scalar(text("SELECT pg_current_wal_lsn()"))
    session().rollback()

    def is_there() -> bool:
        watch.look()
        return watch.is_caught_up(lsn)

    eventually(is_there)


def reprice(variant: Any, minor: int) -> None:
    session().execute(
        text("UPDATE variants SET price_minor = :minor WHERE id = :id"), {"minor": minor, "id": variant.id}
    )
    session().commit()


def shown(who: FlaskClient, variant: Any) -> str:
    return who.get(f"/p/{variant.product.slug}").get_data(as_text=True)


def sent(act: Callable[[], Any]) -> tuple[Any, int, int]:
    """The answer, and how many statements went to the primary and to the replica for it."""
    before = dict(counted)
    answer = act()
    return answer, counted[PRIMARY] - before[PRIMARY], counted[REPLICA] - before[REPLICA]


def test_pages_of_the_catalogue_read_the_replica(watch, visitor):
    shirt = goods(watch)
    slug = shirt.product.slug

    for address in ("/", f"/c/{shirt.product.category.slug}", f"/p/{slug}", "/search/suggest?q=shirt"):
        visitor.get("/terms")  # what every page needs is kept for two seconds, so it is read where nothing is late
        answer, primary, copied = sent(lambda address=address: visitor.get(address))
        assert (answer.status_code, primary) == (200, 0), address
        assert copied > 0, address
    answer, _, copied = sent(lambda: visitor.get("/search?q=shirt"))
    assert answer.status_code == 200 and copied > 0
    assert not visitor.get_cookie(replica.COOKIE)


def test_cart_checkout_account_and_desk_never_do(watch, visitor, shop):
    shirt = goods(watch)
    for method, address, form in (
        ("POST", "/cart/lines", {"sku": shirt.sku, "quantity": "1"}),
        ("GET", "/cart", None),
        ("GET", "/cart/drawer", None),
        ("GET", "/checkout", None),
        ("GET", "/auth/login", None),
        ("GET", "/account", None),
        ("GET", "/readyz", None),
    ):
        answer, _, copied = sent(
            lambda method=method, address=address, form=form: visitor.open(address, method=method, data=form)
        )
        assert answer.status_code < 500 and copied == 0, address
    staff = shop.test_client()
    with shop.app_context():
        at_desk(staff)
    staff.delete_cookie(replica.COOKIE)
    for address in ("/admin/", "/admin/products", f"/p/{shirt.product.slug}", "/"):
        answer, _, copied = sent(lambda address=address: staff.get(address))
        assert answer.status_code in (200, 308) and copied == 0, address


def test_who_has_just_written_sees_the_primary_and_others_the_replica(watch, visitor, shop, replay):
    shirt = goods(watch, price=1999)
    replay.stop()
    reprice(shirt, 2599)
    buyer = shop.test_client()

    buyer.post("/cart/lines", data={"sku": shirt.sku, "quantity": "1"})

    assert "25.99" in shown(buyer, shirt)
    assert "19.99" in shown(visitor, shirt)
    buyer.set_cookie(replica.COOKIE, "1.forged.forged")
    assert "19.99" in shown(buyer, shirt)


def test_a_late_replica_is_not_read(watch, visitor, replay):
    shirt = goods(watch)
    replay.stop()
    reprice(shirt, 2599)
    watch.look()
    watch.max_lag = 0.2
    eventually(lambda: watch.lag() > 0.2)

    assert "25.99" in shown(visitor, shirt)

    replay.go_on()
    eventually(watch.is_fit)
    assert sent(lambda: visitor.get(f"/p/{shirt.product.slug}"))[2] > 0


def test_a_page_to_keep_is_not_made_from_a_replica_without_the_edit(shop, watch, visitor, replay):
    shirt = goods(watch, price=1999)
    pagecache.start(shop)
    try:
        eventually(lambda: versions.is_trusted(time.monotonic()))
        assert "19.99" in kept_page(visitor, shirt)
        replay.stop()
        reprice(shirt, 2599)
        eventually(lambda: listening.wait_until_known(db.engine, "test"))

        assert watch.is_fit()
        assert "25.99" in kept_page(visitor, shirt)
    finally:
        pagecache.stop(shop)


def kept_page(visitor: FlaskClient, product: Any) -> str:
    """As a browser at the shop's own address is shown it; for any other address nothing is kept."""
    return visitor.get(f"/p/{product.product.slug}", base_url="http://shop.test").get_data(as_text=True)


def test_a_killed_replica_costs_nobody_a_page(watch, visitor, copy):
    shirt = goods(watch)
    visitor.get(f"/p/{shirt.product.slug}")

    copy.kill()
    answers = [sent(lambda: visitor.get(f"/p/{shirt.product.slug}")) for _ in range(3)]
    copy.start()

    assert [answer.status_code for answer, _, _ in answers] == [200, 200, 200]
    assert all(primary > 0 for _, primary, _ in answers)
    eventually(watch.is_fit)
    assert sent(lambda: visitor.get(f"/p/{shirt.product.slug}"))[2] > 0


def test_a_replica_that_hangs_is_given_up_in_the_middle_of_a_page(watch, visitor, copy):
    shirt = goods(watch)
    visitor.get(f"/p/{shirt.product.slug}")

    for process in copy.processes:
        process.send_signal(signal.SIGSTOP)
    try:
        answer, primary, _ = sent(lambda: visitor.get(f"/p/{shirt.product.slug}"))
        again = sent(lambda: visitor.get(f"/p/{shirt.product.slug}"))
    finally:
        for process in copy.processes:
            process.send_signal(signal.SIGCONT)

    assert (answer.status_code, primary > 0) == (200, True)
    assert again[0].status_code == 200 and again[2] == 0
    eventually(watch.is_fit)


def test_what_is_written_while_a_page_is_read_goes_to_the_primary(shop, watch):
    with shop.app_context(), reading_from(db.engines[REPLICA]):
        assert session().scalar(text("SELECT pg_is_in_recovery()")) is True
        session().rollback()
        with transaction() as current:
            assert current.scalar(text("SELECT pg_is_in_recovery()")) is False


@pytest.fixture
def listening_shop(shop: Flask, watch: Watch) -> Iterator[Flask]:
    """With the layer that keeps pages at work, and everything replayed that it must have."""
    pagecache.start(shop)
    eventually(lambda: versions.is_trusted(time.monotonic()))
    eventually(lambda: watch.look() or watch.is_caught_up(versions.position.lsn))  # type: ignore[func-returns-value, union-attr]
    yield shop
    pagecache.stop(shop)


def known() -> None:
    eventually(lambda: listening.wait_until_known(db.engine, "test"))
    eventually(lambda: versions.position is not None)


def at_shop(who: FlaskClient, address: str) -> str:
    return who.get(address, base_url="http://shop.test").get_data(as_text=True)


def test_what_every_page_shows_is_never_kept_from_a_late_replica(listening_shop, watch, visitor, replay):
    goods(watch)
    with transaction() as current:
        current.execute(text("INSERT INTO announcements (text, is_published) VALUES ('It was cold.', true)"))
    _wait_for_replay(watch)
    known()
    assert "It was cold." in at_shop(visitor, "/search?q=shirt")
    replay.stop()
    with transaction() as current:
        current.execute(text("UPDATE announcements SET text = 'It is warm.'"))
    known()

    assert "It is warm." in at_shop(visitor, "/search?q=shirt")

    replay.go_on()
    _wait_for_replay(watch)
    assert "It is warm." in at_shop(visitor, "/search?q=shirt") and "It is warm." in at_shop(visitor, "/")


def test_what_every_page_needs_is_read_where_nothing_is_late(listening_shop, watch, replay):
    """Also by whoever reads the replica meanwhile: what is kept is believed until the next change."""
    with listening_shop.app_context(), reading_from(db.engines[REPLICA]):
        assert announcement() is None
        replay.stop()
        with transaction() as current:
            current.execute(text("INSERT INTO announcements (text, is_published) VALUES ('It is warm.', true)"))
        known()

        assert announcement().text == "It is warm."


def test_an_address_that_is_not_kept_shows_an_edit_as_soon(listening_shop, watch, visitor, replay):
    shirt = goods(watch, price=1999)
    address = f"/p/{shirt.product.slug}?from=a-letter"
    assert "19.99" in at_shop(visitor, address)
    replay.stop()

    reprice(shirt, 2599)
    known()

    assert "25.99" in at_shop(visitor, address)


def test_a_page_that_is_made_while_an_edit_is_heard_of_is_not_kept_old(listening_shop, watch, visitor, replay):
    shirt = goods(watch, price=1999)
    shirt_id, address = shirt.id, f"/p/{shirt.product.slug}"
    known()
    eventually(lambda: watch.look() or watch.is_caught_up(versions.position.lsn))
    replay.stop()
    shelf = listening_shop.extensions["pages"].shelf
    look = shelf.get

    def look_slowly(*asked: Any) -> Any:
        """Redis takes a moment, in which somebody else's edit is committed and heard of."""
        with psycopg2.connect(runtime.settings().database_url.replace("+psycopg2", "")) as somebody:
            somebody.cursor().execute("UPDATE variants SET price_minor = 2599 WHERE id = %s", (shirt_id,))
        somebody.close()
        with listening_shop.app_context():
            known()
        return look(*asked)

    shelf.get = look_slowly
    at_shop(visitor, address)  # this one may be old: it was on its way
    shelf.get = look

    assert "25.99" in at_shop(visitor, address)
    replay.go_on()
    _wait_for_replay(watch)
    assert "25.99" in at_shop(visitor, address)


def test_what_is_sent_while_it_is_read_is_read_from_the_replica(watch, visitor):
    goods(watch)
    for address in ("/sitemap.xml", "/sitemaps/products-1.xml", "/feeds/products.xml"):
        answer, primary, copied = sent(lambda address=address: visitor.get(address))
        assert (answer.status_code, primary) == (200, 0) and copied > 0, address
