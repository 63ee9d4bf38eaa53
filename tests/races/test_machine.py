"""Whatever happens to money, and in whatever order, the shop does what a small model of it does."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import _empty
from tests.races.machine import Shop

EXAMPLES, STEPS = 5, 14


def test_the_shop_and_a_small_model_of_it_agree_after_every_step(app, street):
    agree(app, street, settings(max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=True))


def agree(app, street, wanted):
    """Lead shop and model through as many stories as `wanted` says."""

    class ThisShop(Shop):
        pass

    ThisShop.app, ThisShop.street, ThisShop.empty = app, street, _empty
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    # A story is shown as it was found: making it shorter takes minutes on a real database.
    phases = [Phase.generate]
    with street.in_use():
        run_state_machine_as_test(
            ThisShop,
            settings=settings(wanted, deadline=None, database=None, phases=phases, suppress_health_check=health),
        )
