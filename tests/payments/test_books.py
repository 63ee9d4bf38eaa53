"""The provider's books beside ours: what heals by itself, what waits for a person, and who looks when."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.checkout import services as checkout
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from app.lib.money import Money
from app.orders.services import Actor
from app.payments import book_days, books, differences
from app.payments.book_pages import Ours
from app.payments.providers.base import IN_A_JOB, PaymentState, ProviderUnavailable
from app.payments.providers.stripe import StripeProvider
from app.payments.queries import attempts_of
from tests.factories import a_user, a_variant, an_order, order_named
from tests.payments.asking import a_session
from tests.payments.ends import IMPATIENT, SECRET, KeepingSimulator
from tests.races.meeting import assert_sound, count, kinds
from tests.races.paying import press_pay, status_of

GRACE = Actor("Grace")


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def stripe(stripe: KeepingSimulator) -> KeepingSimulator:
    """Stripe without the sessions of other stories: a list holds whatever there is."""
    for rows in stripe.account._tables.values():
        rows.clear()
    return stripe


def at_stripe(stripe: KeepingSimulator, button: str = "pay") -> tuple[str, str]:
    """An order whose shopper pressed a button on Stripe's page, and of which nobody told us: number, session."""
    order = an_order(a_variant(price=5000))
    checkout.start_payment(order.number, "stripe")
    session_id = attempts_of(order.id)[0].provider_ref or ""
    stripe.do(button, session_id)
    session().rollback()
    return order.number, session_id


def compare(day: date | None = None) -> books.Result:
    result = books.compare("stripe", day or today())
    assert result is not None
    return result


def sql(statement: str, **values: Any) -> None:
    with transaction() as current:
        current.execute(text(statement), values)


def open_kinds() -> list[str]:
    with transaction() as current:
        return list(current.scalars(text("SELECT kind FROM book_differences WHERE resolved_at IS NULL ORDER BY id")))


def test_a_payment_nobody_told_us_of_is_found_in_the_list_and_pays_its_order(stripe: KeepingSimulator) -> None:
    number, _ = at_stripe(stripe)
    at_stripe(stripe, "decline")

    first, second = compare(), compare()

    assert status_of(number) == "paid"
    assert (first.theirs, first.healed, second.theirs, second.ours, second.healed) == (2, 1, 2, 1, 0)
    assert open_kinds() == []
    assert_sound()


def test_a_refund_made_at_the_provider_is_learned(stripe: KeepingSimulator) -> None:
    number, session_id = at_stripe(stripe)
    compare()
    stripe.do("refund", session_id)

    assert compare().healed == 1

    (attempt,) = attempts_of(order_named(number).id)
    assert attempt.refunded_minor == attempt.captured_minor > 0
    assert open_kinds() == []


def test_money_there_that_we_do_not_know_of_waits_for_a_person_once(stripe: KeepingSimulator) -> None:
    _, session_id = at_stripe(stripe)
    stripe.account.find("cs", session_id)["client_reference_id"] = "somebody-else"
    sql("UPDATE payment_attempts SET provider_ref = NULL")

    first, second = compare(), compare()

    assert [one.kind for one in (*first.differences, *second.differences)] == ["unknown", "unknown"]
    assert open_kinds() == ["unknown"]


def test_ours_that_they_do_not_have_waits_for_a_person_until_both_agree(stripe: KeepingSimulator) -> None:
    _, session_id = at_stripe(stripe)
    compare()
    gone = stripe.account._tables["cs"].pop(session_id)
    asked = compare().differences
    assert [(one.kind, one.theirs) for one in asked] == [("missing", "Nothing")]
    assert open_kinds() == ["missing"]

    stripe.account._tables["cs"][session_id] = gone

    assert compare().differences == []
    assert open_kinds() == []
    assert count("SELECT count(*) FROM book_differences WHERE resolution = 'Both agree now.'") == 1


def test_what_differs_is_asked_about_again_by_itself(stripe: KeepingSimulator) -> None:
    at_stripe(stripe)
    compare()
    sql("UPDATE payment_attempts SET captured_minor = captured_minor + 1")
    (found,) = compare().differences
    assert found.kind == "amount"
    difference = count("SELECT id FROM book_differences")
    assert not books.ask_again(difference)
    sql("UPDATE payment_attempts SET captured_minor = captured_minor - 1")

    assert books.ask_again(difference)

    assert open_kinds() == []


def test_what_somebody_dealt_with_is_not_brought_up_again_unless_it_changes(stripe: KeepingSimulator) -> None:
    grace = Actor("Grace", a_user(role="staff").id)
    at_stripe(stripe)
    compare()
    sql("UPDATE payment_attempts SET captured_minor = captured_minor + 1")
    compare()
    difference = count("SELECT id FROM book_differences")
    with pytest.raises(Invalid):
        differences.dealt_with(difference, "  ", grace)

    differences.dealt_with(difference, "A cent was waived", grace)
    differences.dealt_with(difference, "Said twice", grace)
    same = compare()
    sql("UPDATE payment_attempts SET captured_minor = captured_minor + 1")
    other = compare()

    assert count("SELECT resolved_by FROM book_differences WHERE resolution = 'A cent was waived'") == grace.id
    assert (same.differences, [one.kind for one in other.differences]) == ([], ["amount"])
    assert open_kinds() == ["amount"]


PAID = Ours(1, "att-1", "cs_1", "pi_1", "paid", Money(1999, "USD"), refunded=500, refunding=300)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (PaymentState("paid", Money(1999, "USD"), refunded=Money(500, "USD")), None),
        (PaymentState("paid", Money(1999, "USD"), refunded=Money(800, "USD")), None),
        (PaymentState("paid", Money(1999, "USD")), None),
        (PaymentState("paid", Money(1999, "USD"), refunded=Money(499, "USD")), "refunds"),
        (PaymentState("paid", Money(1999, "USD"), refunded=Money(801, "USD")), "refunds"),
        (PaymentState("paid", Money(1998, "USD")), "amount"),
        (PaymentState("paid", Money(1999, "EUR")), "currency"),
        (PaymentState("failed", Money(1999, "USD")), "state"),
        (PaymentState("unknown", error_code="not_found"), "missing"),
    ],
)
def test_where_two_books_differ(state: PaymentState, kind: str | None) -> None:
    assert [one.kind for one in differences.between(state, PAID)] == ([kind] if kind else [])


# Who looks when


def test_two_reconcilers_at_once_compare_a_day_once(stripe: KeepingSimulator, at_once: Any) -> None:
    number, _ = at_stripe(stripe)
    sql("UPDATE payment_attempts SET created_at = created_at - interval '1 day'")

    outcomes = at_once(*[partial(book_days.compare, "stripe", today())] * 4)

    assert kinds(outcomes) == {"done": 4}
    assert lists(stripe) == 1
    assert status_of(number) == "paid"
    assert count("SELECT count(*) FROM book_comparisons WHERE state = 'done' AND theirs = 1 AND healed = 1") == 1


def test_guard_off_without_the_claim_each_of_them_compares(
    stripe: KeepingSimulator, at_once: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_stripe(stripe)
    monkeypatch.setattr(books, "_claim", lambda *_: 0)

    at_once(*[partial(book_days.compare, "stripe", today())] * 4)

    assert lists(stripe) == 4


def lists(stripe: KeepingSimulator) -> int:
    """How often Stripe was asked for its list."""
    return sum(one.get("operation") == "checkout.sessions.list" for one in stripe.requests)


def test_each_night_compares_the_last_three_days_once_in_however_many_hours(run_jobs: Callable[[], int]) -> None:
    press_pay(an_order(a_variant()).number)
    sql("UPDATE payment_attempts SET created_at = now() - interval '9 days', expires_at = now() + interval '1 h'")

    assert book_days.open_due() == 3
    run_jobs()
    assert book_days.open_due() == 0
    assert count("SELECT count(*) FROM book_comparisons WHERE provider = 'demo' AND state = 'done'") == 3


def test_after_a_week_asleep_the_days_missed_are_caught_up(run_jobs: Callable[[], int]) -> None:
    press_pay(an_order(a_variant()).number)
    sql("UPDATE payment_attempts SET created_at = now() - interval '20 days'")
    sql(
        "INSERT INTO book_comparisons (provider, day, state, finished_at) "
        "VALUES ('demo', :day, 'done', now() - interval '7 days')",
        day=book_days.night(datetime.now(UTC)).date() - timedelta(days=8),
    )

    assert book_days.open_due() == 7


def test_a_young_shop_leaves_alone_what_its_account_was_used_for_before() -> None:
    press_pay(an_order(a_variant()).number)

    assert book_days.open_due() == 0


def test_a_provider_that_fails_is_noted_and_tried_again(stripe: KeepingSimulator) -> None:
    at_stripe(stripe)
    stripe.faults.add("429")

    book_days.compare("stripe", today())
    assert count("SELECT count(*) FROM book_comparisons WHERE state = 'failed' AND error LIKE 'ProviderUna%'") == 1
    book_days.compare("stripe", today())

    assert count("SELECT count(*) FROM book_comparisons WHERE state = 'done' AND error = '' AND healed = 1") == 1


# What an operator types


def reconcile(app: Flask, *words: str) -> tuple[int, str]:
    session().rollback()
    result = app.test_cli_runner().invoke(args=["shop", "reconcile", *words])
    return result.exit_code, result.output


def test_an_operator_asks_after_everything_and_reads_what_differs(app: Flask, stripe: KeepingSimulator) -> None:
    number, _ = at_stripe(stripe)
    demo = an_order(a_variant()).number
    press_pay(demo)

    fine = reconcile(app)
    again = reconcile(app, "--provider", "demo", "--days", "0")
    sql("UPDATE payment_attempts SET captured_minor = captured_minor + 1 WHERE provider = 'stripe'")
    different = reconcile(app, "--provider", "stripe")
    unknown = reconcile(app, "--provider", "nobody")

    assert fine[0] == again[0] == 0, fine
    assert "stripe           1 asked; 1 days compared, 1 listed there, 1 paid here; 0 healed, 0 different" in fine[1]
    assert "demo             0 asked; 1 days compared" in again[1]
    assert (status_of(number), status_of(demo)) == ("paid", "paid")
    assert different[0] == 1
    assert "\n  amount att-" in different[1]
    assert unknown[0] == 1
    assert "no provider nobody" in unknown[1]


def test_a_provider_that_cannot_be_asked_is_told_to_the_operator(app: Flask, stripe: KeepingSimulator) -> None:
    at_stripe(stripe)
    stripe.faults.add({"fault": "429", "times": -1})

    code, said = reconcile(app, "--provider", "stripe")

    assert code == 1
    assert "could not be asked: Stripe asks us to slow down" in said


# Looking for a session without its id


def test_where_somebody_waits_only_the_newest_sessions_are_looked_through(stripe: KeepingSimulator) -> None:
    mine = a_session(stripe, client_reference_id="att-mine")
    for row in [
        dict(mine, id=f"cs_test_{n:03}", client_reference_id=f"att-{n}", created=mine["created"] + 1)
        for n in range(200)
    ]:
        stripe.account._tables["cs"][row["id"]] = row
    on_a_page = StripeProvider("sk_test_suite", (SECRET,), api_base=stripe.base_url, patience=IMPATIENT)
    in_a_job = StripeProvider("sk_test_suite", (SECRET,), api_base=stripe.base_url, patience=IN_A_JOB)

    assert on_a_page.look_up("att-199", None).state == "pending"
    with pytest.raises(ProviderUnavailable, match="while somebody waits"):
        on_a_page.look_up("att-mine", None)
    assert in_a_job.look_up("att-mine", None).provider_ref == mine["id"]
