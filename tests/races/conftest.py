"""What races need besides the shop: constraints that can be taken away, and people for a crowd."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from app.lib.db import db

DEFINITION = text("""
    SELECT 'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conname = :name
""")
INDEX = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname = :name")


@pytest.fixture
def without(app: Flask) -> Iterator[Callable[[str], None]]:
    """Take a constraint or a unique index away until the test is over; its rows go before it comes back."""
    gone: list[tuple[str, str]] = []

    def drop(name: str) -> None:
        with db.engine.begin() as connection:
            constraint, index = (connection.scalar(sql, {"name": name}) for sql in (DEFINITION, INDEX))
            if constraint:
                table = constraint.split()[2]
                connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
            else:
                table = index.split(" ON ")[1].split()[0]
                connection.execute(text(f"DROP INDEX {name}"))
            gone.append((table, constraint or index))

    yield drop
    db.session.rollback()
    db.session.remove()
    for table, definition in reversed(gone):
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text("SET LOCAL session_replication_role = origin"))
            connection.execute(text(definition))
