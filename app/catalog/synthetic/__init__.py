"""A catalogue of any size, the same every time, made inside the database: for measuring, not for showing."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from sqlalchemy import Engine, text

from app.catalog.queries import forget_menu
from app.catalog.synthetic import rows
from app.catalog.synthetic.shelves import Shelves, make_shelves
from app.lib import runtime
from app.lib.db import session, transaction

MOST = 1_000_000
AT_ONCE = 25_000  # products in one transaction
TABLES = (
    *("products", "variants", "variant_values", "stock_items", "stock_movements", "price_events"),
    *("categories", "images", "product_attributes"),
)

Progress = Callable[[int], None]

# A document for each as they come would take ten times as long as building all of them anew.
WITHOUT_DOCUMENTS = text("SET LOCAL shop.search = 'off'")


def seed_products(count: int, progress: Progress = lambda _done: None) -> None:
    """Bring the products 1 to `count` into being, in bulk; those that exist stay. At most a million.

    `progress` is told how many more are done, after each part. Parts are made side by side, so only their keys
    differ between two runs. Listings and search do not know the products until `search.rebuild()`.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"Between 1 and {MOST:,} products, not {count:,}.")
    shelves = make_shelves()
    forget_menu()
    engine = session().get_bind()
    assert isinstance(engine, Engine)
    currency = runtime.settings().currency
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        parts = {pool.submit(_make, engine, shelves, currency, *part): part for part in _parts(count)}
        try:
            for made in as_completed(parts):
                made.result()
                first, last = parts[made]
                progress(last - first + 1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for table in TABLES:
        with transaction() as current:
            current.execute(text("SET LOCAL statement_timeout = 0"))
            current.execute(text(f"ANALYZE {table}"))


def _parts(count: int) -> Iterator[tuple[int, int]]:
    for first in range(1, count + 1, AT_ONCE):
        yield first, min(count, first + AT_ONCE - 1)


def _make(engine: Engine, shelves: Shelves, currency: str, first: int, last: int) -> None:
    """The products of one part with all that belongs to them, or nothing of it. Whoever makes the same part waits."""
    values = {**shelves.values, "first": first, "last": last, "currency": currency}
    with engine.begin() as connection:
        connection.execute(WITHOUT_DOCUMENTS)
        for statement in rows.statements(currency):
            connection.execute(text(statement), values)
