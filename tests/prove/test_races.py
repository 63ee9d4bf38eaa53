"""Races, again and again, each time with other luck."""

from functools import partial

import pytest

from tests.factories import a_variant, stock_of
from tests.prove.conftest import ROUNDS
from tests.races.meeting import assert_sound, count, crowd
from tests.races.people import filled_form, press_button
from tests.races.test_chaos import spend_an_afternoon


@pytest.mark.parametrize("seed", range(1000, 1000 + ROUNDS))
def test_busy_afternoons_leave_every_book_in_order(at_once, seed):
    spend_an_afternoon(at_once, seed, deeds=60)


@pytest.mark.parametrize("turn", range(max(1, ROUNDS // 10)))
def test_200_shoppers_press_pay_for_5_units_in_their_browsers(new_browser, at_once, turn):
    shirt = a_variant(on_hand=5).id
    browsers = [new_browser() for _ in range(200)]
    forms = [filled_form(browser, shirt, "form") for browser in browsers]

    presses = [partial(press_button, *one) for one in zip(browsers, forms, range(200), strict=True)]
    answers = crowd(at_once, presses)

    assert {answer.status_code for answer in answers} == {303}
    assert sum("/payments/demo/" in answer.headers["Location"] for answer in answers) == 5
    assert count("SELECT count(*) FROM orders") == 5
    assert stock_of(shirt).available == 0
    assert_sound()
