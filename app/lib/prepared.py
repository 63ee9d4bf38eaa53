"""Statements of the pages that are asked for most, planned once for each connection instead of each time.

Planning them takes as long as answering them (1.2 of 2.3 ms for a listing). PostgreSQL tries a plan made for the values
five times before it keeps one for all; the tables may be swapped meanwhile, it notices.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, text
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import NotSupportedError

from app.lib.db import in_transaction, session

MOST = 40  # for each connection, because each keeps some 100 KB of memory there
_KNOWN = "prepared"


class _Statement(NamedTuple):
    prepare: str
    execute: str
    name: str
    parameters: tuple[str, ...]


def run(sql: str, values: Mapping[str, Any]) -> CursorResult[Any]:
    """What this reads, `:name` being replaced by `values[name]`. The SQL must say the type of a list it unnests.

    There must be few different ones: what differs belongs in values. More than MOST are run without being kept.
    Inside a transaction that a migration overtook it raises NotSupportedError, which `retrying` takes care of.
    """
    statement = _statement(sql)
    connection = session().connection()
    known: set[str] = connection.info.setdefault(_KNOWN, set())
    given = {name: values[name] for name in statement.parameters}
    if statement.name not in known:
        if len(known) >= MOST:
            return connection.execute(text(sql), given)
        connection.exec_driver_sql(statement.prepare)
        known.add(statement.name)
    try:
        return connection.exec_driver_sql(statement.execute, given)
    except NotSupportedError as error:  # a migration changed a type that this reads: what was planned is of no use
        connection.invalidate(error)
        connection.engine.dispose()  # the others that wait in the pool have planned it too
        if in_transaction():
            raise  # and `retrying` begins again, on another connection
        session().rollback()
        return run(sql, values)


@lru_cache(maxsize=1024)
def _statement(sql: str) -> _Statement:
    compiled = text(sql).compile(dialect=PGDialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
    name = "kept_" + blake2b(sql.encode(), digest_size=8).hexdigest()
    parameters = tuple(compiled.positiontup or ())
    places = ", ".join(f"%({parameter})s" for parameter in parameters)
    return _Statement(
        prepare=f"PREPARE {name} AS {compiled}".replace("%", "%%"),
        execute=f"EXECUTE {name}" + (f" ({places})" if places else ""),
        name=name,
        parameters=parameters,
    )
