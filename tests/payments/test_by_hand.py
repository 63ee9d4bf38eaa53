"""Paying without a provider: at the door, by transfer, or as somebody at the desk writes it down."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.checkout import services as checkout
from app.invoices.models import Document
from app.lib import runtime
from app.lib.db import session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound
from app.lib.outbox import Outbox
from app.orders import services as orders
from app.orders.models import OrderEvent
from app.payments import marking, parcels, polling, services, settlement, staff_services
from app.payments.models import Attempt
from app.payments.providers import complaints, providers
from app.payments.providers.base import PaymentState
from app.payments.registry import offered
from tests.admin.desk import at_desk, words
from tests.factories import PASSWORD, a_cart, a_variant, an_order, order_named, place, stock_of
from tests.payments.byhand import GRACE, attempts, choose, hear, last, mark, money, open_issues, standing, ways_by_hand
from tests.races.meeting import Gate, assert_sound, overtake
from tests.races.paying import let_hold_run_out, press_pay

TOTAL = 2820
DOOR, BANK = "cash_on_delivery", "bank_transfer"


@pytest.fixture(autouse=True)
def a_shop_with_both(app: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    with ways_by_hand():
        yield
        if "[off]" not in request.node.name:
            assert_sound()


def letters() -> list[str]:
    session().rollback()
    return list(session().scalars(select(Outbox.topic).where(Outbox.topic.like("orders.mail%")).order_by(Outbox.id)))


def test_they_are_ways_to_pay_without_any_keys_beside_the_demo() -> None:
    shop = runtime.settings()
    total = an_order().total

    assert {BANK, DOOR, "demo"} <= providers(shop, None).keys()  # type: ignore[arg-type]
    assert not [sentence for sentence in complaints(shop) if "No payment provider" in sentence]
    assert DOOR in {way.name for way in offered(total, "US")}
    assert DOOR not in {way.name for way in offered(total, "KE")}


def test_an_order_to_be_paid_at_the_door_goes_out_before_it_is_paid() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)

    choose(order.number, DOOR)
    checkout.start_payment(order.number, DOOR)
    assert standing(order.number) == ("confirmed", "pending", TOTAL)
    assert (stock_of(shirt).on_hand, stock_of(shirt).reserved) == (0, 0)
    orders.pack(order.number, GRACE)
    orders.ship(order.number, "", GRACE)
    orders.deliver(order.number, GRACE)
    assert order_named(order.number).is_due_at_the_door
    assert len(attempts(order.number)) == 1

    mark(order.number, DOOR, TOTAL)

    assert standing(order.number) == ("delivered", "paid", 0)
    assert order_named(order.number).paid_at is not None
    assert session().scalar(select(func.count()).select_from(Document)) == 1
    assert letters() == ["orders.mail_confirmed", "orders.mail_shipped", "orders.mail_confirmation"]


def test_nobody_has_goods_sent_unpaid_to_where_that_is_not_offered(browser: Any) -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    form = {"key": order.key, "provider": DOOR}

    with ways_by_hand(cash_on_delivery=("KE",)):
        answer = browser.post(f"/orders/{order.number}/payments", data=form)

    assert answer.status_code == 409
    assert "Cash on delivery is not offered for this order." in words(answer.text)
    assert standing(order.number) == ("pending", "pending", TOTAL)
    assert stock_of(shirt).on_hand == 1


def test_cash_that_comes_before_packing_makes_it_an_order_like_any_other() -> None:
    order = an_order()
    choose(order.number, DOOR)

    mark(order.number, DOOR, TOTAL)

    assert standing(order.number) == ("paid", "paid", 0)


def test_confirmed_orders_wait_to_be_packed_beside_paid_ones(browser: Any) -> None:
    order = an_order()
    choose(order.number, DOOR)
    desk = at_desk(browser)

    lists = [words(desk.page(f"/admin/orders{query}")) for query in ("", "?status=to_pack", "?status=confirmed")]
    page = words(desk.page(f"/admin/orders/{order.number}"))

    assert all(order.number in read for read in lists)
    assert "Pays on delivery" in page
    assert "Confirmed, to be paid on delivery" in page
    assert "Cash on delivery: waits for the shopper" in page
    assert "Check with provider" not in page
    assert "1 order to pack" in words(desk.page("/admin/"))


def test_cancelling_gives_confirmed_units_back_and_nothing_is_paid_at_the_door_then() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    choose(order.number, DOOR)

    checkout.cancel(order.number, actor=GRACE, reason="Changed my mind", by_shopper=True)

    assert standing(order.number) == ("cancelled", "failed", 0)
    assert stock_of(shirt).available == 1
    assert last(order.number).state == "cancelled"


def test_who_was_to_pay_at_the_door_may_still_pay_online(browser: Any) -> None:
    order = an_order()
    choose(order.number, DOOR)

    page = words(browser.get(f"/orders/{order.number}?key={order.key}").text)
    assert "Pay now instead?" in page
    assert "Cash on delivery" not in page.split("Pay now instead?")[1]
    online = choose(order.number, "demo")
    assert [attempt.state for attempt in attempts(order.number)] == ["pending", "pending"]
    hear(online, TOTAL)

    assert standing(order.number) == ("paid", "paid", 0)
    assert [attempt.state for attempt in attempts(order.number)] == ["cancelled", "paid"]


def test_what_is_paid_at_the_door_goes_out_although_a_part_paid_online_went_back() -> None:
    order = an_order()
    choose(order.number, DOOR)
    online = choose(order.number, "demo")
    hear(online, 1000)
    settlement.accept(online.reference, GRACE)
    staff_services.refund_attempt(online.reference, "$10.00", "Pay the courier", GRACE)

    parcels.pack(order.number, GRACE)

    assert standing(order.number) == ("packed", "partially_paid", TOTAL)


def test_a_transfer_is_waited_for_as_long_as_the_shop_says_and_its_stock_is_held() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)

    attempt = choose(order.number, BANK)

    assert attempt.next_message.splitlines()[:4] == [
        "Transfer $28.20 to this account:",
        "Bank of Portland",
        "IBAN US00 1234",
        f"Reference: {order.number}",
    ]
    week = datetime.now(UTC) + timedelta(days=6, hours=23)
    assert attempt.expires_at and attempt.expires_at > week
    assert order_named(order.number).hold_expires_at > week
    with transaction() as current:
        assert current.scalar(text("SELECT min(expires_at) FROM reservations")) > week
    assert (polling.poll(), letters()) == (0, ["orders.mail_transfer"])

    let_hold_run_out(order.number)
    checkout.expire(order.id)
    assert (order_named(order.number).status, last(order.number).state) == ("cancelled", "cancelled")
    mark(order.number, BANK, TOTAL, "RF18 0000")
    assert standing(order.number) == ("paid", "paid", 0)


def test_who_is_to_transfer_the_money_is_offered_the_other_ways(browser: Any) -> None:
    order = an_order()
    choose(order.number, BANK)

    page = words(browser.get(f"/orders/{order.number}?key={order.key}").text)

    assert "Demo payment" in page.split("Changed your mind?")[1]
    assert "Bank transfer" not in page.split("Changed your mind?")[1]


def test_choosing_another_way_ends_the_long_hold() -> None:
    order = an_order()
    usual = order.hold_expires_at
    choose(order.number, BANK)

    choose(order.number, "demo")

    assert [attempt.state for attempt in attempts(order.number)] == ["cancelled", "pending"]
    assert order_named(order.number).hold_expires_at < usual + timedelta(minutes=5)


def test_a_transfer_that_comes_when_all_is_sold_goes_back_by_hand() -> None:
    shirt = a_variant(on_hand=1)
    order = an_order(shirt)
    choose(order.number, BANK)
    let_hold_run_out(order.number)
    place(a_cart(shirt), email="bob@example.com")

    mark(order.number, BANK, TOTAL, "RF18 0000")

    assert standing(order.number) == ("cancelled", "paid", 0)
    assert last(order.number).left.minor == 0
    assert open_issues() == ["refund_by_hand"]


def test_whoever_refunds_a_transfer_is_told_that_it_is_sent_by_hand(browser: Any) -> None:
    order = an_order()
    choose(order.number, BANK)
    mark(order.number, BANK, TOTAL, "RF18 0000")
    desk = at_desk(browser)
    form = {"key": "k" * 32, "seen": "$28.20", "other": "28.20", "password": PASSWORD}

    answer = desk.post(f"/admin/orders/{order.number}/refunds", **form)

    assert answer.status_code == 303
    told = words(desk.page(answer.headers["Location"]))
    assert "$28.20 goes back to the shopper by hand: it waits in Payments for whoever sends it." in told


def test_marked_as_paid_the_providers_own_message_later_changes_nothing(run_jobs: Any) -> None:
    order = an_order()
    reference = press_pay(order.number)

    mark(order.number, reference, TOTAL, "told on the phone")
    run_jobs()
    services.check(reference, channel="poller")

    assert standing(order.number) == ("paid", "paid", 0)
    assert last(order.number).provider_payment_ref == f"demo-payment-{reference}"
    assert open_issues() == []
    notes = session().execute(
        select(OrderEvent.note, OrderEvent.actor_name).where(
            OrderEvent.channel == "staff", OrderEvent.actor_name == "Grace"
        )
    )
    assert notes.all() == [("Marked as paid: $28.20, reference told on the phone. Seen on the statement", "Grace")]


@pytest.mark.parametrize("guard", ["on", "off"])
def test_two_clicks_write_the_money_down_once(at_once: Any, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    order = an_order()
    gate = Gate()
    monkeypatch.setattr(marking, "_attempt", gate.after(marking._attempt))
    if guard == "off":
        monkeypatch.setattr(marking.orders, "locked", order_named)
        monkeypatch.setattr(marking, "_refuse_used", lambda attempt, receipt: None)

    outcomes = overtake(at_once, gate, *[partial(mark, order.number, BANK, TOTAL, "RF18 0000")] * 2)

    assert sorted(outcomes) == ([False, True] if guard == "on" else [True, True])
    assert money(order.number).captured.minor == (TOTAL if guard == "on" else 2 * TOTAL)


def test_a_part_in_cash_and_the_rest_by_transfer() -> None:
    order = an_order()
    choose(order.number, DOOR)

    mark(order.number, DOOR, 2000)
    assert standing(order.number) == ("confirmed", "partially_paid", 820)
    mark(order.number, BANK, 820, "RF18 0001")

    assert standing(order.number) == ("paid", "paid", 0)
    assert open_issues() == []


def test_marking_closes_the_page_where_it_could_be_paid_again() -> None:
    order = an_order()
    choose(order.number, "demo")

    mark(order.number, BANK, TOTAL, "RF18 0002")

    assert [(attempt.provider, attempt.state) for attempt in attempts(order.number)] == [
        ("demo", "expired"),
        (BANK, "paid"),
    ]


def test_what_cannot_be_marked_is_refused_with_a_sentence() -> None:
    order, other = an_order(), an_order()
    mark(other.number, BANK, TOTAL, "RF18 0003")
    foreign = last(other.number)

    for sentence, kind, deed in [
        ("reference of the payment", Invalid, lambda: mark(order.number, BANK, TOTAL)),
        ("noted for order", Invalid, lambda: mark(order.number, BANK, TOTAL, "RF18 0003")),
        ("above 0", Invalid, lambda: mark(order.number, BANK, 0, "RF18 0004")),
        ("no such payment", NotFound, lambda: mark(order.number, foreign.reference, TOTAL, "RF18 0005")),
        ("came for this payment", NotAllowed, lambda: mark(other.number, foreign.reference, TOTAL, "RF18 0006")),
    ]:
        with pytest.raises(kind, match=sentence):
            deed()
    assert standing(order.number) == ("pending", "pending", TOTAL)


@pytest.mark.parametrize("htmx", [False, True])
def test_at_the_desk_it_takes_the_password_and_a_reason(browser: Any, htmx: bool) -> None:
    order = an_order()
    desk = at_desk(browser, htmx=htmx)
    address = f"/admin/orders/{order.number}/mark-paid"
    typed = {"what": BANK, "amount": "28.20", "receipt": "RF18 0007", "reason": "On the statement"}
    assert 'id="open-mark-paid"' in desk.page(f"/admin/orders/{order.number}")
    assert 'value="28.20"' in desk.page(address)

    wrong = desk.post(address, **typed, password="not this")
    silent = desk.post(address, **{**typed, "reason": ""}, password=PASSWORD)
    assert (wrong.status_code, silent.status_code, standing(order.number)[0]) == (422, 422, "pending")
    done = desk.post(address, **typed, password=PASSWORD)
    again = desk.post(address, **typed, password=PASSWORD)

    assert done.status_code == again.status_code == (200 if htmx else 303)
    assert standing(order.number) == ("paid", "paid", 0)
    assert session().scalar(select(func.count()).select_from(Attempt)) == 1


def test_a_provider_that_knows_of_more_money_than_was_written_down_is_believed(run_jobs: Any) -> None:
    order = an_order()
    reference = press_pay(order.number)
    mark(order.number, reference, 2000, "told on the phone")
    assert standing(order.number) == ("pending", "partially_paid", 820)

    run_jobs()
    services.check(reference, channel="poller")

    assert standing(order.number) == ("paid", "paid", 0)
    assert (money(order.number).captured.minor, open_issues()) == (TOTAL, [])


def test_more_money_than_a_paid_order_costs_waits_for_a_person() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    mark(order.number, attempt.reference, TOTAL, "told on the phone")

    hear(attempt, TOTAL + 500)
    hear(attempt, TOTAL + 500)
    hear(attempt, TOTAL)

    assert (money(order.number).captured.minor, money(order.number).excess.minor) == (TOTAL + 500, 500)
    assert (standing(order.number), open_issues()) == (("paid", "paid", 0), ["excess"])


def test_more_money_for_an_order_that_was_cancelled_goes_back_by_itself() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    mark(order.number, attempt.reference, TOTAL, "told on the phone")
    checkout.cancel(order.number, actor=GRACE, reason="Changed my mind", by_shopper=False)

    hear(attempt, TOTAL + 500)

    assert (money(order.number).captured.minor, last(order.number).left.minor) == (TOTAL + 500, 0)
    assert open_issues() == []


def test_an_excess_that_went_back_with_the_same_message_needs_nobody() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    mark(order.number, attempt.reference, TOTAL, "told on the phone")
    more = order.total + order.money(500)
    fact = PaymentState("paid", more, provider_payment_ref="pay-1", refunded=order.money(500))

    settlement.settle(attempt.reference, fact, channel="webhook")

    assert (money(order.number).excess.minor, open_issues()) == (0, [])


def test_money_in_doubt_that_turns_out_to_be_what_was_asked_pays_the_order() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")

    hear(attempt, 2000)
    doubt = open_issues()
    hear(attempt, TOTAL)

    assert (doubt, open_issues()) == (["amount"], [])
    assert standing(order.number) == ("paid", "paid", 0)


def test_what_went_back_before_more_was_heard_of_waits_for_one_decision() -> None:
    order = an_order()
    attempt = choose(order.number, "demo")
    mark(order.number, attempt.reference, 2000, "told on the phone")
    fact = PaymentState("paid", order.total, provider_payment_ref="pay-1", refunded=order.money(820))

    settlement.settle(attempt.reference, fact, channel="webhook")

    assert open_issues() == ["amount"]
