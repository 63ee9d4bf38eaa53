"""python -m bench: measures, prints a table, and ends with 1 when a target is missed.

PRODUCTS=1000,100000 sizes of the catalogue · SECONDS_EACH=2 for each load · ORDERS=150 for each load of orders ·
KEEP=folder keeps the catalogues for the next run · RESULTS=folder for the figures as JSON.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from bench import goods, searches, visit
from bench.load import Ask, press, require_wrk, send
from bench.pages import Bench
from bench.stand import SHARED_BUFFERS, Peak, Stand
from bench.table import Figure, Yardstick, as_json, growth, is_missed, lines

HELLO_SECONDS = 2
WARMING = 12  # requests after which every web process has the front page as it is sent to most visitors
IDLE_MIB, PEAK_MIB, START_SECONDS = 120, 160, 2.5


def main() -> int:
    """Measure each size of catalogue in turn. Returns the exit status."""
    require_wrk()
    sizes = [int(number) for number in os.environ.get("PRODUCTS", "1000").replace("_", "").split(",")]
    results: dict[int, list[Figure]] = {}
    for products in sizes:
        print(
            f"\n{products:,} products; shared_buffers {SHARED_BUFFERS}; {os.cpu_count()} cores; {_seconds():g} s a load"
        )
        with _directory(products) as folder:
            results[products] = _measure(folder, products)
    smallest = sizes[0]
    for products in sizes[1:]:
        more = growth(results[smallest], results[products], f"{products:,} against {smallest:,} products")
        results[products] = [*results[products], *more]
    for products in sizes:
        print(f"\n{products:,} products")
        print("\n".join(lines(results[products])))
    print("\nRequests/s are wanted as on a machine whose hello-world makes 5,400: targets are scaled by this one's.")
    return 1 if any(is_missed(figures) for figures in results.values()) else 0


def _measure(folder: Path, products: int) -> list[Figure]:
    stand = Stand(folder)
    figures: list[Figure] = []
    try:
        stand.open_stores()
        _fill(stand, products)
        found = goods.find(stand.environ["DATABASE_URL"])
        first, rps = _hello(stand)
        figures += _cold_database(stand, found)
        stand.open_web()
        send(stand.port, Ask("/"))
        idle = stand.web_mib()
        for _ in range(WARMING):
            send(stand.port, Ask("/"))
        figures += visit.measure(stand.port)
        peak = Peak(stand)
        bench = Bench(stand, found, Yardstick(first, rps), _seconds(), _tell)
        peak.start()
        bench.run(int(os.environ.get("ORDERS", "150")))
        last, last_rps = _hello(stand)
        figures += bench.figures
        figures += searches.measure(stand, found, _tell)
        figures += [
            Figure("web processes, idle", idle, "MiB", IDLE_MIB),
            Figure("web processes, peak", peak.stop(), "MiB", PEAK_MIB),
            Figure("start to first page", stand.start_seconds(), "s", START_SECONDS),
            Figure("hello-world, before and after: CPU", mean([first, last]), "ms", note=f"{first:.3f}, {last:.3f}"),
            Figure(
                "hello-world, before and after: requests/s",
                mean([rps, last_rps]),
                "/s",
                note=f"{rps:.0f}, {last_rps:.0f}",
            ),
        ]
        _write(products, figures, bench)
    finally:
        stand.close()
    return figures


def _fill(stand: Stand, products: int) -> None:
    """Seeding is repeatable, so a kept directory only needs what is missing."""
    done = stand.data_dir / "filled.json"
    stand.flask("db", "upgrade")
    if done.exists():
        return
    began = time.monotonic()
    stand.flask("shop", "seed", "--products", str(products))
    took = time.monotonic() - began
    done.write_text(json.dumps({"products": products, "seconds": took}), encoding="ascii")
    print(f"{products:,} products made in {took:.0f} s.", flush=True)


def _hello(stand: Stand) -> tuple[float, float]:
    with stand.hello() as (port, root):
        press(port, [Ask("/")], [root], connections=8, seconds=1)
        # Sometimes one process takes all connections, which more than doubles what a request costs: not its measure.
        loads = [press(port, [Ask("/")], [root], connections=32, seconds=HELLO_SECONDS) for _ in range(2)]
    cost, rps = min(load.cpu_ms for load in loads), max(load.rps for load in loads)
    print(f"hello-world: {cost:.3f} ms CPU, {rps:,.0f} requests/s", flush=True)
    return cost, rps


def _cold_database(stand: Stand, found: goods.Goods) -> list[Figure]:
    """The first searches after PostgreSQL was started anew; the operating system may still know its files."""
    stand.postgres.stop()
    stand.environ["DATABASE_URL"] = stand.postgres.start()
    stand.open_web()
    words = found.searches()
    waits = []
    for _ in range(5):
        began = time.perf_counter()
        send(stand.port, Ask(f"/search?q={next(words).replace(' ', '+')}"))
        waits.append((time.perf_counter() - began) * 1000)
    note = "then " + ", ".join(f"{wait:.0f}" for wait in waits[1:])
    figures = [Figure("first search after a start of the database", waits[0], "ms", note=note)]
    _tell(figures[0])
    return figures


def _tell(figure: Figure) -> None:
    print("  " + lines([figure])[1], flush=True)


@contextmanager
def _directory(products: int) -> Iterator[Path]:
    kept = os.environ.get("KEEP")
    if kept:
        folder = Path(kept).absolute() / f"products-{products}"
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    folder = Path(tempfile.mkdtemp(prefix="sokoni-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(products: int, figures: list[Figure], bench: Bench) -> None:
    """Beside the others, so that two runs can be laid side by side."""
    now = datetime.now(UTC)
    file = Path(os.environ.get("RESULTS", "var/bench")) / f"{now:%Y%m%d-%H%M%S}-{products}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "at": now.isoformat(timespec="seconds"),
        "products": products,
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "shared_buffers": SHARED_BUFFERS,
        "seconds": _seconds(),
        "figures": as_json(figures),
        "loads": {name: [vars(load) for load in loads] for name, loads in bench.loads.items()},
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"Written to {file}", flush=True)


def _seconds() -> float:
    return float(os.environ.get("SECONDS_EACH", "2"))


if __name__ == "__main__":
    sys.exit(main())
