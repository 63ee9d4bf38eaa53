"""Nothing secret reaches a log."""

import json
import logging
import sys

import pytest

from app.lib.telemetry import Lines, scrub

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51Habcdef",
        "rk_test_51Habcdef",
        "whsec_abcdef0123",
        "Bearer abc.def.ghi",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "postgresql://shop:secret@db/shop",
        "redis://:secret@redis:6379/0",
    ],
)
def test_secrets_are_removed_wherever_they_stand(secret: str) -> None:
    assert secret not in scrub(f"before {secret} after")


@pytest.mark.parametrize("path", ["/auth/verify/", "/auth/reset/", "/auth/owner/", "/orders/S10001?key="])
def test_links_lose_their_token(path: str) -> None:
    assert scrub(f"GET {path}abcDEF_123-xyz HTTP/1.1") == f"GET {path}[removed] HTTP/1.1"


def test_of_an_attempt_s_reference_too_little_is_left_to_open_its_order() -> None:
    said = scrub("No answer about att-abcdefghijklmnopqrstuvwxyz on return")

    assert said == "No answer about att-abcdef[removed] on return"


def test_the_address_where_a_provider_tells_about_an_attempt_stays_secret() -> None:
    said = scrub(
        "POST /payments/mpesa/webhook/att-abcdefghijklmnopqrstuvwxyz/0123456789abcdef0123456789abcdef answered 500"
    )

    assert said == "POST /payments/mpesa/webhook/att-abcdef[removed]/[removed] answered 500"


def test_a_record_is_one_line_of_json_whatever_a_person_typed() -> None:
    record = logging.LogRecord("shop", logging.INFO, "x.py", 1, "name %s", ("Ada\n{forged: line}\r",), None)

    line = Lines().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "name Ada\\n{forged: line}\\r"


def test_a_traceback_is_scrubbed_too() -> None:
    try:
        raise ValueError("key sk_live_51Habcdef is wrong")
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, "x.py", 1, "broken", (), sys.exc_info())

    assert "sk_live" not in Lines().format(record)
