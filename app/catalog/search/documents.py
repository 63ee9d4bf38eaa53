"""Documents as a whole: rewritten one by one, caught up after sales and by the clock, built anew while serving."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.lib.db import CONFLICTS, db, session, sqlstate, transaction
from app.lib.errors import Busy

IDS = ARRAY(BigInteger)
AT_ONCE = 20_000  # documents built in one statement of a rebuild
TRIES = 300  # to lock what is swapped
PART = 500  # documents rewritten in one transaction
TABLES = ("search_documents", "search_sample", "search_facets", "search_words", "search_deletions")

WRITE = text("SELECT search_write(:ids)").bindparams(bindparam("ids", type_=IDS))
TELL = text("""
    SELECT pages_say_products(array_agg(id), array_agg(DISTINCT category_id), array_agg(DISTINCT brand_id))
    FROM products WHERE id = ANY(:ids)
""").bindparams(bindparam("ids", type_=IDS))
WRITE_NOW = text("SELECT search_write(:ids, false)").bindparams(bindparam("ids", type_=IDS))
NOTE = text("""
    INSERT INTO search_edits (product_id) SELECT DISTINCT unnest(:ids) ON CONFLICT DO NOTHING
""").bindparams(bindparam("ids", type_=IDS))


def refresh(product_ids: Iterable[int]) -> None:
    """Write the documents of these products with this transaction, as it commits.

    Triggers do this for every change of a product, its variants, options, pictures and attributes, whoever makes it.
    Only who changed something else calls it: stock, for example. Raises RuntimeError outside `transaction()`.
    """
    ids = list(product_ids)
    if ids:
        session().execute(NOTE, {"ids": ids})


OF_VARIANTS = text("""
    INSERT INTO search_edits (product_id) SELECT DISTINCT product_id FROM variants WHERE id = ANY(:ids)
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("ids", type_=IDS))


def refresh_variants(variant_ids: Iterable[int]) -> None:
    """The same for the products these variants belong to: staff counted their stock."""
    session().execute(OF_VARIANTS, {"ids": list(variant_ids)})


STALE = text("""
    WITH taken AS (
        DELETE FROM search_stale WHERE id IN (
            SELECT id FROM search_stale ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING product_id
    )
    SELECT array_agg(DISTINCT product_id) FROM taken
""")
DUE = text("""
    SELECT array_agg(product_id) FROM (
        SELECT product_id FROM search_documents WHERE next_at <= now() ORDER BY next_at LIMIT :most) due
""")


def catch_up() -> None:
    """What sales and the clock changed since: sold out or back, just published, a sale begun or ended."""
    for wanted in (STALE, DUE):
        while True:
            with transaction() as current:
                ids = current.scalar(wanted, {"most": PART})
                if not ids:
                    break
                _write(current, ids)


def _write(current: Session, ids: Sequence[int]) -> None:
    """The documents, and word of it to whoever keeps pages that were made from them."""
    current.execute(WRITE, {"ids": ids})
    current.execute(TELL, {"ids": ids})


# Products of which something is said that has a new name, or stands elsewhere.
CONCERNED = {
    "category": """category_id IN (SELECT below.id FROM categories self
                   JOIN categories below ON below.path <@ self.path WHERE self.id = :row)""",
    "move": "category_id = :row",
    "brand": "brand_id = :row",
    "option_value": """id IN (SELECT v.product_id FROM variants v JOIN variant_values link ON link.variant_id = v.id
                       WHERE link.option_value_id = :row)""",
    "attribute_value": "id IN (SELECT product_id FROM product_attributes WHERE attribute_value_id = :row)",
}


def rewrite(kind: str, row_id: int) -> None:
    """Rewrite every document a new name or place concerns, a part at a time. A moved category is then done."""
    part = text(f"""
        SELECT array_agg(id) FROM (
            SELECT id FROM products WHERE id > :after AND {CONCERNED[kind]} ORDER BY id LIMIT :most) part
    """)
    after = 0
    while True:
        with transaction() as current:
            ids = current.scalar(part, {"row": row_id, "after": after, "most": PART})
            if not ids:
                break
            _write(current, ids)
        after = ids[-1]
    if kind == "move":
        with transaction() as current:
            current.execute(text("DELETE FROM search_moves WHERE category_id = :row"), {"row": row_id})


SALES = text("""
    SELECT search_count_sales(s.number, m.id)
    FROM search_state s, (SELECT coalesce(max(id), 0) AS id FROM stock_movements
                          WHERE created_at < now() - interval '1 minute') m
    WHERE s.name = 'movement' AND m.id > s.number
""")
COUNTED = text("""
    INSERT INTO search_state (name, number)
    SELECT 'movement', coalesce(max(id), 0) FROM stock_movements WHERE created_at < now() - interval '1 minute'
    ON CONFLICT (name) DO UPDATE SET number = excluded.number WHERE search_state.number < excluded.number
""")
BEGIN_COUNTING = text("INSERT INTO search_state (name, number) VALUES ('movement', 0) ON CONFLICT DO NOTHING")
COUNT_ANEW = text("""
    WITH sold AS (
        SELECT v.product_id, -sum(m.on_hand_change) AS sold
        FROM stock_movements m JOIN variants v ON v.id = m.variant_id
        WHERE m.reason = 'sale' AND m.id <= (SELECT number FROM search_state WHERE name = 'movement')
        GROUP BY v.product_id
    ), gone AS (
        DELETE FROM search_sold WHERE product_id NOT IN (SELECT product_id FROM sold)
    )
    INSERT INTO search_sold SELECT * FROM sold ON CONFLICT (product_id) DO UPDATE SET sold = excluded.sold
""")


def count_sales() -> None:
    """Add what was sold since the last time to what each product sold; "best sellers" sorts by it."""
    with transaction() as current:
        current.execute(BEGIN_COUNTING)
        current.execute(text("SELECT FROM search_state WHERE name = 'movement' FOR UPDATE"))
        ids = sorted(current.scalar(SALES) or [])
        current.execute(COUNTED)
    for first in range(0, len(ids), PART):
        with transaction() as current:
            _write(current, ids[first : first + PART])


def tidy() -> None:
    """Forget edits that no rebuild can have missed."""
    with transaction() as current:
        current.execute(text("DELETE FROM search_edits WHERE created_at < now() - interval '6 hours'"))


NEXT_PART = text("SELECT array_agg(id) FROM (SELECT id FROM products WHERE id > :after ORDER BY id LIMIT :most) part")
COLUMNS = text("""
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'search_documents'::regclass AND attnum > 0 AND NOT attisdropped
""")
INDEXES = text("""
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made, i.indisprimary AS is_key
    FROM pg_index i WHERE i.indrelid = CAST(:table AS regclass) ORDER BY i.indisprimary DESC, 1
""")
ONE_REBUILD = text("SELECT pg_try_advisory_lock(hashtext('search.rebuild'))")
END_REBUILD = text("SELECT pg_advisory_unlock(hashtext('search.rebuild'))")

# What was written by transactions that the rebuild did not see when it began.
EDITED = text("""
    SELECT array_agg(DISTINCT product_id) FROM (
        SELECT product_id FROM search_edits
        WHERE NOT pg_visible_in_snapshot(xid::text::xid8, CAST(:since AS pg_snapshot))
        UNION ALL SELECT product_id FROM search_stale
    ) edited
""")


def rebuild(progress: Callable[[int], None] | None = None) -> bool:
    """Build everything anew beside what serves, then swap in one short lock. False when another rebuild is at work.

    `progress` is told how many more documents are built, after each part. What is edited meanwhile is written again
    under the lock, so nothing is lost.
    """
    with db.engine.connect() as connection:
        if not connection.scalar(ONE_REBUILD):
            return False
        try:
            connection.execute(text("SET statement_timeout = 0"))
            connection.commit()
            _rebuild(connection, progress or (lambda _done: None))
        finally:
            connection.rollback()
            connection.execute(END_REBUILD)
            connection.execute(text("RESET statement_timeout"))
            connection.commit()
    return True


def _rebuild(connection: Connection, progress: Callable[[int], None]) -> None:
    since = connection.scalar(text("SELECT pg_current_snapshot()::text"))
    connection.commit()
    for table in TABLES:
        connection.execute(text(f"DROP TABLE IF EXISTS {table}_new"))
        connection.execute(text(f"CREATE TABLE {table}_new (LIKE {table} INCLUDING DEFAULTS)"))
    connection.execute(BEGIN_COUNTING)
    connection.execute(COUNTED)
    connection.execute(COUNT_ANEW)
    connection.commit()
    columns = connection.scalar(COLUMNS)
    build = text(f"INSERT INTO search_documents_new SELECT {columns} FROM search_build(:ids)")
    after = 0
    while ids := connection.scalar(NEXT_PART, {"after": after, "most": AT_ONCE}):
        made = connection.execute(build.bindparams(bindparam("ids", type_=IDS)), {"ids": ids})
        connection.commit()
        progress(made.rowcount)
        after = ids[-1]
    connection.execute(text("SELECT search_fill('_new')"))
    indexes = {table: connection.execute(INDEXES, {"table": table}).all() for table in TABLES}
    for table, found in indexes.items():
        for index in found:
            connection.execute(text(_made_for_new(index.made, index.name, table)))
        connection.execute(text(f"ANALYZE {table}_new"))
        connection.commit()
    _swap(connection, indexes, since)


def _made_for_new(made: str, index: str, table: str) -> str:
    """The statement that makes the same index on the new table."""
    made = re.sub(rf"\bINDEX {index}\b", f"INDEX {index}_new", made, count=1)
    return re.sub(rf"\bON (public\.)?{table}\b", f"ON {table}_new", made, count=1)


def _swap(connection: Connection, indexes: Mapping[str, Sequence[Any]], since: object) -> None:
    _take_all(connection)
    for table, found in indexes.items():
        connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text(f"ALTER TABLE {table}_new RENAME TO {table}"))
        for index in found:
            connection.execute(text(f"ALTER INDEX {index.name}_new RENAME TO {index.name}"))
            if index.is_key:
                key = f"ALTER TABLE {table} ADD CONSTRAINT {index.name} PRIMARY KEY USING INDEX {index.name}"
                connection.execute(text(key))
    edited = connection.scalar(EDITED, {"since": since}) or []
    if edited:
        connection.execute(WRITE_NOW, {"ids": sorted(edited)})
    connection.execute(text("SELECT pages_say(ARRAY['*'])"))
    connection.commit()


def _take_all(connection: Connection) -> None:
    """Lock every table, or let go and try again. Raises Busy when that never succeeds.

    Pages and edits take these locks in orders of their own. Whoever waits a second in a ring is ended by PostgreSQL
    (deadlock_timeout), so the swap gives way long before that.
    """
    for _ in range(TRIES):
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        try:
            connection.execute(text(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE"))
        except OperationalError as error:
            if sqlstate(error) not in CONFLICTS:
                raise
            connection.rollback()
            time.sleep(0.1)
        else:
            return
    raise Busy()
