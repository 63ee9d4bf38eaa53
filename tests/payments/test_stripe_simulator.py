"""Our Stripe refuses what Stripe refuses, and remembers what it did."""

import threading
import time
from collections.abc import Iterator

import pytest
import stripe

from app.payments.simulators import StripeSimulator

from .asking import SESSION, a_session, call

pytestmark = pytest.mark.pure


@pytest.fixture
def simulator() -> Iterator[StripeSimulator]:
    simulator = StripeSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


# What it refuses


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"payment_method_types[0]": "card"}, "payment_method_types", "parameter_unknown"),
        ({"line_items[0][amount]": "5"}, "line_items[0][amount]", "parameter_unknown"),
        ({"mode": ""}, "mode", None),
        ({"ui_mode": "hosted"}, "ui_mode", None),
        ({"success_url": "/return"}, "success_url", "url_invalid"),
        ({"success_url": ""}, "success_url", "url_invalid"),
        ({"customer_email": "ada"}, "customer_email", "email_invalid"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"client_reference_id": ""}, "client_reference_id", "parameter_invalid_empty"),
        ({"metadata": "order"}, "metadata", None),
        ({"metadata[order]": "x" * 501}, "metadata[order]", None),
        ({"expires_at": "soon"}, "expires_at", "parameter_invalid_integer"),
        ({"expires_at": "1"}, "expires_at", None),
        ({"expires_at": str(2**40)}, "expires_at", None),
        ({"line_items[0][quantity]": "0"}, "line_items[0][quantity]", None),
        ({"line_items[0][quantity]": "1.5"}, "line_items[0][quantity]", "parameter_invalid_integer"),
        ({"line_items[0][price_data][currency]": "dollar"}, "line_items[0][price_data][currency]", None),
        ({"line_items[0][price_data][unit_amount]": "10"}, None, "amount_too_small"),
        ({"line_items[0][price_data][unit_amount]": "99999999"}, None, "amount_too_large"),
        (
            {"line_items[0][price_data][currency]": "kwd", "line_items[0][price_data][unit_amount]": "1001"},
            "line_items[0][price_data][unit_amount]",
            None,
        ),
        (
            {
                "line_items[1][price_data][currency]": "eur",
                "line_items[1][price_data][unit_amount]": "5",
                "line_items[1][price_data][product_data][name]": "Button",
            },
            "line_items",
            None,
        ),
    ],
)
def test_what_stripe_would_refuse_is_refused(simulator, changes, param, code):
    status, body, _ = call(simulator, "/v1/checkout/sessions", SESSION | changes)

    error = body["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert (error.get("param"), error.get("code")) == (param, code)
    assert simulator.account.all("cs") == []


@pytest.mark.parametrize("missing", ["mode", "success_url", "line_items[0][price_data][product_data][name]"])
def test_what_is_required_is_asked_for(simulator, missing):
    form = {name: value for name, value in SESSION.items() if name != missing}

    status, body, _ = call(simulator, "/v1/checkout/sessions", form)

    assert (status, body["error"]["code"]) == (400, "parameter_missing")


@pytest.mark.parametrize("key", ["", "Basic sk_test_x", "Bearer ", "Bearer pk_test_1", "Bearer sk_test_"])
def test_without_a_key_nothing_is_answered(simulator, key):
    status, body, _ = call(simulator, "/v1/checkout/sessions", SESSION, Authorization=key)

    assert (status, body["error"]["type"]) == (401, "invalid_request_error")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/checkout/sessions/cs_test_none", 404),
        ("/v1/payment_intents/pi_none", 404),
        ("/v1/refunds/re_none", 404),
        ("/v1/nothing", 404),
        ("/v1/checkout/sessions?limit=101", 400),
        ("/v1/checkout/sessions?client_reference_id=att-1", 400),
        ("/v1/checkout/sessions?expand[]=data.customer", 200),
    ],
)
def test_questions_it_cannot_answer(simulator, path, status):
    assert call(simulator, path)[0] == status


@pytest.mark.parametrize("form", [b"a[b]=1&a[b][c]=2", b"a=1&a[b]=2", b"\xff=\xfe", b"[[[", b"mode=payment&mode=x"])
def test_a_form_that_makes_no_sense_is_refused(simulator, form):
    headers = {"Content_Type": "application/x-www-form-urlencoded"}

    assert call(simulator, "/v1/checkout/sessions", form, **headers)[0] == 400


def test_only_an_open_session_can_be_expired(simulator):
    session = a_session(simulator)
    simulator.do("pay", session["id"])

    status, body, _ = call(simulator, f"/v1/checkout/sessions/{session['id']}/expire", {})

    assert (status, "status of `complete`" in body["error"]["message"]) == (400, True)


def test_refunds_stop_at_the_charge(simulator):
    session = a_session(simulator)
    intent = simulator.do("pay", session["id"])["payment_intent"]

    codes = [
        call(simulator, "/v1/refunds", {"payment_intent": intent, "amount": amount})[0]
        for amount in ("1500", "501", "500", "1")
    ]

    charge = simulator.account.all("ch")[0]
    assert codes == [200, 400, 200, 400]
    assert (charge["amount_refunded"], charge["refunded"]) == (2000, True)


# Idempotency


def test_the_same_key_gives_the_same_answer(simulator):
    _, first, _ = call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")
    _, again, headers = call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")

    assert first == again
    assert headers["Idempotent-Replayed"] == "true"
    assert len(simulator.account.all("cs")) == 1


def test_the_same_key_with_other_content_is_an_error(simulator):
    call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")

    status, body, _ = call(simulator, "/v1/checkout/sessions", SESSION | {"locale": "de"}, Idempotency_Key="att-1-v1")

    assert (status, body["error"]["type"]) == (400, "idempotency_error")


def test_a_refused_request_leaves_its_key_unused(simulator):
    call(simulator, "/v1/checkout/sessions", SESSION | {"mode": "x"}, Idempotency_Key="att-1-v1")

    assert call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")[0] == 200


def test_a_key_in_use_is_a_conflict(simulator):
    simulator.faults.add({"fault": "slow", "seconds": 0.3})
    first: list[int] = []
    keyed = {"Idempotency_Key": "att-1-v1"}
    slow = threading.Thread(target=lambda: first.append(call(simulator, "/v1/checkout/sessions", SESSION, **keyed)[0]))
    slow.start()
    while not simulator.requests or "params" not in simulator.requests[0]:
        time.sleep(0.005)

    status, body, _ = call(simulator, "/v1/checkout/sessions", SESSION, **keyed)

    slow.join()
    assert (status, body["error"]["code"], first) == (409, "idempotency_key_in_use", [200])


def test_a_day_later_a_key_is_forgotten(simulator):
    call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")
    simulator.clock.move(25 * 3600)

    call(simulator, "/v1/checkout/sessions", SESSION, Idempotency_Key="att-1-v1")

    assert len(simulator.account.all("cs")) == 2


# The official SDK


def test_the_official_sdk_needs_no_change(simulator):
    client = stripe.StripeClient("sk_test_suite", base_addresses={"api": simulator.base_url})
    made = client.v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "success_url": "http://shop.test/",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 500,
                        "product_data": {"name": "Button"},
                    },
                }
            ],
        }
    )
    simulator.do("pay", made.id)

    found = client.v1.checkout.sessions.retrieve(made.id, params={"expand": ["payment_intent.latest_charge"]})
    refund = client.v1.refunds.create(params={"payment_intent": found.payment_intent.id, "amount": 100})
    events = client.v1.events.list(params={"types": ["checkout.session.completed"], "limit": 1})

    assert (found.payment_status, found.payment_intent.latest_charge.amount) == ("paid", 500)
    assert client.v1.refunds.list(params={"payment_intent": found.payment_intent.id}).data[0].id == refund.id
    assert events.data[0].data.object["id"] == made.id
    assert len(list(client.v1.checkout.sessions.list(params={"limit": 1}).auto_paging_iter())) == 1
    with pytest.raises(stripe.InvalidRequestError, match="No such charge"):
        client.v1.charges.retrieve("ch_none")


# The hosted page


@pytest.mark.parametrize(
    ("outcome", "leads_to"),
    [("pay", "http://shop.test/return?session_id="), ("late", "http://shop.test/return?session_id=")],
)
def test_paying_leads_back_to_the_shop(simulator, outcome, leads_to):
    session = a_session(simulator)

    status, page, _ = call(simulator, f"/pay/{session['id']}")
    then, _, headers = call(simulator, f"/pay/{session['id']}", {"outcome": outcome})

    assert (status, "Linen shirt" in page, "20.00 USD" in page) == (200, True, True)
    assert (then, headers["Location"]) == (303, leads_to + session["id"])


def test_leaving_leads_to_the_cancel_address_and_leaves_the_session_open(simulator):
    session = a_session(simulator)

    status, _, headers = call(simulator, f"/pay/{session['id']}", {"outcome": "leave"})

    assert (status, headers["Location"]) == (303, "http://shop.test/cancel")
    assert simulator.account.find("cs", session["id"])["status"] == "open"


def test_after_a_declined_card_another_one_may_pay(simulator):
    session = a_session(simulator)

    status, page, _ = call(simulator, f"/pay/{session['id']}", {"outcome": "decline"})
    then, _, _ = call(simulator, f"/pay/{session['id']}", {"outcome": "pay"})

    assert (status, "declined" in page, then) == (200, True, 303)
    assert simulator.account.find("cs", session["id"])["payment_status"] == "paid"


@pytest.mark.parametrize("outcome", ["pay", "late", "nonsense", ""])
def test_an_expired_page_takes_no_money(simulator, outcome):
    session = a_session(simulator)
    simulator.clock.move(25 * 3600)

    status, page, _ = call(simulator, f"/pay/{session['id']}", {"outcome": outcome})

    assert (status, 'role="alert"' in page) == (400, True)
    assert simulator.account.find("cs", session["id"])["status"] == "expired"


def test_the_desk_shows_every_session_and_its_buttons_work(simulator):
    session = a_session(simulator, client_reference_id="att-<b>")

    status, page, _ = call(simulator, "/")
    then, _, _ = call(simulator, f"/desk/{session['id']}", {"do": "pay"})

    assert (status, session["id"] in page, "att-&lt;b&gt;" in page, then) == (200, True, True, 303)
