"""Words that mean the same here, kept by staff: who searches for one finds the other, at once."""

import re
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.catalog.search.models import Synonym
from app.lib.db import session, transaction
from app.lib.errors import Invalid, NotFound

MOST_WORDS = 3
LONGEST = 60
MOST = 2_000
WORD = re.compile(r"\w+", re.UNICODE)


def add(typed: str) -> tuple[str, str]:
    """Keep `trainers = sneakers`, both ways. Raises Invalid, naming the field."""
    sides = typed.split("=")
    if len(sides) != 2:
        raise Invalid("Write two words with = between them, such as trainers = sneakers.", "synonym")
    one, other = (_phrase(side) for side in sides)
    if one == other:
        raise Invalid("Both sides are the same word. Write another one.", "synonym")
    with transaction() as current:
        if (current.scalar(select(func.count()).select_from(Synonym)) or 0) >= 2 * MOST:
            raise Invalid(f"There are {MOST:,} synonyms already. Remove some first.", "synonym")
        pairs = [{"phrase": one, "also": other}, {"phrase": other, "also": one}]
        current.execute(insert(Synonym).values(pairs).on_conflict_do_nothing())
    return one, other


REMOVE = text("""
    DELETE FROM search_synonyms WHERE (phrase = :one AND also = :other) OR (phrase = :other AND also = :one)
""")


def remove(one: str, other: str) -> None:
    """Forget a pair, both ways. Raises NotFound when it is gone already."""
    with transaction() as current:
        if not current.execute(REMOVE, {"one": one, "other": other}).rowcount:  # type: ignore[attr-defined]
            raise NotFound("These synonyms are gone already.")


PAIRS = text("SELECT phrase, also, created_at FROM search_synonyms WHERE phrase < also ORDER BY phrase, also")


def pairs() -> list[Any]:
    """Every pair once, by name."""
    return list(session().execute(PAIRS))


PLAIN = text("SELECT unaccent(lower(:words))")


def _phrase(typed: str) -> str:
    words = WORD.findall(typed)
    if not words or len(words) > MOST_WORDS or len(typed) > LONGEST:
        raise Invalid(f"Write one to {MOST_WORDS} words on each side of the =, such as trainers = sneakers.", "synonym")
    return str(session().scalar(PLAIN, {"words": " ".join(words)}))
