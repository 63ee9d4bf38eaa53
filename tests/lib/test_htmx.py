"""One answer for a browser, a smaller one for htmx, and no way off the site."""

import json
from typing import Any

import pytest
from flask import Flask

from app.lib.htmx import local_path, respond, wants_fragment


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/a\nb",
        "\\/evil.test",
        "",
        None,
        "account",
        "/%5c%5cevil.test\\",
        "/..//evil.test",
        "/.//evil.test",
    ],
)
@pytest.mark.pure
def test_no_target_leads_off_the_site(target: str | None) -> None:
    assert local_path(target, "/home") == "/home"


@pytest.mark.pure
@pytest.mark.parametrize("target", ["/", "/account?tab=orders", "/orders/S10001?key=a-b"])
def test_a_path_of_this_site_is_kept(target: str) -> None:
    assert local_path(target, "/home") == target


@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-History-Restore-Request": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_only_htmx_itself_gets_a_fragment(app: Flask, headers: dict[str, str], fragment: bool) -> None:
    with app.test_request_context(headers=headers):
        assert wants_fragment() is fragment


def test_a_redirect_is_followed_by_both(app: Flask) -> None:
    def go(**headers: str) -> Any:
        with app.test_request_context(headers=headers):
            return respond(then="https://pay.test/x", say="Off you go")

    plain, htmx = go(), go(**{"HX-Request": "true"})

    assert (plain.status_code, plain.headers["Location"]) == (303, "https://pay.test/x")
    assert (htmx.status_code, htmx.headers["HX-Redirect"]) == (200, "https://pay.test/x")
    assert "HX-Request" in plain.headers["Vary"]


def test_what_is_said_rides_along_as_a_toast(app: Flask) -> None:
    with app.test_request_context(headers={"HX-Request": "true"}):
        answer = respond("errors/_notice.html", sentence="x", page="errors/error.html", say="Sävéd", trigger={"a": {}})

    assert json.loads(answer.headers["HX-Trigger"]) == {"a": {}, "toast": {"text": "Sävéd"}}
    assert answer.headers["HX-Trigger"].isascii()
