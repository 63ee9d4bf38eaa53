"""Longer stories about money than the suite has time for, and other ones each time."""

import pytest
from hypothesis import settings

from tests.prove.conftest import ROUNDS, report
from tests.races.machine import PLACES
from tests.races.test_machine import agree

STORIES = ROUNDS * 2  # in each place


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_shop_and_the_model_agree_for_long(app, street, place):
    agree(app, street, place, settings(max_examples=STORIES, stateful_step_count=40))
    report(f"The model, {place}: {STORIES} stories of up to 40 steps, every invariant after each step")
