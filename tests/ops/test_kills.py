"""Everything that can die does, in the middle of the work. What a shopper was told is true, and every letter comes."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.lib.db import db
from tests.factories import a_variant
from tests.ops.shoppers import Shoppers
from tests.ops.stack import Stack

pytestmark = [pytest.mark.pure, pytest.mark.stack]

ORDERS = 14  # many more in `make prove`
PAID = "SELECT number FROM orders WHERE status = 'paid'"
THANKS = "thank you, it is paid"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="sokoni-") as folder:
        stack = Stack(Path(folder))
        app = stack.start()
        try:
            with app.app_context():
                yield stack
        finally:
            stack.stop()


@pytest.fixture
def shirt(stack):
    """Plenty of shirts, and an empty letter box."""
    stack.mailbox.letters.clear()
    stack.kills = 0
    return a_variant(on_hand=1000).id


def assert_nothing_was_lost(stack, told, *, seconds=60):
    """Every order somebody was told about is paid and thanked for, and the books are in order."""
    stack.eventually(lambda: set(told) <= paid_orders(), seconds=seconds)
    stack.eventually(lambda: not stack.waiting(), seconds=seconds)
    thanks = stack.mailbox.ids(THANKS)
    assert len(thanks) == len(told) == len(set(told))
    assert thanks.total() <= len(told) + stack.kills, "A kill repeats one letter at most."
    stack.assert_sound()


def paid_orders():
    db.session.rollback()
    return set(db.session.scalars(text(PAID)))


def test_orders_outlive_two_killed_workers_and_an_emptied_redis(stack, shirt):
    def kill_in_the_middle(letter):
        """The letter is out, and the worker dies before it can write that down."""
        if letter in (1, 8):
            stack.kill_worker()
            stack.empty_redis()

    stack.mailbox.on_letter = kill_in_the_middle
    told = Shoppers(stack.app, shirt, orders=ORDERS).wait()
    assert_nothing_was_lost(stack, told)
    stack.mailbox.on_letter = lambda letter: None

    assert stack.kills == 2
    assert stack.mailbox.ids(THANKS).total() > ORDERS, "No letter was repeated, so no kill met one."


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_orders_outlive_a_killed_store_and_nobody_else_is_started_again(stack, shirt, store):
    shoppers = Shoppers(stack.app, shirt, orders=ORDERS)
    stack.eventually(lambda: len(shoppers.told) >= 3)
    assert len(shoppers.told) < ORDERS, "Everybody was served before anything died."

    stack.kill_store(store)
    told = shoppers.wait()

    assert_nothing_was_lost(stack, told)


def test_a_mail_server_s_bad_day_delays_letters_and_nothing_else(stack, shirt):
    stack.mailbox.refuses = True
    told = Shoppers(stack.app, shirt, orders=3).wait()
    stack.eventually(lambda: set(told) <= paid_orders())
    stack.eventually(lambda: [row for row in stack.waiting() if "451" in (row.last_error or "")])
    assert not stack.mailbox.letters

    stack.mailbox.refuses = False

    assert_nothing_was_lost(stack, told)


def test_a_mail_server_that_says_nothing_keeps_no_shopper_waiting(stack, shirt):
    answer = threading.Event()
    stack.mailbox.on_letter = lambda letter: answer.wait(20)
    first = Shoppers(stack.app, shirt, orders=1).wait()
    stack.eventually(lambda: stack.mailbox.letters)

    told = first + Shoppers(stack.app, shirt, orders=5).wait(5)
    answer.set()

    assert_nothing_was_lost(stack, told)
