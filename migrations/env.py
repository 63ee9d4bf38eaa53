"""Runs the migrations: one at a time across all starting containers, never waiting long for a lock."""

from alembic import context
from flask import current_app
from sqlalchemy import text

ONE_AT_A_TIME = 7_306_591_204  # any number, the same in every process: the key of the advisory lock

database = current_app.extensions["migrate"].db


def run() -> None:
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            compare_type=True,
            compare_server_default=False,
            include_name=_is_ours,
        )
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.execute(text("SET lock_timeout = '2s'"))
        connection.commit()
        try:
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ONE_AT_A_TIME})
            connection.commit()


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name == "alembic_version")


run()
