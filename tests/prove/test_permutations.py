"""Every sequence of up to four messages, with repeats, of every story at every provider."""

import pytest

from tests.prove.conftest import report
from tests.races.stories import STORIES
from tests.races.test_permutations import assert_one_end


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_every_sequence_of_messages_has_one_end(app, street, story):
    sequences = assert_one_end(app, street, story)
    report(f"Messages in any order, {story}: {sequences} sequences, one end each")
