"""A long day on which something dies every second."""

import random
from itertools import count

import pytest

from app.lib.db import db
from tests.ops.shoppers import Shoppers
from tests.ops.test_kills import THANKS, assert_nothing_was_lost, shirt, stack  # noqa: F401
from tests.prove.conftest import ROUNDS, report

pytestmark = [pytest.mark.pure, pytest.mark.stack]


def test_a_day_of_killing(stack, shirt):  # noqa: F811
    """A worker, a store or everything Redis knows goes each time some more orders have been placed."""
    chance = random.Random(ROUNDS)
    shoppers = Shoppers(stack.app, shirt, orders=ROUNDS * 10)
    for turn in count(1):
        served = len(shoppers.told) + chance.randint(3, 15)
        if served >= ROUNDS * 10 or turn > ROUNDS:
            break
        stack.eventually(lambda served=served: len(shoppers.told) >= served)
        deed = chance.choice(["worker", "worker", "worker", "postgres", "redis", "flush"])
        if deed == "worker":
            stack.kill_worker()
        elif deed == "flush":
            stack.empty_redis()
        else:
            stack.kill_store(deed)
        db.session.rollback()
    told = shoppers.wait(60 + ROUNDS * 10)

    assert_nothing_was_lost(stack, told, seconds=60 + ROUNDS * 5)
    report(f"Killing: {len(told)} orders, {stack.kills} kills, {stack.mailbox.ids(THANKS).total()} letters of thanks")
