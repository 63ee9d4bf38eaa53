"""What our Stripe tells the shop, on good days and by script on bad ones."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from app.payments.providers.stripe import StripeProvider
from app.payments.simulators import StripeSimulator

from .asking import a_session, call
from .ends import SECRET, a_request

pytestmark = pytest.mark.pure


@pytest.fixture
def simulator() -> Iterator[StripeSimulator]:
    simulator = StripeSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


class Shop:
    """A webhook address that notes what it gets and answers what it is told to."""

    def __init__(self, *statuses: int) -> None:
        shop = self
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.got.append((dict(self.headers), body))
                self.send_response(shop.statuses.pop(0) if shop.statuses else 200)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Quietly."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/payments/stripe/webhook"

    def types(self) -> list[str]:
        return [json.loads(body)["type"].removeprefix("checkout.session.") for _, body in self.got]


@pytest.fixture
def shop(simulator: StripeSimulator) -> Iterator[Shop]:
    shop = Shop()
    simulator.mailman.url = shop.url
    simulator.mailman.retry_after = (0.01, 0.01)
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


def test_a_payment_is_told_with_a_signature_the_adapter_believes(simulator, shop):
    provider = StripeProvider("sk_test_suite", (SECRET,), api_base=simulator.base_url)
    step = provider.start(a_request())

    simulator.do("pay", step.provider_ref)
    simulator.wait_until_told()

    ((headers, body),) = shop.got
    event = provider.read_webhook(headers, body)
    assert (event.reference, event.claims.state) == (a_request().reference, "paid")
    assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET).id == event.event_key


def test_a_message_is_sent_again_until_it_is_taken(simulator, shop):
    shop.statuses = [500, 503]

    simulator.do("pay", a_session(simulator)["id"])
    simulator.wait_until_told()

    assert len({body for _, body in shop.got}) == 1
    assert [entry["status"] for entry in simulator.mailman.log] == [500, 503, 200]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("lose", []),
        ("duplicate", ["completed", "completed"]),
        ({"fault": "delay", "seconds": 0.05}, ["completed"]),
    ],
)
def test_messages_have_bad_days(simulator, shop, fault, expected):
    simulator.mailman.faults.add(fault)

    simulator.do("pay", a_session(simulator)["id"])
    simulator.wait_until_told()

    assert shop.types() == expected


def test_messages_can_overtake_each_other(simulator, shop):
    simulator.mailman.faults.add("reorder")

    simulator.do("pay", a_session(simulator)["id"])
    simulator.do("expire", a_session(simulator)["id"])
    simulator.wait_until_told()

    assert shop.types() == ["expired", "completed"]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("wrong_amount", (2001, "usd")), ("wrong_currency", (2000, "eur"))],
)
def test_messages_can_lie_over_a_good_signature(simulator, shop, fault, seen):
    simulator.mailman.faults.add(fault)

    simulator.do("pay", a_session(simulator)["id"])
    simulator.wait_until_told()

    ((headers, body),) = shop.got
    session = json.loads(body)["data"]["object"]
    assert (session["amount_total"], session["currency"]) == seen
    assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)


def test_messages_can_be_forged(simulator, shop):
    simulator.mailman.faults.add("bad_signature")

    simulator.do("pay", a_session(simulator)["id"])
    simulator.wait_until_told()

    ((headers, body),) = shop.got
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)


def test_time_brings_late_money_and_closes_what_was_left(simulator, shop):
    late, left = a_session(simulator)["id"], a_session(simulator)["id"]
    simulator.do("late", late)

    simulator.clock.move(25 * 3600)
    simulator.tick()
    simulator.wait_until_told()

    assert sorted(shop.types()) == ["async_payment_succeeded", "completed", "expired"]
    assert simulator.account.find("cs", left)["status"] == "expired"


# The control desk


def test_the_desk_scripts_faults_moves_the_clock_and_tells_what_came(simulator):
    session = a_session(simulator)
    wish = {
        "clock": "+60",
        "late_seconds": 1,
        "faults": [{"fault": "500", "times": 2, "match": "/v1/checkout"}],
        "do": "pay",
        "session": session["id"],
    }

    status, body, _ = call(simulator, "/_control", json.dumps(wish).encode())
    codes = [call(simulator, f"/v1/checkout/sessions/{session['id']}")[0] for _ in range(3)]
    _, log, _ = call(simulator, "/_requests")

    assert (status, body["clock"] > time.time() + 50) == (200, True)
    assert codes == [500, 500, 200]
    assert [entry["status"] for entry in log["requests"]] == [200, 500, 500, 200]
    assert "sk_test_suite" not in json.dumps(log)


@pytest.mark.parametrize(
    "wish",
    [
        b"",
        b"[]",
        b"7",
        b'{"faults": ["sulk"]}',
        b'{"weather": "rain"}',
        b'{"do": "dance", "session": "cs_1"}',
    ],
)
def test_a_wish_nobody_understands_is_refused(simulator, wish):
    status, body, _ = call(simulator, "/_control", wish)

    assert status == 400
    assert body["error"]
