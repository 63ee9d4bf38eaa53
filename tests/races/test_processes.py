"""The same news at the same instant: by twenty copies of a message, and by message and shopper in four processes."""

import multiprocessing
from functools import partial

import pytest

from app.lib.db import db
from tests.races.meeting import assert_sound, count, crowd
from tests.races.paying import do_jobs
from tests.races.stories import Story, effects, tell

PROCESSES, ORDERS, COPIES = 4, 6, 20
ONCE = {"status": "paid", "moves": 1, "invoices": 1, "letters": "orders.mail_confirmation", "sold": "sale -1"}


@pytest.mark.parametrize("currency", ["USD", "KES"])
def test_twenty_copies_of_a_message_at_once_from_every_provider(app, at_once, street, currency):
    with street.in_use(CURRENCY=currency, TAX_RATE="0"):
        told = [tell(street, Story(name, ("pay",), currency)) for name in offered(street, currency)]
        letters = [letter for one in told for letter in one.letters]

        answers = crowd(at_once, [partial(letter.post, app) for letter in letters] * COPIES)
        do_jobs(at_once)

        assert set(answers) == {200}
        assert count("SELECT count(*) FROM webhook_events") == len(letters)
        assert_paid_once(told)


def test_message_and_shopper_arrive_at_the_same_instant_in_four_processes(app, at_once, street):
    meet(app, at_once, street, orders=ORDERS)


def meet(app, at_once, street, *, orders):
    """Two processes post the message of each order while two others bring its shopper back."""
    with street.in_use(TAX_RATE="0"):
        names = offered(street, "USD")
        told = [tell(street, Story(names[turn % len(names)], ("pay",))) for turn in range(orders)]
        db.session.remove()
        fork = multiprocessing.get_context("fork")
        instant, answers = fork.Barrier(PROCESSES), fork.SimpleQueue()
        processes = [fork.Process(target=bring_news, args=(app, told, n, instant, answers)) for n in range(PROCESSES)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)

        assert [process.exitcode for process in processes] == [0] * PROCESSES
        assert [answers.get() for _ in processes] == [True] * PROCESSES
        do_jobs(at_once)
        assert_paid_once(told)


def bring_news(app, told, number, instant, answers):
    """One process: every order's news by message, or by its shopper's coming back."""
    db.engine.dispose(close=False)  # a connection belongs to one process
    well = True
    for one in told:
        instant.wait(60)
        if number % 2:
            provider = one.letters[0].provider
            back = app.test_client().get(f"/payments/{provider}/return?reference={one.reference}")
            well = well and back.status_code == 303
        else:
            well = well and all(letter.post(app) == 200 for letter in one.letters)
    answers.put(well)


def offered(street, currency):
    """The providers of the street that take this currency."""
    takes = {"USD": {"stripe", "paypal", "chapa", "paystack"}, "KES": {"stripe", "paystack", "mpesa"}}[currency]
    return [name for name in street.simulators if name in takes]


def assert_paid_once(told):
    for one in told:
        found = effects(one.number)
        assert {name: found[name] for name in ONCE} == ONCE
    assert_sound()
