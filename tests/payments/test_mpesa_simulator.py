"""M-Pesa's other end by itself: what it refuses, and the buttons of its telephones."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .ends import a_request
from .ends_mpesa import KEYS, MpesaEnd

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def one_end() -> Iterator[MpesaEnd]:
    end = MpesaEnd.open()
    yield end
    end.stop()


@pytest.fixture
def end(one_end: MpesaEnd) -> Iterator[MpesaEnd]:
    yield one_end
    one_end.later(61)


@pytest.fixture
def good(end: MpesaEnd) -> dict[str, Any]:
    """A push as it should be."""
    end.provider.start(a_request(amount=end.price))
    end.later(61)
    return dict(end.simulator.phones.all()[0].asked)


def ask(end: MpesaEnd, push: Any) -> tuple[int, dict[str, Any]]:
    token = end.provider._token.current()
    answer = requests.post(
        f"{end.simulator.base_url}/mpesa/stkpush/v1/processrequest",
        json.dumps(push),
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )
    return answer.status_code, answer.json()


def test_what_daraja_would_refuse_is_refused(end, good):
    wrong: list[dict[str, Any]] = [
        {"Amount": 0},
        {"Amount": 10.5},
        {"Amount": "400"},
        {"Amount": 250_001},
        {"PhoneNumber": "0712345678"},
        {"PartyA": "255712345678"},
        {"CallBackURL": "http://shop.example/callback"},
        {"AccountReference": "thirteen-long"},
        {"TransactionDesc": ""},
        {"TransactionType": "PayMe"},
        {"Timestamp": "now"},
        {"Surprise": 1},
    ]
    for change in wrong:
        status, answer = ask(end, good | change)
        assert (status, answer["errorCode"]) == (400, "400.002.02"), change
        assert next(iter(change)) in answer["errorMessage"]

    status, answer = ask(end, good | {"Password": base64.b64encode(b"guess-guess-guess").decode()})
    assert (status, answer["errorCode"]) == (500, "500.001.1001")


def test_without_keys_or_token_nothing_is_answered(end, good):
    base = end.simulator.base_url

    no_keys = requests.get(f"{base}/oauth/v1/generate?grant_type=client_credentials", timeout=5)
    no_grant = requests.get(f"{base}/oauth/v1/generate", auth=KEYS[:2], timeout=5)
    no_token = requests.post(f"{base}/mpesa/stkpush/v1/processrequest", json=good, timeout=5)

    assert [one.json()["errorCode"] for one in (no_keys, no_grant, no_token)] == [
        "400.008.01",
        "400.008.02",
        "404.001.03",
    ]


def test_a_telephone_shows_the_request_and_its_buttons_answer_it(end):
    base = end.simulator.base_url
    step = end.provider.start(a_request(amount=end.price, order_number="10001"))

    desk = requests.get(f"{base}/", timeout=5).text
    screen = requests.get(f"{base}/phone/{step.provider_ref}", timeout=5).text
    assert f'href="/phone/{step.provider_ref}"' in desk and "rings" in desk
    assert "Pay KES 400 to 174379 account no. 10001?" in screen
    after = requests.post(f"{base}/phone/{step.provider_ref}", {"do": "cancel"}, timeout=5).text

    assert "1032, Request cancelled by user" in after
    assert end.provider.look_up("att", step.provider_ref).state == "cancelled"
    assert requests.post(f"{base}/phone/{step.provider_ref}", {"do": "pay"}, timeout=5).status_code == 400
    assert requests.get(f"{base}/phone/ws_CO_nobody", timeout=5).status_code == 400


def test_the_control_desk_moves_phones_too(end):
    step = end.provider.start(a_request(amount=end.price))
    wish = {"late_seconds": 1, "do": "late", "push": step.provider_ref}

    assert requests.post(f"{end.simulator.base_url}/_control", json=wish, timeout=5).status_code == 200
    assert requests.post(f"{end.simulator.base_url}/_control", json=wish, timeout=5).status_code == 400

    assert end.provider.look_up("att", step.provider_ref).awaits_money
    end.later(2)
    assert end.provider.look_up("att", step.provider_ref).state == "paid"
