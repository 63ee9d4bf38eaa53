"""Our Chapa and our Paystack refuse what the real ones refuse, and their pages and messages are as the real ones'."""

import hmac
import json
from collections.abc import Iterator
from hashlib import sha256, sha512
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import requests

from app.payments.simulators import ChapaSimulator, PaystackSimulator

pytestmark = pytest.mark.pure

PAYSTACK = {"email": "ada@example.com", "amount": 5000, "currency": "NGN", "reference": "att-1"}
CHAPA = {"amount": "400.00", "currency": "ETB", "tx_ref": "att-1", "return_url": "http://shop.test/back?x=1"}


@pytest.fixture(scope="module")
def paystack() -> Iterator[PaystackSimulator]:
    simulator = PaystackSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def chapa() -> Iterator[ChapaSimulator]:
    simulator = ChapaSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def shop():
    """An address that takes messages and remembers them."""
    heard = []

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(
                (
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(int(self.headers["Content-Length"])),
                )
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Shop)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/webhook", heard
    server.shutdown()
    server.server_close()


def call(simulator, method, path, key, **content):
    answer = requests.request(
        method,
        simulator.base_url + path,
        headers={"Authorization": f"Bearer {key}"},
        timeout=5,
        allow_redirects=False,
        **content,
    )
    return answer.status_code, answer.json()


def ask_paystack(simulator, method, path, key="sk_test_suite", **content):
    return call(simulator, method, path, key, **content)


def ask_chapa(simulator, method, path, key="CHASECK_TEST-suite", **content):
    return call(simulator, method, "/v1" + path, key, **content)


# Paystack


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "att_1"},
        {"reference": "att 1"},
        {"email": None},
        {"email": "ada"},
        {"amount": "5000"},
        {"amount": 50.5},
        {"amount": 4999},
        {"amount": -5},
        {"amount": True},
        {"currency": "EUR"},
        {"currency": "ngn"},
        {"callback_url": "/back"},
        {"metadata": "order"},
        {"channels": ["pigeon"]},
        {"expires_at": 5},
    ],
    ids=str,
)
def test_what_paystack_would_refuse_is_refused(paystack, change):
    content = {name: value for name, value in (PAYSTACK | change).items() if value is not None}

    status, body = ask_paystack(paystack, "POST", "/transaction/initialize", json=content)

    assert (status, body["status"], body["type"]) == (400, False, "validation_error")
    assert paystack.account.transactions() == []


@pytest.mark.parametrize("key", ["", "pk_test_1", "sk_prod_1"])
def test_without_its_key_paystack_says_nothing(paystack, key):
    assert ask_paystack(paystack, "GET", "/transaction", key)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/transaction/verify/att-none", 404),
        ("GET", "/refund/77", 404),
        ("POST", "/transaction/close", 404),
        ("GET", "/transaction?perPage=5", 400),
        ("GET", "/transaction?from=yesterday", 400),
        ("GET", "/refund?transaction=7", 400),
        ("GET", "/dispute?status=lost", 400),
        ("GET", "/transaction?per_page=5&page=1&from=2026-01-01", 200),
    ],
)
def test_questions_paystack_cannot_answer(paystack, method, path, status):
    assert ask_paystack(paystack, method, path)[0] == status


def test_a_reference_is_taken_once_and_a_refund_is_made_as_often_as_asked():
    paystack = PaystackSimulator()
    paystack.start()
    ask_paystack(paystack, "POST", "/transaction/initialize", json=PAYSTACK)
    again = ask_paystack(paystack, "POST", "/transaction/initialize", json=PAYSTACK)
    unpaid = ask_paystack(paystack, "POST", "/refund", json={"transaction": "att-1"})
    paystack.do("pay", "att-1")
    refund = {"transaction": "att-1", "amount": 2000, "merchant_note": "ref-1"}
    made = [ask_paystack(paystack, "POST", "/refund", json=refund)[0] for _ in range(3)]
    paystack.stop()

    assert (again[0], again[1]["code"]) == (400, "duplicate_reference")
    assert (unpaid[0], made) == (400, [200, 200, 400])


def test_another_run_gives_no_number_again_that_a_shop_may_remember():
    ids = []
    for _ in range(2):
        paystack = PaystackSimulator()
        paystack.start()
        ask_paystack(paystack, "POST", "/transaction/initialize", json=PAYSTACK)
        ids.append(paystack.do("pay", "att-1")["id"])
        paystack.stop()

    assert ids[0] != ids[1]


def test_paystack_s_page_leads_back_with_the_reference_and_tells_the_shop(shop):
    url, heard = shop
    paystack = PaystackSimulator(webhook_url=url, secret_key="sk_test_page")
    paystack.start()
    asked = PAYSTACK | {
        "callback_url": "http://shop.test/back?reference=att-1",
        "metadata": {"cancel_action": "http://shop.test/left"},
    }
    page = ask_paystack(paystack, "POST", "/transaction/initialize", json=asked)[1]["data"]["authorization_url"]

    left = requests.post(page, {"outcome": "leave"}, allow_redirects=False, timeout=5)
    declined = requests.post(page, {"outcome": "decline"}, timeout=5)
    paid = requests.post(page, {"outcome": "pay"}, allow_redirects=False, timeout=5)
    desk = requests.get(paystack.base_url, timeout=5)
    paystack.wait_until_told()
    paystack.stop()

    assert left.headers["Location"] == "http://shop.test/left"
    assert ("Declined" in declined.text, "att-1" in desk.text) == (True, True)
    assert paid.headers["Location"] == "http://shop.test/back?reference=att-1&trxref=att-1&reference=att-1"
    ((headers, body),) = heard
    assert json.loads(body)["event"] == "charge.success"
    assert headers["x-paystack-signature"] == hmac.new(b"sk_test_page", body, sha512).hexdigest()


def test_paystack_s_desk_understands_wishes(paystack):
    desk = paystack.base_url + "/_control"
    paystack.account.begin({"email": "a@shop.test", "amount": 5000, "reference": "att-wish"}, live=False)

    good = requests.post(desk, json={"do": "pay", "reference": "att-wish", "refunds_end": "failed"}, timeout=5)
    bad = requests.post(desk, json={"do": "fly", "reference": "att-wish"}, timeout=5)

    assert (good.status_code, bad.status_code) == (200, 400)
    assert paystack.account.find("att-wish")["status"] == "success"


# Chapa


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 400},
        {"amount": "400.001"},
        {"amount": "0"},
        {"currency": "KES"},
        {"tx_ref": None},
        {"email": "ada"},
        {"phone_number": "+251911223344"},
        {"phone_number": "0811223344"},
        {"return_url": "/back"},
        {"customization": {"title": "Seventeen letters"}},
        {"customization": {"title": "Order #7"}},
        {"customization": {"colour": "red"}},
        {"expires_at": "5"},
    ],
    ids=str,
)
def test_what_chapa_would_refuse_is_refused(chapa, change):
    content = {name: value for name, value in (CHAPA | change).items() if value is not None}

    status, body = ask_chapa(chapa, "POST", "/transaction/initialize", json=content)

    assert (status, body["status"], body["data"]) == (400, "failed", None)
    assert list(body["message"]) == list(change)
    assert chapa.account.payments() == []


@pytest.mark.parametrize("key", ["", "sk_test_1", "CHAPUBK_TEST-1"])
def test_without_its_key_chapa_says_nothing(chapa, key):
    assert ask_chapa(chapa, "GET", "/transactions", key)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/transaction/verify/att-none", 404),
        ("PUT", "/transaction/cancel/att-none", 404),
        ("GET", "/refund/MERC-DIS-REF-0/verify", 404),
        ("GET", "/transactions?from=2026-01-01", 400),
        ("GET", "/nothing", 404),
    ],
)
def test_questions_chapa_cannot_answer(chapa, method, path, status):
    assert ask_chapa(chapa, method, path)[0] == status


def test_chapa_takes_every_name_once_and_closes_a_page_once():
    chapa = ChapaSimulator()
    chapa.start()
    for tx_ref in ("att-1", "att-2"):
        ask_chapa(chapa, "POST", "/transaction/initialize", json=CHAPA | {"tx_ref": tx_ref})
    again = ask_chapa(chapa, "POST", "/transaction/initialize", json=CHAPA)
    closed = [ask_chapa(chapa, "PUT", "/transaction/cancel/att-2")[0] for _ in range(2)]
    unpaid = ask_chapa(chapa, "POST", "/refund/att-1", data={"amount": "1"})
    chapa.do("pay", "att-1")
    refund = {"amount": "100.50", "reference": "ref-1", "meta[order]": "SO-1"}
    made = [ask_chapa(chapa, "POST", "/refund/att-1", data=refund)[0] for _ in range(2)]
    too_much = ask_chapa(chapa, "POST", "/refund/att-1", data={"amount": "300", "reference": "ref-2"})
    chapa.stop()

    assert again[1]["message"] == "Transaction reference has been used before"
    assert (closed, unpaid[0], made, too_much[0]) == ([200, 400], 400, [200, 400], 400)


def test_chapa_s_page_leads_back_and_tells_the_shop_with_both_signatures(shop):
    url, heard = shop
    chapa = ChapaSimulator(webhook_url=url, webhook_secret="hash")
    chapa.mailman.faults.add({"fault": "bad_signature", "match": "charge.failed"})
    chapa.start()
    page = ask_chapa(chapa, "POST", "/transaction/initialize", json=CHAPA)[1]["data"]["checkout_url"]

    declined = requests.post(page, {"outcome": "decline"}, timeout=5)
    paid = requests.post(page, {"outcome": "pay"}, allow_redirects=False, timeout=5)
    desk = requests.get(chapa.base_url, timeout=5)
    chapa.wait_until_told()
    chapa.stop()

    assert ("not enough money" in declined.text, "att-1" in desk.text) == (True, True)
    assert paid.headers["Location"] == CHAPA["return_url"]
    constant = hmac.new(b"hash", b"hash", sha256).hexdigest()
    good = [hmac.new(b"hash", body, sha256).hexdigest() == headers["x-chapa-signature"] for headers, body in heard]
    assert (good, {headers["chapa-signature"] for headers, _ in heard}) == ([False, True], {constant})
    assert [json.loads(body)["event"] for _, body in heard] == ["charge.failed/cancelled", "charge.success"]
