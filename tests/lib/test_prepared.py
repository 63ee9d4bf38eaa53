"""Statements that are planned once for each connection: the same answers as without, whatever happens in between."""

from sqlalchemy import text

from app.lib import prepared
from app.lib.db import db, retrying, session, transaction

NAMES = """
    SELECT name, CAST(:also AS int) AS also FROM brands
    WHERE name = ANY(CAST(:names AS text[])) ORDER BY name LIKE '%s', name
"""
ASK = {"names": ["Boots", "Socks", "Hat"], "also": 7, "nobody": "asks for this"}


def a_brand(name: str) -> None:
    with transaction() as current:
        current.execute(text("INSERT INTO brands (name, slug, description) VALUES (:name, :name, '')"), {"name": name})


def found() -> list[str]:
    rows = prepared.run(NAMES, ASK).all()
    assert all(row.also == 7 for row in rows)
    session().rollback()
    return [row.name for row in rows]


def plans() -> int:
    return session().scalar(text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'kept%'"))


def test_what_is_asked_again_is_not_planned_again():
    a_brand("Boots")
    before = plans()

    assert [found() for _ in range(8)] == [["Boots"]] * 8
    a_brand("Socks")

    assert found() == ["Boots", "Socks"]
    assert plans() <= before + 1


def test_it_reads_the_table_that_stands_there_now():
    a_brand("Boots")
    assert found() == ["Boots"]

    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE brands RENAME TO brands_old; CREATE TABLE brands (LIKE brands_old)"))
    try:
        assert found() == []
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE brands; ALTER TABLE brands_old RENAME TO brands"))
    assert found() == ["Boots"]


def test_a_connection_keeps_so_many_and_no_more():
    a_brand("Boots")
    for number in range(prepared.MOST + 5):
        rows = prepared.run(f"SELECT name, {number} AS number FROM brands WHERE name = :name", {"name": "Boots"}).all()
        assert [tuple(row) for row in rows] == [("Boots", number)]

    assert plans() <= prepared.MOST
    session().rollback()
    db.engine.dispose()  # so that other tests find room


def test_a_new_connection_plans_anew():
    a_brand("Boots")
    assert found() == ["Boots"]
    session().rollback()

    with db.engine.connect() as other:
        ours = "pid <> pg_backend_pid() AND usename = user"
        other.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"))

    assert found() == ["Boots"]


def test_a_type_that_a_migration_changed_is_planned_anew():
    a_brand("Boots")
    told = "SELECT name, description FROM brands"
    assert prepared.run(told, {}).all() == [("Boots", "")]
    session().rollback()

    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE brands ALTER COLUMN description TYPE text"))
    try:
        assert [prepared.run(told, {}).all() for _ in range(3)] == [[("Boots", "")]] * 3
    finally:
        session().rollback()
        with db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE brands ALTER COLUMN description TYPE varchar"))
        db.engine.dispose()


def test_a_transaction_that_a_migration_overtook_begins_again():
    tell = "UPDATE brands SET name = name WHERE name = :name RETURNING name, description"

    @retrying
    def renamed() -> list[tuple[str, str]]:
        with transaction():
            a_brand("Hat")
            return [tuple(row) for row in prepared.run(tell, {"name": "Boots"})]

    a_brand("Boots")
    with transaction():
        prepared.run(tell, {"name": "Boots"})
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE brands ALTER COLUMN description TYPE text"))
    try:
        assert renamed() == [("Boots", "")]
        assert session().scalar(text("SELECT count(*) FROM brands")) == 2
    finally:
        session().rollback()
        with db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE brands ALTER COLUMN description TYPE varchar"))
        db.engine.dispose()
