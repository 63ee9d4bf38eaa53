"""What each kind of search asks of the database: the time of its statements, one request after another."""

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any
from urllib.parse import quote_plus

from flask import Flask
from sqlalchemy import event

from app import create_app
from app.lib.db import db
from bench.goods import Goods
from bench.pages import next_page
from bench.stand import Stand
from bench.table import Figure, percentile

EACH = 30
RESULTS, FACETS, SINGLE = 10.0, 100.0, 100.0  # milliseconds: suggestions and results; with facets; any one of them
DEPTH = 12


class Clock:
    """Adds up what the statements of a request took, waiting for the database included."""

    def __init__(self, engine: Any):
        self.seconds = 0.0
        self._began = 0.0
        event.listen(engine, "before_cursor_execute", self._begin)
        event.listen(engine, "after_cursor_execute", self._end)

    def _begin(self, *_: Any) -> None:
        self._began = time.perf_counter()

    def _end(self, *_: Any) -> None:
        self.seconds += time.perf_counter() - self._began


def measure(stand: Stand, goods: Goods, tell: Callable[[Figure], None]) -> list[Figure]:
    """One line a kind: p50 and p95 of the database's time, and the longest of all."""
    app = create_app({**stand.environ, "PAGE_CACHE_MB": "0"})
    figures: list[Figure] = []
    worst = 0.0
    with app.app_context():
        clock = Clock(db.engine)
    ask = _asker(app, clock)
    for name, paths in _kinds(goods).items():
        times = [ask(path)[0] for path in islice(paths, EACH)]
        limit = RESULTS if name.startswith("suggest") else FACETS
        worst = max(worst, *times)
        figures.append(_line(name, times, limit))
        tell(figures[-1])
    deep = _deep(ask, goods.roots[0])
    worst = max(worst, *deep)
    figures += [
        _line("deep paging", deep, FACETS),
        Figure("database, the longest of all searches", worst, "ms", SINGLE),
    ]
    for figure in figures[-2:]:
        tell(figure)
    with app.app_context():
        db.engine.dispose()
    return figures


def _line(name: str, times: list[float], limit: float) -> Figure:
    note = f"p50 {percentile(times, 50):.1f}, longest {max(times):.1f} ms"
    return Figure(f"database, {name}: p95", percentile(times, 95), "ms", limit, note=note)


def _asker(app: Flask, clock: Clock) -> Callable[[str], tuple[float, str]]:
    browser = app.test_client()
    addresses = count(1)

    def ask(path: str) -> tuple[float, str]:
        number = next(addresses)
        clock.seconds = 0.0
        answer = browser.get(path, headers={"X-Forwarded-For": f"10.{number >> 8 & 255}.{number & 255}.1"})
        if answer.status_code >= 400:
            raise SystemExit(f"{path} answered {answer.status}.")
        return clock.seconds * 1000, answer.get_data(as_text=True)

    return ask


def _kinds(goods: Goods) -> dict[str, Iterator[str]]:
    narrowed = ("?colour=black", "&brand={brand}", "&size=m", "&price_max=90")
    filters = {
        f"filters of {number} kinds" if number > 1 else "a filter of 1 kind": _filtered(
            goods, "".join(narrowed[:number])
        )
        for number in range(1, 5)
    }
    return {
        "suggestions": (f"/search/suggest?q={quote_plus(prefix)}" for prefix in goods.prefixes()),
        "a rare word": _searches(iter(goods.rare)),
        "a common word": _searches(goods.common()),
        "two words": _searches(goods.searches()),
        "three words": _searches(goods.searches_of_three()),
        "a typo": _searches(goods.typos()),
        "a prefix": _searches(goods.prefixes()),
        "a SKU": _searches(iter(goods.skus)),
        **filters,
        "root categories": iter(goods.roots),
        "leaf categories": iter(goods.leaves),
    }


def _searches(words: Iterator[str]) -> Iterator[str]:
    return (f"/search?q={quote_plus(each)}" for each in words)


def _filtered(goods: Goods, query: str) -> Iterator[str]:
    for place in count():
        brand = goods.brands[place % len(goods.brands)]
        yield goods.roots[place % len(goods.roots)] + query.format(brand=brand)


def _deep(ask: Callable[[str], tuple[float, str]], start: str) -> list[float]:
    """Load more, again and again, as the page itself leads on."""
    times: list[float] = []
    path: str | None = start
    while path and len(times) <= DEPTH:
        took, html = ask(path)
        times.append(took)
        path = next_page(html)
    return times
