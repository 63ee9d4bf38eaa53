"""Beside what waits: the messages of providers, the comparison of books, and how each provider fares."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.payments import webhooks
from app.payments.providers.base import ProviderUnavailable
from app.payments.registry import provider_named
from tests.admin.desk import at_desk, words
from tests.factories import a_variant, an_order
from tests.payments.ends import KeepingSimulator
from tests.races.meeting import count
from tests.races.paying import message, press_pay, status_of

with_and_without_htmx = pytest.mark.parametrize("htmx", [False, True])
INBOX, BOOKS = "/admin/payments/webhooks", "/admin/payments/books"


def sql(statement: str, **values: Any) -> None:
    with transaction() as current:
        current.execute(text(statement), values)


def a_message() -> tuple[str, int]:
    """A paid order of which a message tells that nobody has read: its number, the message's id."""
    number = an_order(a_variant()).number
    event = message(press_pay(number))
    webhooks.receive("demo", event.headers, event.body)
    return number, count("SELECT max(id) FROM webhook_events")


def is_fine(answer: Any, htmx: bool) -> bool:
    return bool(answer.status_code == (200 if htmx else 303))


def test_an_empty_desk_says_so(browser: FlaskClient) -> None:
    desk = at_desk(browser)

    assert "No messages yet" in words(desk.page(INBOX))
    assert "Nothing differs" in words(desk.page(BOOKS))
    assert "Not compared yet" in words(desk.page(BOOKS))
    assert "Card Answers None" in words(desk.page("/admin/payments"))


def test_the_inbox_finds_messages_by_state_and_provider(browser: FlaskClient) -> None:
    number, _ = a_message()
    sql("UPDATE webhook_events SET state = 'failed', note = 'It hung.'")
    desk = at_desk(browser)

    page = words(desk.page(INBOX))

    assert f"Failed {number} It hung." in page
    assert "Messages 1" in page, "the tab counts what waits"
    assert "payment.paid" in desk.page(f"{INBOX}?state=failed&provider=demo")
    assert "No message fits" in words(desk.page(f"{INBOX}?state=orphan"))
    assert "No message fits" in words(desk.page(f"{INBOX}?provider=stripe"))
    assert "payment.paid" in desk.page(f"{INBOX}?state='&provider=-&older=x&newer=99999999999999999999")


def test_pages_of_the_inbox_lead_to_each_other_in_a_constant_number_of_statements(
    browser: FlaskClient, queries: Any
) -> None:
    sql(
        "INSERT INTO webhook_events (provider, event_key, type, subject, headers, body, reference) "
        "SELECT 'demo', 'e' || n, 'type-' || n, 'payment', '{}', '', 'att-' || n FROM generate_series(1, 60) AS n"
    )
    desk = at_desk(browser)
    desk.get(INBOX)

    with queries(at_most=7):
        first = desk.get(INBOX).text

    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = desk.page(older)
    newer = second.split('rel="prev"')[0].rsplit('href="', 1)[1].split('"')[0]
    assert (first.count(">type-"), second.count(">type-")) == (25, 25)
    assert ">type-60<" in first
    assert ">type-35<" in second
    assert ">type-60<" in desk.page(newer)


def test_a_message_is_shown_as_it_came_without_what_is_private_or_dangerous(browser: FlaskClient) -> None:
    _, event_id = a_message()
    body = '{"email": "ada@example.com", "amount": 5, "x": "<script>alert(1)</script>"}'
    sql("UPDATE webhook_events SET body = convert_to(:body, 'UTF8')", body=body)

    page = at_desk(browser).page(f"{INBOX}/{event_id}")

    assert "ada@example.com" not in page
    assert "<script>alert" not in page
    assert "&#34;amount&#34;: 5" in page
    assert "&lt;script&gt;" in page


@with_and_without_htmx
def test_a_message_is_handled_again_at_a_click(browser: FlaskClient, htmx: bool) -> None:
    number, event_id = a_message()
    desk = at_desk(browser, htmx=htmx)

    first = desk.post(f"{INBOX}/{event_id}/replay")
    second = desk.post(f"{INBOX}/{event_id}/replay")

    assert is_fine(first, htmx)
    assert is_fine(second, htmx)
    assert status_of(number) == "paid"
    assert "Handled" in words(desk.page(f"{INBOX}/{event_id}"))
    assert desk.post(f"{INBOX}/{event_id + 1}/replay").status_code == 404


def a_difference(kind: str = "unknown") -> int:
    sql(
        "INSERT INTO book_differences (provider, day, kind, subject, theirs, ours) "
        "VALUES ('stripe', CURRENT_DATE - 1, :kind, 'pi_1', '$20.00 paid', 'Nothing')",
        kind=kind,
    )
    return count("SELECT max(id) FROM book_differences")


@with_and_without_htmx
def test_a_difference_is_dealt_with_by_a_note(browser: FlaskClient, htmx: bool) -> None:
    difference = a_difference()
    desk = at_desk(browser, htmx=htmx)
    read = words(desk.page(BOOKS))
    assert "Money we do not know of" in read
    assert "Provider $20.00 paid Shop Nothing" in read

    empty = desk.post(f"{BOOKS}/{difference}/deal", note=" ")
    done = desk.post(f"{BOOKS}/{difference}/deal", note="Sold at the market")
    again = desk.post(f"{BOOKS}/{difference}/deal", note="Twice")

    assert empty.status_code == 422
    assert "Write what was done about it." in words(empty.text)
    assert is_fine(done, htmx)
    assert is_fine(again, htmx)
    grace = count("SELECT id FROM users WHERE email = 'grace@example.com'")
    assert count("SELECT resolved_by FROM book_differences WHERE resolution = 'Sold at the market'") == grace
    assert "Nothing differs" in words(desk.page(BOOKS))


def test_asking_again_about_what_is_still_unknown_leaves_it_open(browser: FlaskClient) -> None:
    difference = a_difference()

    assert at_desk(browser).post(f"{BOOKS}/{difference}/ask").status_code == 303
    assert count("SELECT count(*) FROM book_differences WHERE resolved_at IS NULL") == 1


def test_the_desk_tells_who_is_away_and_asks_at_a_click(browser: FlaskClient, stripe: KeepingSimulator) -> None:
    number = an_order(a_variant(price=5000)).number
    checkout.start_payment(number, "stripe")
    stripe.faults.add({"fault": "429", "times": -1})
    session().rollback()
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            provider_named("stripe").look_up("att-nothing", "cs_nothing")
    desk = at_desk(browser)
    assert "Card Away" in words(desk.page("/admin/payments"))

    in_vain = desk.post("/admin/payments/providers/stripe/ask")
    stripe.faults.clear()
    asked = desk.post("/admin/payments/providers/stripe/ask")

    assert (in_vain.status_code, asked.status_code) == (409, 303)
    assert "Card Answers" in words(desk.page("/admin/payments"))
    assert desk.post("/admin/payments/providers/demo/ask").status_code == 404
