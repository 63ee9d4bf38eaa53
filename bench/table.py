"""What was measured, what was wanted, and whether it is met. No clock and no network: only sums."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# A hello-world of the machine for which targets in requests a second were set. Others are judged by their own.
REFERENCE_RPS = 5400.0
AT_MOST, AT_LEAST = "at most", "at least"
GROWTH = 1.5


@dataclass(frozen=True)
class Yardstick:
    """CPU milliseconds of one hello-world, and how many a second at 32 connections."""

    cpu_ms: float
    rps: float


@dataclass(frozen=True)
class Figure:
    """One line. `value` and `target` are in `unit`; without a target, or a value, nothing is judged.

    `ratio` compares with hello-world: CPU as a multiple of its CPU, requests as a share of its requests.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    bound: str = AT_MOST
    ratio: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """met, missed, or nothing; what should have been measured and could not be is missed."""
        if self.target is None:
            return ""
        if self.value is None:
            return "missed"
        kept = self.value <= self.target if self.bound == AT_MOST else self.value >= self.target
        return "met" if kept else "missed"


def cpu(name: str, cpu_ms: float, hello: Yardstick, times: float | None) -> Figure:
    """CPU of one request in all processes that serve it; `times` is the most it may cost in hello-worlds."""
    target = None if times is None else times * hello.cpu_ms
    return Figure(f"{name}: CPU", cpu_ms, "ms", target, AT_MOST, cpu_ms / hello.cpu_ms)


def absent(name: str, hello: Yardstick, times: float, why: str) -> Figure:
    """What should have been measured and could not be."""
    return Figure(f"{name}: CPU", None, "ms", times * hello.cpu_ms, note=why)


def rate(name: str, rps: float, hello: Yardstick, target: float | None, *, of_hello: bool = False) -> Figure:
    """Requests a second; the target is a share of hello-world's, or a number on the reference machine."""
    wanted = None if target is None else target * hello.rps if of_hello else target * hello.rps / REFERENCE_RPS
    return Figure(f"{name}: requests/s", rps, "/s", wanted, AT_LEAST, rps / hello.rps)


def growth(small: Iterable[Figure], large: Iterable[Figure], words: str) -> list[Figure]:
    """What more products cost: each CPU figure of `large` as a multiple of the same in `small`."""
    before = {figure.name: figure.value for figure in small}
    found = []
    for figure in large:
        was = before.get(figure.name)
        if figure.name.endswith(": CPU") and figure.value is not None and was:
            found.append(Figure(f"{figure.name}, {words}", figure.value / was, "times", GROWTH))
    return found


def lines(figures: Iterable[Figure]) -> list[str]:
    """The table as text, one line a figure."""
    rows = [("figure", "measured", "target", "of hello", "")]
    for it in figures:
        target = "" if it.target is None else f"{'≤' if it.bound == AT_MOST else '≥'} {_number(it.target)}"
        rows.append(
            (
                it.name,
                "none" if it.value is None else f"{_number(it.value)} {it.unit}",
                target,
                "" if it.ratio is None else f"{it.ratio:.2f}",
                f"{it.verdict} {it.note}".strip(),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    ]


def is_missed(figures: Iterable[Figure]) -> bool:
    return any(figure.verdict == "missed" for figure in figures)


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [{**asdict(figure), "verdict": figure.verdict} for figure in figures]


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that is not below so many of all, nearest rank. Raises ValueError for no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("No values were measured.")
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
