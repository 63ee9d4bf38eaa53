"""Whatever is sent, in any field, body, address, query or header, is answered; nothing breaks the shop."""

import io
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.lib import runtime
from app.lib.db import db
from tests.admin.desk import at_desk
from tests.factories import ADA, PASSWORD, a_product, a_variant, an_order
from tests.journeys.shopping import Shopper, words

JUNK = {
    "nul": "Ada\x00Lovelace",
    "10,000 letters": "x" * 10_000,
    "past int8": "9223372036854775808",
    "not finite": "1e309",
    "line break": "a\r\nSet-Cookie: b=c",
    "markup": "<script>alert(1)</script>{{ 7*7 }}' OR 1=1 --",
    "direction": "\u202eadA\ufeff" + "\U0001f9ff" * 50,
}
NAMES = (
    "sku quantity next buy_now remove email name line1 line2 city region postcode country phone shipping_method "
    "provider accept_terms idempotency_key reviewed key outcome reference password current title description price "
    "compare_at category_id brand_id status options slug parent_id position alt change note reason tracking_number "
    "seen kind role move left before page q sort price_min price_max in_stock size colour brand category open action"
)
FIELDS = NAMES.split()
BODIES = {
    "JSON list": ("application/json", b"[1, [2], {}]"),
    "JSON values": ("application/json", b'{"sku": ["a"], "quantity": {"a": 1}, "email": null, "name": 1e999}'),
    "broken JSON": ("application/json", b'{"a": "\xff'),
    "no UTF-8": ("application/x-www-form-urlencoded", b"sku=%ff%fe&quantity=\xff&email=%ED%A0%80&name=%ZZ&=&&&a"),
    "broken multipart": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="sku"\r\n\xff',
    ),
    "multipart without boundary": ("multipart/form-data", b"--x"),
    "no type": ("", b"\x00\xff"),
}


@pytest.fixture(autouse=True)
def without_limits(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends this much is soon refused for it; here each piece shall be looked at."""
    monkeypatch.setattr(runtime, "_current", replace(runtime.settings(), rate_limits=False))


class World:
    """One of everything an address can name, a visitor with a full cart, and an owner at the desk."""

    def __init__(self, app: Flask, visitor: FlaskClient, owner: FlaskClient):
        product = a_product(name="Shirt")
        variant = a_variant(on_hand=1000, product=product)
        order = an_order(variant)
        db.session.rollback()
        self.app, self.sku, self.number, self.key = app, variant.sku, order.number, order.key
        self.shopper = Shopper(visitor)
        self.shopper.add(self.sku)
        self.desk = at_desk(owner, role="owner")
        self.token = self.desk.token()
        self.names: dict[str, Any] = {"number": order.number, "slug": product.slug, "sku": variant.sku}
        db.session.remove()

    def addresses(self, method: str) -> Iterator[tuple[str, FlaskClient]]:
        """Every address that takes the method, and the browser of somebody who may open it."""
        known = {"provider": "stripe", "reference": "att-" + "a" * 26, "key": "x.webp", "kind": "amount", **self.names}
        for rule in self.app.url_map.iter_rules():
            if method not in (rule.methods or ()) or rule.endpoint == "auth.logout":
                continue
            names = {name: known.get(name, "nothing") for name in rule.arguments}
            for name in rule.arguments:
                if "<uuid:" + name in rule.rule:
                    names[name] = uuid.uuid4()
                if "<int:" + name in rule.rule:
                    names[name] = 10**30
            _, path = rule.build(names) or ("", "")
            staff = path.startswith(("/admin", "/account"))
            yield path, self.desk.browser if staff else self.shopper.browser


@pytest.fixture
def world(app: Flask, new_browser: Any) -> World:
    return World(app, new_browser(), new_browser())


def complain(broken: list[Any], answer: Any, *what: Any) -> None:
    if answer.status_code >= 500:
        broken.append((answer.status_code, *what, words(answer.text)[:100]))


def some(turn: int, kinds: list[str], most: int) -> list[str]:
    """Each address gets a few kinds in the suite, its neighbours others; every address gets all with `make prove`."""
    chosen = kinds if os.environ.get("ROUNDS") else [kinds[(turn + step) % len(kinds)] for step in range(most)]
    return list(dict.fromkeys(chosen))


def some_junk(turn: int, kinds: list[str]) -> list[tuple[str, str]]:
    return [(name, JUNK[name]) for name in some(turn, kinds, 3)]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_full_of_junk_is_answered_everywhere(world: World, kind: str) -> None:
    broken: list[Any] = []

    kinds = list(JUNK) if "urlencoded" in kind else ["nul", "direction"]
    for turn, (path, browser) in enumerate(world.addresses("POST")):
        for name, value in some_junk(turn, kinds):
            fields = {**dict.fromkeys(FIELDS, value), "csrf_token": world.token, "password": "x"}
            answer = browser.post(path, data=fields, content_type=kind, htmx=name == "markup")
            complain(broken, answer, path, name)

    assert broken == []


def test_one_junk_field_in_a_good_form_is_answered(world: World) -> None:
    person = {"email": "bob@example.com", "password": PASSWORD, "name": "Bob"}
    forms: dict[str, dict[str, Any]] = {
        "/checkout": world.shopper.checkout_form(),
        "/cart/lines": {"sku": world.sku, "quantity": "1", "next": "/cart"},
        "/auth/claim": person,
        "/auth/register": person,
        f"/orders/{world.number}/payments": {"key": world.key, "provider": "demo"},
        "/admin/categories": {"name": "Hats", "csrf_token": world.token},
        f"/admin/orders/{world.number}/notes": {"note": "Fragile", "csrf_token": world.token},
    }
    broken: list[Any] = []

    for path, form in forms.items():
        browser = world.desk.browser if path.startswith("/admin") else world.shopper.browser
        for field in set(form) - {"csrf_token"}:
            for name in ("nul", "10,000 letters", "direction"):
                fields = {**form, field: [JUNK[name], JUNK["markup"]]}
                answer = browser.post(path, data=fields, content_type="multipart/form-data")
                complain(broken, answer, path, field, name)

    assert broken == []


def test_a_body_of_another_kind_is_answered_everywhere(world: World) -> None:
    broken: list[Any] = []

    for turn, (path, browser) in enumerate(world.addresses("POST")):
        for name in some(turn, list(BODIES), 2):
            kind, body = BODIES[name]
            answer = browser.post(path, data=body, content_type=kind, headers={"X-CSRFToken": world.token})
            complain(broken, answer, path, name)
        files = {**dict.fromkeys(FIELDS, "1"), "csrf_token": world.token}
        files |= {"image": (io.BytesIO(b"GIF89a\x00"), "../a\x00.jpg"), "sku": (io.BytesIO(b"x"), "b")}
        complain(broken, browser.post(path, data=files, content_type="multipart/form-data"), path, "files")

    assert broken == []


def test_junk_in_addresses_and_queries_is_answered(world: World) -> None:
    broken: list[Any] = []

    for turn, (path, browser) in enumerate(world.addresses("GET")):
        for name, value in some_junk(turn, list(JUNK)):
            query = urlencode([(field, value) for field in FIELDS] + [("size", value), ("page", value)])
            complain(broken, browser.get(f"{path}?{query}"), path, name)
            complain(
                broken, browser.get(f"{path.rpartition('/')[0]}/{quote(value, safe='')}"), path, name, "in the path"
            )
        complain(broken, browser.get(path + "?q=%ff%fe&page=%00&%ff=%fe&size=%ED%A0%80&sort=%ZZ"), path, "no UTF-8")

    assert broken == []


@pytest.mark.parametrize(
    "value", ["http://[", "http://a]b", "\xff\xfe", "x" * 9000, "cart=a.b; session=\xff; notice=x"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_junk_in_headers_is_answered(new_browser: Any, method: str, value: str) -> None:
    names = ("HX-Current-URL", "Referer", "Cookie", "Accept", "Accept-Language", "X-Request-Id", "Range", "Origin")
    broken: list[Any] = []

    for path in ("/", "/cart", "/checkout", "/account", "/admin/", "/admin/products", "/auth/login", "/search"):
        for name in names:
            answer = new_browser().open(path, method=method, headers={name: value})
            complain(broken, answer, path, name)

    assert broken == []


def test_what_is_refused_at_the_door_of_the_desk_is_no_fault(new_browser: Any) -> None:
    stranger = new_browser()

    forged = stranger.post("/admin/products", headers={"Sec-Fetch-Site": "cross-site"})
    junk = stranger.get("/admin/orders/a%00b")

    assert (forged.status_code, junk.status_code) == (403, 422)


def test_the_fields_of_a_refused_form_come_back_as_they_were_typed(world: World) -> None:
    answer = world.shopper.place(**{**ADA, "name": JUNK["markup"], "postcode": "?"})

    assert answer.status_code == 422
    assert "<script>alert" not in answer.text and JUNK["markup"] in words(answer.text.replace('value="', ">"))
