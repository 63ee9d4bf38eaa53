"""Whatever happens to money, and in whatever order, the shop does what a small model of it does."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import _empty
from tests.races.machine import PLACES, Shop

STORIES, STEPS = 2, 12


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_shop_and_a_small_model_of_it_agree_after_every_step(app, street, place):
    agree(app, street, place, settings(max_examples=STORIES, stateful_step_count=STEPS, derandomize=True))


def agree(app, street, place, wanted):
    """Lead shop and model through as many stories as `wanted` says."""

    class ThisShop(Shop):
        pass

    ThisShop.app, ThisShop.street, ThisShop.place, ThisShop.empty = app, street, place, _empty
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    # A story is shown as it was found: making it shorter takes minutes on a real database.
    phases = [Phase.generate]
    with street.in_use(**place.settings):
        run_state_machine_as_test(
            ThisShop,
            settings=settings(wanted, deadline=None, database=None, phases=phases, suppress_health_check=health),
        )
