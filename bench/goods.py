"""What is in the catalogue under test, so that requests ask for things that are there."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2

from app.catalog.synthetic import words

ON_SALE = "p.status = 'active' AND p.published_at <= now()"
PLENTY = 1_000_000
CHOSEN = 400

# The counter and its line of the ledger together, as a delivery would write them.
DELIVER = """
    WITH filled AS (
        UPDATE stock_items SET on_hand = on_hand + %(units)s WHERE variant_id = ANY(%(ids)s) RETURNING variant_id
    )
    INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note)
    SELECT variant_id, %(units)s, 0, 'manual', 'bench' FROM filled
"""


@dataclass(frozen=True)
class Goods:
    """Addresses and words of things that exist, in an order that is the same each time."""

    products: list[str]
    skus: list[str]
    roots: list[str]
    leaves: list[str]
    brands: list[str]
    rare: list[str]

    @property
    def chance(self) -> random.Random:
        return random.Random(1)  # noqa: S311 - the same requests each time

    def common(self) -> Iterator[str]:
        return itertools.cycle(_nouns()[:40])

    def searches(self) -> Iterator[str]:
        """Two words, hardly ever the same two."""
        chance, nouns, adjectives = self.chance, _nouns(), words.ADJECTIVES.split()
        while True:
            yield f"{chance.choice(adjectives)} {chance.choice(nouns)}"

    def searches_of_three(self) -> Iterator[str]:
        chance, adjectives = self.chance, words.ADJECTIVES.split()
        while True:
            department = chance.choice(words.DEPARTMENTS)
            noun = chance.choice(" ".join(department.ranges.values()).split())
            yield f"{chance.choice(adjectives)} {chance.choice(department.materials.split())} {noun}"

    def typos(self) -> Iterator[str]:
        chance = self.chance
        nouns = [noun for noun in _nouns() if len(noun) > 5]
        while True:
            noun = chance.choice(nouns)
            place = chance.randrange(1, len(noun) - 1)
            yield noun[:place] + chance.choice(["", noun[place] * 2, "x"]) + noun[place + 1 :]

    def prefixes(self) -> Iterator[str]:
        chance = self.chance
        nouns = [*_nouns(), *words.ADJECTIVES.split(), *self.rare]
        while True:
            word = chance.choice(nouns)
            yield word[: chance.randint(2, max(2, len(word) - 1))]


def find(url: str) -> Goods:
    """Look around, and fill the shelves of CHOSEN variants so that no load ever empties them."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        chosen = _rows(
            cursor,
            f"""SELECT v.id, v.sku FROM products p JOIN variants v ON v.product_id = p.id
                WHERE {ON_SALE} AND v.is_active ORDER BY p.id LIMIT {CHOSEN}""",  # noqa: S608
        )
        cursor.execute(DELIVER, {"units": PLENTY, "ids": [row[0] for row in chosen]})
        paths = _rows(
            cursor,
            """SELECT c.slug, parent.slug, c.parent_id IS NULL,
                      NOT EXISTS (SELECT FROM categories k WHERE k.parent_id = c.id)
               FROM categories c LEFT JOIN categories parent ON parent.id = c.parent_id ORDER BY c.id""",
        )
        found = Goods(
            products=_column(cursor, f"SELECT slug FROM products p WHERE {ON_SALE} ORDER BY id LIMIT 4000"),  # noqa: S608
            skus=[row[1] for row in chosen],
            roots=[f"/c/{slug}" for slug, _, is_root, _ in paths if is_root],
            leaves=[f"/c/{parent}/{slug}" for slug, parent, _, is_leaf in paths if is_leaf and parent],
            brands=_column(cursor, "SELECT slug FROM brands ORDER BY id LIMIT 20"),
            rare=_column(
                cursor,
                f"""SELECT DISTINCT lower(substring(description from 'in the (\\w+) workshop'))
                    FROM (SELECT description FROM products p WHERE {ON_SALE} ORDER BY id DESC LIMIT 200) p
                    ORDER BY 1""",  # noqa: S608
            ),
        )
    connection.close()
    return found


def one_with_few(url: str, units: int) -> str:
    """The SKU of a variant of which exactly so many are left."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        ((variant, sku, there),) = _rows(
            cursor,
            f"""SELECT v.id, v.sku, s.on_hand FROM products p JOIN variants v ON v.product_id = p.id
                JOIN stock_items s ON s.variant_id = v.id
                WHERE {ON_SALE} AND v.is_active AND s.reserved = 0 AND s.on_hand < {units}
                ORDER BY p.id DESC LIMIT 1""",  # noqa: S608
        )
        cursor.execute(DELIVER, {"units": units - there, "ids": [variant]})
    connection.close()
    return str(sku)


def left_of(url: str, sku: str) -> tuple[int, int]:
    """On hand and reserved of a SKU."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT on_hand, reserved FROM stock_items s JOIN variants v ON v.id = s.variant_id WHERE sku = %s", (sku,)
        )
        on_hand, reserved = cursor.fetchone()
    connection.close()
    return on_hand, reserved


def orders(url: str) -> int:
    """How many there are."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        ((number,),) = _rows(cursor, "SELECT count(*) FROM orders")
    connection.close()
    return int(number)


def _nouns() -> list[str]:
    return [
        noun.replace("-", " ")
        for department in words.DEPARTMENTS
        for noun in " ".join(department.ranges.values()).split()
    ]


def _rows(cursor: Any, statement: str) -> list[Any]:
    cursor.execute(statement)
    return list(cursor.fetchall())


def _column(cursor: Any, statement: str) -> list[Any]:
    return [row[0] for row in _rows(cursor, statement)]
