"""What a variant cost when, and the prior price of a reduction (Directive 98/6/EC, Article 6a)."""

from datetime import UTC, datetime, timedelta

import pytest

from app.catalog.price_history import Set, lowest_before, periods

pytestmark = pytest.mark.pure
NOW = datetime(2027, 6, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


GOLDEN = {
    "one cut": ([Set(ago(90), 100), Set(ago(2), 80)], 100),
    "raised just before the cut": ([Set(ago(90), 80), Set(ago(10), 100), Set(ago(2), 80)], 80),
    "raised, and 30 days passed before the cut": ([Set(ago(90), 80), Set(ago(40), 100), Set(ago(2), 70)], 100),
    "a cut long ago does not count": ([Set(ago(200), 60), Set(ago(190), 100), Set(ago(1), 90)], 100),
    "the price at the beginning of the window counts": ([Set(ago(90), 70), Set(ago(20), 100), Set(ago(1), 90)], 70),
    "successive cuts count one by one": ([Set(ago(90), 100), Set(ago(20), 80), Set(ago(1), 60)], 80),
    "a rise within a sale does not hide the lower price": ([Set(ago(90), 100), Set(ago(9), 60), Set(ago(1), 80)], 60),
    "new, so there was no price before": ([Set(ago(5), 80)], None),
    "saved again at the same price": ([Set(ago(90), 100), Set(ago(9), 80), Set(ago(1), 80)], 100),
    "a sale that is on": ([Set(ago(90), 100, 75, ago(3), None)], 100),
    "a sale that began at once": ([Set(ago(90), 100), Set(ago(3), 100, 75)], 100),
    "a second sale after a first": ([Set(ago(90), 100, 60, ago(20), ago(15)), Set(ago(5), 100, 75, ago(1), None)], 60),
    "the same, with 30 days between them": (
        [Set(ago(90), 100, 60, ago(60), ago(50)), Set(ago(5), 100, 75, ago(1), None)],
        100,
    ),
    "a sale that was called off": (
        [Set(ago(90), 100, 60, ago(5), None), Set(ago(6), 100), Set(ago(1), 90)],
        100,
    ),
    "the sale price is cut while the sale is on": ([Set(ago(90), 100, 80, ago(9), None), Set(ago(1), 100, 60)], 80),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_lowest_price_of_the_30_days_before_a_cut(name: str):
    events, lowest = GOLDEN[name]

    assert lowest_before(periods(events, NOW)) == lowest


def test_what_a_draft_cost_was_nobodys_price():
    events = [Set(ago(20), 5), Set(ago(10), 100), Set(ago(1), 80)]

    assert lowest_before(periods(events, NOW, on_sale_since=ago(9))) == 100


def test_a_sale_changes_the_price_by_the_clock_and_one_to_come_does_not_yet():
    events = [Set(ago(9), 100, 60, ago(6), ago(4)), Set(ago(2), 100, 50, ago(-1), None)]

    found = periods(events, NOW)

    assert [(period.minor, period.since, period.until) for period in found] == [
        (100, ago(9), ago(6)),
        (60, ago(6), ago(4)),
        (100, ago(4), None),
    ]
