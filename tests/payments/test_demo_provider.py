"""The demo provider's own habits."""

import json

import pytest

from app.payments.providers.base import BadSignature
from app.payments.providers.demo import DemoPayment, DemoProvider, DemoRefund, MemoryDemoStore

from .ends import a_request

pytestmark = pytest.mark.pure


def test_the_books_of_the_demo_provider_can_be_kept_as_json():
    payment = DemoPayment("att-1", "SO-1", 1999, "USD", "/r", "/c", 1.5, refunds=(DemoRefund("re", None, 5),))

    assert DemoPayment.from_json(json.loads(json.dumps(payment.as_json()))) == payment


def test_leaving_the_demo_page_leaves_the_payment_open():
    demo = DemoProvider(MemoryDemoStore(), "key")
    request = a_request()
    step = demo.start(request)

    answer = demo.choose(request.reference, "leave")

    assert (answer.redirect_to, answer.message_in) == (request.cancel_url, None)
    assert demo.look_up(request.reference, step.provider_ref).state == "pending"


def test_the_same_news_has_the_same_key_and_other_news_another():
    demo = DemoProvider(MemoryDemoStore(), "key")
    request = a_request()
    demo.start(request)

    keys = []
    for button in ("pay", None, "refund"):
        if button:
            demo.choose(request.reference, button)
        event = demo.signed_event(request.reference)
        keys.append(demo.read_webhook(event.headers, event.body).event_key)

    assert keys[0] == keys[1] != keys[2]


def test_another_shops_demo_messages_are_not_believed():
    store, request = MemoryDemoStore(), a_request()
    ours, theirs = DemoProvider(store, "our key"), DemoProvider(store, "their key")
    ours.start(request)
    event = theirs.signed_event(request.reference)

    with pytest.raises(BadSignature):
        ours.read_webhook(event.headers, event.body)
