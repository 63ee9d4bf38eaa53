"""1,000 payments at five providers and the demo on a wretched day, while parts of the shop die (10,000: ROUNDS=200)."""

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from app.lib.db import db, session
from app.lib.private_store import free_port
from app.payments.providers.base import IN_A_JOB
from app.payments.registry import all_providers
from app.payments.simulators.everyone import everyone, invented
from app.payments.simulators.serving import Serving
from tests.factories import a_variant
from tests.ops.stack import Stack
from tests.prove.bad_day import Crowd, make_wretched
from tests.prove.conftest import ROUNDS, report

pytestmark = [pytest.mark.pure, pytest.mark.stack]

THANKS = "thank you, it is paid"
TAIL = 600  # seconds after the last payment until everything must have found its end


@pytest.mark.parametrize(("currency", "orders"), [("USD", ROUNDS * 30), ("KES", ROUNDS * 20)])
def test_every_payment_of_a_wretched_day_finds_its_end(currency, orders):
    keys, port = invented(""), free_port()
    shop = f"http://127.0.0.1:{port}"
    simulators = everyone(keys, shop)
    serving = Serving({f"/{name}": one for name, one in simulators.items()}, host="127.0.0.1", port=0)
    address = serving.start()
    keys |= {name: address + value for name, value in keys.items() if name.endswith("_API_BASE")}
    shop_settings = {
        "SHOP_URL": shop,
        "PORT": str(port),
        "SHOP_ENV": "production",
        "DEMO_PAYMENTS": "on",
        "CURRENCY": currency,
        "TAX_RATE": "0",
        "WEB_WORKERS": "1",
        # Long enough for the queue of such a day: a job that still waits after that would be queued once more.
        "JOB_LEASE": "20",
    }
    with tempfile.TemporaryDirectory(prefix="sokoni-") as folder:
        stack = Stack(Path(folder), **shop_settings, **keys)
        app = stack.start()
        stack.start_web()
        try:
            with app.app_context():
                shirt = a_variant(on_hand=orders * 2, price=20000).id
                crowd = Crowd(app, simulators, shirt, orders=orders, seed=ROUNDS, currency=currency)
                make_wretched(simulators, crowd.day, seed=ROUNDS)
                live_through(stack, crowd, orders)
                for simulator in simulators.values():
                    simulator.obey({"calm": True})
                assert_everything_found_its_end(stack, crowd)
        finally:
            stack.stop()
            serving.stop()


def live_through(stack, crowd, orders):
    """People buy, and each time some more have been served something dies."""
    chance = random.Random(ROUNDS)
    crowd.start()
    while True:
        target = crowd.served + chance.randint(15, 30)
        if target >= orders:
            break
        ends = time.monotonic() + 120
        while crowd.served < target:
            assert time.monotonic() < ends, f"Nobody is served any more: {crowd.day.refused}. {stack.log_end()}"
            time.sleep(0.05)
        deed = chance.choice(["worker", "worker", "worker", "flush", "flush", "redis", "postgres"])
        if deed == "worker":
            stack.kill_worker()
        elif deed == "flush":
            stack.empty_redis()
        else:
            stack.kill_store(deed)
        db.session.rollback()
    crowd.wait(300)
    assert not crowd.day.faults, crowd.day.faults[:3]


FATE = text("""
    SELECT a.reference, a.provider, a.provider_ref, o.number, o.status, a.state, a.captured_minor, a.refunded_minor,
      extract(epoch FROM a.paid_at) AS paid_at,
      (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r
       WHERE r.attempt_id = a.id AND r.state <> 'failed') AS going,
      (SELECT count(*) FROM payment_issues i WHERE i.attempt_id = a.id AND i.resolved_at IS NULL) AS waiting,
      (SELECT count(*) FROM order_events e WHERE e.order_id = o.id AND e.kind = 'moved' AND e.now = 'paid') AS moves,
      (SELECT count(*) FROM documents d WHERE d.order_id = o.id AND d.kind = 'invoice') AS invoices
    FROM payment_attempts a JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
""")


ON_THEIR_WAY = text("SELECT count(*) FROM refunds WHERE state = 'pending' AND kind = 'refund'")


def fates():
    session().rollback()
    found = {row.reference: row for row in session().execute(FATE)}
    session().rollback()
    return found


def fate(row):
    """What became of a payment: exactly one of these, or "lost"."""
    ends = {
        "paid": row.status in ("paid", "packed", "shipped", "delivered") and row.captured_minor > row.going,
        "refunded": bool(row.captured_minor) and row.going == row.captured_minor and not row.waiting,
        "queue": row.waiting == 1,
    }
    if row.status == "paid" and ends["queue"]:
        ends["paid"] = False
    true = [name for name, is_so in ends.items() if is_so]
    return true[0] if len(true) == 1 else "lost" if not true else "+".join(true)


def lost(paid):
    """What somebody paid and the shop has done nothing about."""
    ends = fates()
    return [(one, ends[one.reference]) for one in paid if fate(ends[one.reference]) == "lost"]


# The prompt's answer was lost and the news of it too, so M-Pesa has no name for it that we could ask for.
UNHEARD = "state = 'unknown' AND provider_ref IS NULL"


def is_unheard(row):
    return row.state == "unknown" and row.provider_ref is None


def let_a_quarter_of_an_hour_pass():
    """So long an answer to a prompt nobody can ask after is waited for; then a person is told."""
    session().execute(
        text(f"""UPDATE payment_attempts SET check_at = now(), created_at = created_at - interval '15 minutes',
            expires_at = expires_at - interval '15 minutes' WHERE {UNHEARD}""")
    )
    session().commit()


def was_taken(one):
    """Whether a payment that somebody made took any money: at PayPal it is the shop that takes what was approved."""
    if one.provider != "paypal":
        return True
    row = fates()[one.reference]
    theirs = all_providers(IN_A_JOB)["paypal"].look_up(one.reference, row.provider_ref)
    session().rollback()
    return theirs.state == "paid" or row.status != "cancelled"


def assert_everything_found_its_end(stack, crowd):
    paid = [one for one in crowd.day.paid if was_taken(one)]
    try:
        stack.eventually(lambda: all(is_unheard(row) for _, row in lost(paid)), seconds=TAIL)
        let_a_quarter_of_an_hour_pass()
        stack.eventually(lambda: not lost(paid), seconds=TAIL)
    except AssertionError as slow:
        raise AssertionError(lost(paid)) from slow
    stack.eventually(lambda: not session().scalar(ON_THEIR_WAY), seconds=TAIL)
    stack.eventually(lambda: not stack.waiting(), seconds=TAIL)
    ends = fates()
    count = Counter(fate(ends[one.reference]) for one in paid)
    doubled = [row.number for row in ends.values() if row.moves > 1 or row.invoices > 1]
    late = sorted(
        float(ends[one.reference].paid_at) - one.at
        for one in paid
        if crowd.day.lost_news_of & {one.reference, ends[one.reference].provider_ref} and ends[one.reference].paid_at
    )
    p95 = late[int(len(late) * 0.95)] if late else 0.0
    letters = stack.mailbox.ids(THANKS)
    report(
        f"A wretched day in {crowd.currency}: {len(paid)} payments run, {stack.kills} kills, {count['lost']} lost, "
        f"{len(doubled)} doubled, {100 * (count['paid'] + count['refunded']) / len(paid):.2f} % recovered without a "
        f"human ({_listed(count)}); from a lost message to paid p95 {p95:.0f} s (of {len(late)}); "
        f"{letters.total() - len(letters)} letters repeated; by {_listed(Counter(one.provider for one in paid))}; "
        f"{sum(crowd.day.walked_away.values())} walked away"
    )
    assert set(count) <= {"paid", "refunded", "queue"}, count
    assert not doubled
    paid_orders = set(session().scalars(text("SELECT number FROM orders WHERE paid_at IS NOT NULL")))
    assert len(letters) == len(paid_orders), "A letter is missing, or one too many came."
    assert letters.total() <= len(letters) + stack.kills, "A kill repeats one letter at most."
    assert_ledgers_agree(paid, ends)
    stack.assert_sound()


def _listed(counted):
    return ", ".join(f"{name} {number}" for name, number in counted.most_common())


def assert_ledgers_agree(paid, ends):
    """Each provider took and gave back what we believe it did, as far as it can say."""
    providers = all_providers(IN_A_JOB)
    for one in paid:
        row = ends[one.reference]
        if row.provider_ref is None and one.provider == "mpesa":
            assert fate(row) == "queue", one
            continue
        theirs = providers[one.provider].look_up(one.reference, row.provider_ref)
        session().rollback()
        assert theirs.state == "paid", (one, theirs)
        if theirs.amount is not None and theirs.refunded is not None:
            assert (row.captured_minor, row.refunded_minor) == (theirs.amount.minor, theirs.refunded.minor), one
