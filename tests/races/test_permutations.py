"""Whatever order messages come in, and however often: one end, and nothing happens twice."""

import itertools
import random
from collections import defaultdict

import pytest

from app.payments import inbox
from app.payments import services as payments
from tests.races.meeting import assert_sound
from tests.races.paying import do_money_jobs
from tests.races.stories import STORIES, effects, tell

SAMPLE = 3  # sequences of each story; `make prove` tries them all


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_any_sequence_of_messages_has_one_end(app, street, story):
    assert_one_end(app, street, story, most=SAMPLE)


def assert_one_end(app, street, story, *, most=None):
    """Deliver up to four messages in every order, with repeats; the same set of messages has the same effects.

    Gives back how many sequences that were.
    """
    with street.in_use(CURRENCY=story.currency, TAX_RATE="0"):
        first = tell(street, story)
        ends = defaultdict(list)
        sequences = _sequences(len(first.letters), most)
        for turn, picks in enumerate(sequences):
            told = tell(street, story) if turn else first
            for pick in picks:
                assert told.letters[pick].post(app) == 200
                if turn % 2:
                    do_money_jobs()
            do_money_jobs()
            # What came before the payment had a name is read again, every minute.
            inbox.look_after()
            do_money_jobs()
            ends[frozenset(picks)].append(effects(told.number))
            payments.check(told.reference, channel="poller")
            inbox.look_after()
            do_money_jobs()
            ends["asked", *_unasked(told, picks)].append(effects(told.number))
    for heard, found in ends.items():
        differing = {name: {end[name] for end in found} for name in found[0]}
        assert not {name: values for name, values in differing.items() if len(values) > 1}, heard
        assert found[0]["moves"] <= 1
        assert found[0]["invoices"] <= 1
    assert_sound()
    return len(sequences)


def _unasked(told, picks):
    """Which disputes were heard of: few providers tell of one when they are asked."""
    return sorted({pick for pick in picks if b"dispute" in told.letters[pick].body})


def _sequences(letters, most):
    """All of them, longest last; or some, among which each message comes alone, and all of them both ways round."""
    wanted = min(letters, 4)
    every = [one for length in range(1, 5) for one in itertools.product(range(letters), repeat=length)]
    if most is None:
        return every
    chance = random.Random(letters)
    full = [tuple(range(wanted)), tuple(reversed(range(wanted)))]
    return full + chance.sample(every, most - len(full))
