"""A wrong value stops the start with a sentence that names the variable."""

from pathlib import Path

import pytest

from app.config import BadSetting, load

pytestmark = pytest.mark.pure

KEY = "k3y-0123456789-abcdefghijklmnopqrstuvwxyz"
SAFE = {"SHOP_ENV": "production", "SECRET_KEY": KEY, "SHOP_URL": "https://shop.example.com"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("SHOP_ENV", "prod"),
        ("RATE_LIMITS", "ture"),
        ("CURRENCY", "EURO"),
        ("LOCALE", "klingon"),
        ("TAX_RATE", "8.5"),
        ("TAX_RATE", "NaN"),
        ("DATABASE_URL", "mysql://x/y"),
        ("REDIS_URL", "http://x"),
        ("MAIL_URL", "imap://x"),
        ("SHOP_URL", "shop.example.com"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 64),
        ("JOB_LEASE", "0"),
        ("SHIPPING_METHODS", "standard:Standard"),
        ("SHIPPING_METHODS", "standard:Standard:free:75:2-4"),
        ("SHIPPING_METHODS", "standard:Standard:5.999:75:2-4"),
        ("SHIP_TO", "US,Mars"),
        ("MAIL_FROM", "nobody"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        load({name: value})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"RATE_LIMITS": "off"}, "RATE_LIMITS"),
        ({"SHOP_URL": "http://shop.example.com"}, "SHOP_URL"),
    ],
)
def test_production_starts_with_nothing_unsafe(change: dict[str, str], name: str) -> None:
    assert load(SAFE).is_production

    with pytest.raises(BadSetting, match=name):
        load({**SAFE, **change})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")

    assert load({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == KEY
    with pytest.raises(BadSetting, match="SECRET_KEY_FILE"):
        load({"SECRET_KEY_FILE": str(tmp_path / "missing")})


def test_cookies_are_secure_exactly_under_tls() -> None:
    assert load(SAFE).is_tls
    assert not load({}).is_tls
    assert load({"PORT": "9000"}).shop_url == "http://127.0.0.1:9000"
