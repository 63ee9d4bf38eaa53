"""A line of daily figures as points of an SVG: arithmetic only, the template draws it.

The picture is 100 by 100 without units, with HTML labels beside it, so that text never scales.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

STEPS = 3  # lines between the bottom and the top
NICE = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class Day:
    """One day of a chart, in minor units."""

    day: date
    orders: int
    minor: int


@dataclass(frozen=True)
class Chart:
    """`points` is the line, `area` the same closed at the bottom; `scale` are the figures from top to bottom."""

    days: tuple[Day, ...]
    points: str
    area: str
    scale: tuple[int, ...]

    @property
    def highest(self) -> Day:
        return max(self.days, key=lambda each: each.minor)

    @property
    def lowest(self) -> Day:
        return min(self.days, key=lambda each: each.minor)

    @property
    def total_minor(self) -> int:
        return sum(each.minor for each in self.days)


def chart(days: Sequence[Day], unit: int = 100) -> Chart:
    """A chart of two days or more. `unit` is how many minor units are one: the scale counts in whole ones."""
    step = _nice(max(max(each.minor for each in days), 1) / STEPS, unit)
    top = step * STEPS
    across = 100 / (len(days) - 1)
    points = [f"{round(i * across, 2):g},{round(100 - each.minor * 100 / top, 2):g}" for i, each in enumerate(days)]
    return Chart(
        days=tuple(days),
        points=" ".join(points),
        area=" ".join([*points, "100,100", "0,100"]),
        scale=tuple(step * number for number in range(STEPS, -1, -1)),
    )


def _nice(least: float, unit: int) -> int:
    """The smallest of 1, 2, 3, 5, 10, 20, … units that is not below `least`."""
    size = unit
    while size * NICE[-1] < least:
        size *= 10
    return next(size * factor for factor in NICE if size * factor >= least)


def change(now: int, before: int) -> float | None:
    """By how much a figure grew, as a share of what it was; None when there was nothing to compare with."""
    return (now - before) / before if before else None
