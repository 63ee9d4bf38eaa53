"""Longer stories about money than the suite has time for, and other ones each time."""

from hypothesis import settings

from tests.prove.conftest import ROUNDS, report
from tests.races.test_machine import agree


def test_the_shop_and_the_model_agree_for_long(app, street):
    agree(app, street, settings(max_examples=ROUNDS * 5, stateful_step_count=40))
    report(f"The model: {ROUNDS * 5} stories of up to 40 steps, every invariant after each step")
