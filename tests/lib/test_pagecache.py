"""Pages that are kept: the same bytes for everybody who only looks, nobody's own in them, and never yesterday's."""

import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import text

from app.lib import pagecache, runtime
from app.lib.db import db
from app.lib.pagecache import listener as listening
from app.lib.pagecache.versions import versions
from tests.factories import a_category, a_product, a_variant, an_order
from tests.ops.waiting import eventually

SHOP = "http://shop.test"


class Reader:
    """A browser at the shop's own address; what it was told about caching is at hand."""

    def __init__(self, client: Any):
        self.client = client

    def get(self, address: str, **more: Any) -> Any:
        return self.client.get(address, base_url=SHOP, **more)

    def add(self, sku: str, quantity: int = 1) -> None:
        sent = self.client.post("/cart/lines", base_url=SHOP, data={"sku": sku, "quantity": quantity}, htmx=True)
        assert sent.status_code == 200


@pytest.fixture
def kept(app: Flask) -> Iterator[Any]:
    """The layer at work, as in a web process; `kept()` tells how answers were made since it was last asked."""
    Redis.from_url(runtime.settings().redis_url).flushall()
    pagecache.start(app)
    front = app.extensions["pages"]
    eventually(lambda: versions.is_trusted(time.monotonic()))
    last: dict[str, int] = {}

    def counted() -> dict[str, int]:
        now = pagecache.counts(app)
        new = {name: number - last.get(name, 0) for name, number in now.items() if number != last.get(name, 0)}
        last.update(now)
        return new

    counted()
    counted.front = front  # type: ignore[attr-defined]
    yield counted
    pagecache.stop(app)
    front.memory.clear()


@pytest.fixture
def known(app: Flask) -> Callable[[], None]:
    """Wait until what is committed by now has been heard, and pages are kept again."""

    def wait() -> None:
        eventually(lambda: listening.wait_until_known(db.engine, "test"))
        eventually(lambda: versions.position is not None)

    return wait


@pytest.fixture
def reader(new_browser: Any) -> Callable[[], Reader]:
    return lambda: Reader(new_browser())


def change(statement: str, **values: Any) -> None:
    """As a shell would: no code of the shop knows about it."""
    with db.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_a_page_read_again_costs_no_statement(kept, known, reader, queries):
    shirt = a_variant()
    known()
    for address in ("/", f"/c/{shirt.product.category.slug}", f"/p/{shirt.product.slug}", "/terms"):
        first = reader().get(address)
        with queries(at_most=0):
            again = reader().get(address)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.data == first.data
        assert dict(kept()) == {"miss": 1, "memory": 1}, address


def test_home_and_a_product_cost_two_statements_when_nobody_has_asked_before(kept, known, reader, queries):
    shirt = a_variant()
    known()
    reader().get("/terms")  # the menu is at hand

    for address in ("/", f"/p/{shirt.product.slug}"):
        with queries(at_most=2):
            assert reader().get(address).status_code == 200


CHANGES = {
    "a price": "UPDATE variants SET price_minor = 4321 WHERE sku = :sku",
    "a name": "UPDATE products SET name = '43.21 shirt' WHERE id = (SELECT product_id FROM variants WHERE sku = :sku)",
    "few left": "UPDATE stock_items SET on_hand = 3 WHERE variant_id = (SELECT id FROM variants WHERE sku = :sku)",
    "nothing left": "UPDATE stock_items SET on_hand = 0 WHERE variant_id = (SELECT id FROM variants WHERE sku = :sku)",
    "a category": "UPDATE categories SET name = '43.21 shelf'",
}
SEEN = {"few left": "3 left", "nothing left": "Sold out"}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_on_the_next_page_wherever_it_is_shown(kept, known, reader, what):
    shirt = a_variant(sku="THE-SHIRT")
    addresses = ("/", f"/c/{shirt.product.category.slug}", f"/p/{shirt.product.slug}")
    known()
    before = [reader().get(address).text for address in addresses]

    change(CHANGES[what], sku="THE-SHIRT")
    known()

    for address, old in zip(addresses, before, strict=True):
        now = reader().get(address).text
        assert SEEN.get(what, "43.21") in now and SEEN.get(what, "43.21") not in old, address


def test_a_sale_of_one_of_many_leaves_every_page_as_it_is(kept, known, reader):
    shirt = a_variant(on_hand=500)
    known()
    reader().get(f"/p/{shirt.product.slug}")

    change("UPDATE stock_items SET reserved = 7")
    known()

    reader().get(f"/p/{shirt.product.slug}")
    assert kept() == {"miss": 1, "memory": 1}


def test_an_import_of_many_products_is_one_notice(kept, known, app):
    category = a_category()
    heard: list[str] = []
    raw = db.engine.raw_connection()
    raw.cursor().execute("LISTEN pages")
    raw.commit()

    change(
        "DO $$ BEGIN FOR n IN 1..500 LOOP"
        f" INSERT INTO products (name, slug, category_id) VALUES ('p' || n, 'p' || n, {category.id}); END LOOP; END $$"
    )
    raw.cursor().execute("SELECT 1")
    heard = [notice.payload.split(" ", 1)[1] for notice in raw.notifies]
    raw.close()

    assert heard[-1] == "*"
    assert len(heard) < 101


def test_a_page_that_was_being_made_while_an_edit_committed_is_not_kept(kept, known, reader, app, monkeypatch):
    """The view has read the old price when the new one commits and is noticed; then it answers."""
    shirt = a_variant()
    address = f"/p/{shirt.product.slug}"
    known()
    render = app.jinja_env.get_template("catalog/product.html").root_render_func

    def slowly(context):
        monkeypatch.undo()
        change(CHANGES["a price"], sku=shirt.sku)
        known()
        yield from render(context)

    monkeypatch.setattr(app.jinja_env.get_template("catalog/product.html"), "root_render_func", slowly)
    assert "19.99" in reader().get(address).text

    assert "43.21" in reader().get(address).text


def test_a_page_ends_when_a_product_appears(kept, known, reader):
    shirt = a_variant()
    change("UPDATE products SET published_at = now() + interval '3 seconds'")
    known()
    category = f"/c/{shirt.product.category.slug}"
    early = reader().get(category).text
    assert is_over() or shirt.product.name not in early

    eventually(is_over)

    assert shirt.product.name in reader().get(category).text


def is_over() -> bool:
    with db.engine.connect() as connection:
        return bool(connection.scalar(text("SELECT bool_and(published_at <= now()) FROM products")))


MOMENTS = {
    "a sale that begins": "UPDATE variants SET sale_minor = 1, sale_starts_at = now() + interval '90 seconds'",
    "a sale that ends": "UPDATE variants SET sale_minor = 1, sale_ends_at = now() + interval '90 seconds'",
    "a product to come": "UPDATE products SET published_at = now() + interval '90 seconds' WHERE slug = 'other'",
    "the end of a hold": "UPDATE reservations SET expires_at = now() + interval '90 seconds'",
    "nothing": "SELECT 1",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_page_outlives_the_next_moment_at_which_it_changes(kept, known, reader, moment):
    shirt = a_variant(on_hand=1)
    other = a_product()
    an_order(shirt)
    change("UPDATE products SET slug = 'other' WHERE id = :id", id=other.id)
    change(MOMENTS[moment])
    known()
    begun = time.monotonic()
    reader().get(f"/p/{shirt.product.slug}")
    page = kept.front.memory.get(f"/p/{shirt.product.slug}?")

    assert begun < page.ends < time.monotonic() + (300.1 if moment == "nothing" else 90.1)

    page.ends = time.monotonic()
    kept()
    reader().get(f"/p/{shirt.product.slug}")
    assert kept()["miss"] == 1


def test_a_shopper_s_number_stands_on_a_kept_page_without_a_statement(kept, known, reader, queries):
    shirt = a_variant(on_hand=50)
    ada, visitor = reader(), reader()
    ada.add(shirt.sku, 7)
    known()
    address = f"/p/{shirt.product.slug}"
    visitor.get(address)

    for accepted in ("", "gzip", "br, gzip"):
        with queries(at_most=0):
            hers = ada.get(address, headers={"Accept-Encoding": accepted})
        text_ = unpacked(hers)
        assert '>7<span class="sr"> items' in text_
        assert hers.headers["Cache-Control"] == "private, no-store"
        assert "ETag" not in hers.headers
    assert '>0<span class="sr"> items' in visitor.get(address).text
    assert text_.replace(">7<span", ">0<span") == visitor.get(address).text


def unpacked(answer: Any) -> str:
    encoding = answer.headers.get("Content-Encoding")
    body = {"gzip": gzip.decompress, "br": brotli.decompress, None: bytes}[encoding](answer.data)
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return body.decode()


def test_a_page_read_again_is_smaller_and_counted_as_before(kept, known, reader):
    shirt, zip_ = a_variant(), {"Accept-Encoding": "gzip"}
    known()
    address = f"/p/{shirt.product.slug}"
    memory = kept.front.memory
    memory.clear()

    first, again = (reader().get(address, headers=zip_) for _ in range(2))
    memory.drop(f"{address}?")

    assert len(again.data) < len(first.data)
    assert unpacked(again) == unpacked(first)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert memory.size == 0


def test_a_page_made_for_a_shopper_holds_nothing_of_hers(kept, known, reader):
    """She asks first, so the page is made at her request."""
    shirt = a_variant(on_hand=50)
    ada = reader()
    ada.add(shirt.sku, 7)
    known()

    hers = ada.get(f"/p/{shirt.product.slug}")
    his = reader().get(f"/p/{shirt.product.slug}")

    assert ">7<span" in hers.text and ">7<span" not in his.text
    assert "Set-Cookie" not in his.headers
    assert kept()["memory"] == 1


def test_a_forged_cart_cookie_counts_nothing(kept, known, reader):
    shirt = a_variant()
    known()
    forger = reader()
    forger.client.set_cookie("cart", "WyJ4Iiw5OV0.AAAAAAAAAAAAAAAAAAAAAAAAAAA", domain="shop.test")

    assert '>0<span class="sr"> items' in forger.get(f"/p/{shirt.product.slug}").text


def test_who_has_a_notice_to_read_gets_a_page_of_their_own(kept, known, reader):
    shirt = a_variant()
    ada = reader()
    known()
    ada.get(f"/p/{shirt.product.slug}")
    ada.client.post(
        "/cart/lines", base_url=SHOP, data={"sku": shirt.sku, "quantity": 1, "next": f"/p/{shirt.product.slug}"}
    )

    told = ada.get(f"/p/{shirt.product.slug}")

    assert "to your cart." in told.text
    assert told.headers["Cache-Control"] == "private, no-store"
    assert "to your cart." not in reader().get(f"/p/{shirt.product.slug}").text


POISON = [
    {"headers": {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test"}},
    {"headers": {"X-Original-URL": "/evil.test", "X-Rewrite-URL": "/evil.test", "X-HTTP-Method-Override": "POST"}},
    {"headers": {"HX-Current-URL": "http://evil.test/", "HX-Trigger": "evil.test", "HX-Prompt": "evil.test"}},
    {"headers": {"HX-Target": "evil.test#buy", "HX-Boosted": "true", "HX-Request": "true"}},
    {"headers": {"HX-Request": "true", "HX-Target": "evil.test"}},
    {"headers": {"Accept": "application/json", "Accept-Language": "evil.test", "Accept-Encoding": "evil.test"}},
    {"headers": {"Authorization": "Bearer evil.test", "Range": "bytes=0-5", "User-Agent": "evil.test"}},
    {"headers": {"Cookie": "session=evil.test; theme=evil.test; notice=evil.test"}},
    {"headers": {"Cookie": "cart=evil.test; cart=evil.test"}},
    {"headers": {"X-Request-Id": "evil-test-evil-test"}},
    {"query_string": "utm_source=evil.test&gclid=evil.test"},
    {"query_string": "evil.test=evil.test&sku=evil.test"},
    {"query_string": "utm_source=%ff%00&sku="},
    {"query_string": "colour=evil.test"},
    {"base_url": "http://evil.test"},
    {"method": "HEAD"},
    {"method": "OPTIONS"},
]


@pytest.mark.parametrize("trick", POISON, ids=str)
def test_nothing_mallory_sends_reaches_ada(kept, known, reader, trick):
    shirt = a_variant()
    known()
    mallory, ada = reader(), reader()
    clean = {}
    for address in ("/", f"/p/{shirt.product.slug}", f"/c/{shirt.product.category.slug}"):
        sent = {"base_url": SHOP, "method": "GET", **trick}
        for _ in range(2):
            assert mallory.client.open(address, **sent).status_code < 500
        clean[address] = ada.get(address)

    for address, answer in clean.items():
        assert answer.status_code == 200 and answer.data.startswith(b"<!doctype html>") and b"</html>" in answer.data
        assert "evil" not in answer.text and "evil" not in str(answer.headers), address
        assert "Set-Cookie" not in answer.headers
        assert answer.text.count('id="cart-badge"') == 1
    assert kept.front.memory.get(f"/p/{shirt.product.slug}?") is not None
    keys = [key for key in kept.front.memory._pages if "utm" in key or "gclid" in key]
    assert keys == []


def test_a_fragment_and_a_page_of_one_address_never_meet(kept, known, reader):
    shirt = a_variant()
    known()
    address = f"/p/{shirt.product.slug}"
    htmx = {"HX-Request": "true", "HX-Target": "div#buy"}

    for _ in range(2):
        page, fragment = reader().get(address), reader().get(address, headers=htmx)
        boosted = reader().get(address, headers={**htmx, "HX-Boosted": "true"})
        assert page.text.startswith("<!doctype html>") and boosted.text == page.text
        assert fragment.text.lstrip().startswith('<div class="buy"')
        assert set(page.headers["Vary"].split(", ")) == {"Accept-Encoding", "HX-Request", "HX-Target"}


def test_an_edit_of_many_variants_is_on_the_next_page_of_every_product(kept, known, reader):
    products = [a_product(category=a_category()) for _ in range(25)]
    addresses = [f"/p/{product.slug}" for product in products]
    change("""
        INSERT INTO variants (product_id, sku, price_minor, currency, options_text, position, option_key)
        SELECT id, 'S' || id || '-' || k, 1000, 'USD', 'x', k, k::text
        FROM products, generate_series(1, 6) AS nth (k) ORDER BY products.id, nth.k
    """)
    known()
    assert all("$10.00" in reader().get(address).text for address in addresses)

    change("UPDATE variants SET price_minor = 4321")  # 150 rows in one statement
    known()

    assert [address for address in addresses if "$43.21" not in reader().get(address).text] == []


def test_a_browser_that_has_the_page_is_told_so(kept, known, reader):
    shirt = a_variant()
    ada, address = reader(), f"/p/{shirt.product.slug}"
    known()
    tag = ada.get(address).headers["ETag"]

    same = ada.get(address, headers={"If-None-Match": tag})
    change(CHANGES["a price"], sku=shirt.sku)
    known()
    other = ada.get(address, headers={"If-None-Match": tag})

    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == tag and same.headers["Cache-Control"] == "no-cache"
    assert other.status_code == 200 and other.headers["ETag"] != tag
    ada.add(shirt.sku)
    assert ada.get(address, headers={"If-None-Match": other.headers["ETag"]}).status_code == 200


def test_a_kept_page_says_about_itself_what_a_made_one_does(kept, known, reader, app):
    shirt = a_variant()
    known()
    address = f"/p/{shirt.product.slug}"
    reader().get(address)
    again = reader().get(address, headers={"Accept-Encoding": "br"})
    head = reader().client.head(address, base_url=SHOP, headers={"Accept-Encoding": "br"})
    pagecache.stop(app)
    made = reader().get(address)

    assert unpacked(again) == made.text
    assert head.data == b"" and head.headers["Content-Length"] == again.headers["Content-Length"]
    changing = {"X-Request-Id", "Vary", "ETag", "Content-Length", "Content-Encoding", "Connection"}
    assert {n: v for n, v in again.headers if n not in changing} == {n: v for n, v in made.headers if n not in changing}
    assert again.headers["X-Request-Id"] != head.headers["X-Request-Id"]


def test_memory_stays_within_its_bound_and_redis_has_what_it_dropped(kept, known, reader):
    shelf = a_category()
    shirts = [a_variant(product=a_product(category=shelf)) for _ in range(6)]
    known()
    kept.front.memory._most = 40_000
    for shirt in shirts * 2:
        for _ in range(2):
            assert shirt.product.name in reader().get(f"/p/{shirt.product.slug}").text

    assert kept.front.memory.size <= 40_000
    assert kept() == {"miss": 6, "memory": 12, "redis": 6}


@pytest.mark.parametrize("trouble", ["flushed", "junk", "gone"])
def test_pages_answer_whatever_happens_to_redis(kept, known, reader, monkeypatch, trouble):
    shirt = a_variant()
    address = f"/p/{shirt.product.slug}"
    known()
    for _ in range(2):
        reader().get(address)
    redis = Redis.from_url(runtime.settings().redis_url)
    [name] = redis.keys("page:*/p/*")

    if trouble == "flushed":
        redis.flushall()
    elif trouble == "junk":
        redis.set(name, b'{"sizes": [9]}\n1234')
    else:
        kept.front.shelf._redis = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.3)
    kept.front.memory.clear()

    for _ in range(3):
        assert reader().get(address).status_code == 200
    assert kept()["miss"] == 2
    redis.flushall()


def test_while_nobody_listens_nothing_kept_is_believed(kept, known, reader):
    """The connection is cut; what changes meanwhile is noticed by nobody."""
    shirt = a_variant()
    address = f"/p/{shirt.product.slug}"
    known()
    for _ in range(2):
        assert "19.99" in reader().get(address).text

    change("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sokoni-pages'")
    eventually(lambda: not versions.is_trusted(time.monotonic()))
    change("SET LOCAL session_replication_role = replica; " + CHANGES["a price"].replace(":sku", f"'{shirt.sku}'"))

    assert "43.21" in reader().get(address).text
    eventually(lambda: versions.is_trusted(time.monotonic()))
    assert "43.21" in reader().get(address).text
    assert kept() == {"miss": 2, "memory": 1, "bypass": 1}


def test_what_is_heard_while_the_listener_asks_is_asked_for_again(app, kept, known, reader, monkeypatch):
    """Its answer may be older than the change it hears of: then it does not say when pages end."""
    shirt = a_variant()
    known()
    before, ask, lets_in = versions.sequence, listening.Ear.ask, [True]

    def ask_while_somebody_commits(ear: Any, payloads: list[str]) -> Any:
        own = ear._drained

        def drained() -> list[str]:
            with app.app_context():
                change("UPDATE variants SET sale_minor = 1, sale_starts_at = now() + interval '90 seconds'")
            found: list[str] = []
            while not any(payload[0].isdigit() for payload in found):
                ear._raw.poll()
                found += own()
            return found

        if lets_in and not payloads:
            lets_in.clear()
            ear._drained = drained
        try:
            return ask(ear, payloads)
        finally:
            ear.__dict__.pop("_drained", None)

    monkeypatch.setattr(listening.Ear, "ask", ask_while_somebody_commits)
    eventually(lambda: versions.sequence > before)

    begun = time.monotonic()
    reader().get(f"/p/{shirt.product.slug}")

    page = kept.front.memory.get(f"/p/{shirt.product.slug}?")
    assert page is None or page.ends < begun + 90.5
