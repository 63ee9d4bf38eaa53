"""What was probably meant by words nobody here uses. Asked only when a search found nothing."""

from typing import NamedTuple

from sqlalchemy import text

from app.lib.db import session

# A word is corrected when no name and no description has it; words with digits never are.
NEAR = text("""
    WITH typed AS (
        SELECT n, unaccent(lower(word)) AS word FROM unnest(CAST(:words AS text[])) WITH ORDINALITY t (word, n)
    ), unknown AS (
        SELECT typed.n, typed.word FROM typed
        WHERE NOT EXISTS (SELECT FROM search_words known WHERE known.word = typed.word)
          AND numnode(plainto_tsquery('shop', typed.word)) > 0
          AND NOT EXISTS (SELECT FROM search_documents d WHERE d.words @@ plainto_tsquery('shop', typed.word))
    )
    SELECT DISTINCT u.n - 1 AS place, u.word AS typed, w.word, w.n
    FROM unknown u
    LEFT JOIN LATERAL (
        SELECT found.word FROM (SELECT u.word AS rest UNION SELECT search_without_a_letter(u.word)) one
        JOIN search_deletions found ON found.rest = one.rest
        WHERE u.word !~ '[0-9]' LIMIT 200
    ) near ON true
    LEFT JOIN search_words w ON w.word = near.word
""")


class _Near(NamedTuple):
    """The nearest first: fewest slips, the same first letter, the most products."""

    slips: int
    starts_otherwise: bool
    fewer: int
    word: str


def corrected(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words with each unknown one replaced by the nearest known, or left out; None when all of them are known."""
    near: dict[int, list[_Near]] = {}
    for row in session().execute(NEAR, {"words": list(words)}):
        found = near.setdefault(row.place, [])
        if row.word is not None:
            found.append(_Near(slips(row.typed, row.word), row.typed[0] != row.word[0], -row.n, row.word))
    if not near:
        return None
    kept = []
    for place, word in enumerate(words):
        if place not in near:
            kept.append(word)
        elif near[place]:
            kept.append(min(near[place]).word)
    return tuple(kept) or None


def slips(typed: str, word: str) -> int:
    """How many letters were left out, added, changed or swapped with the next one."""
    before: list[int] = []
    last = list(range(len(word) + 1))
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, other in enumerate(word, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
