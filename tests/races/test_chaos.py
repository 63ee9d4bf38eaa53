"""Whatever people do at the same time, the books are in order when the shop closes."""

import pytest

from tests.factories import a_variant
from tests.races.chaos import Afternoon, assert_books_agree, clear_up, stumbling
from tests.races.meeting import assert_sound

PEOPLE, DEEDS = 8, 30


@pytest.mark.parametrize("seed", [1])
def test_a_busy_afternoon_leaves_every_book_in_order(at_once, seed):
    spend_an_afternoon(at_once, seed)


def spend_an_afternoon(at_once, seed, *, deeds=DEEDS):
    """Everybody at once, then the shop closes and the books are looked at."""
    afternoon = Afternoon([a_variant(on_hand=6).id for _ in range(3)], seed)

    with stumbling(seed):
        assert not any(at_once(*[afternoon.person(name, deeds) for name in range(PEOPLE)]))
    clear_up()

    assert not afternoon.faults, (seed, afternoon.faults[:3])
    assert afternoon.done["_place"] and afternoon.done["_pay"]
    assert_books_agree()
    assert_sound()
