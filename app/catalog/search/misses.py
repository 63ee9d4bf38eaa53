"""Searches that found nothing, for staff: which words, how often, when last. Nothing about who searched."""

import re
from typing import Any

from sqlalchemy import text

from app.lib.db import session, transaction

LONGEST = 60
MOST_ROWS = 5_000
# An address or a long number may be somebody's own, so it is not kept.
PERSONAL = re.compile(r"@|\d{5}|\d[\d\s().-]{6,}\d")

NOTE = text("""
    WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO search_misses AS m (words) SELECT :words FROM quick
    ON CONFLICT (words) DO UPDATE SET searched = m.searched + 1, last_at = now()
""")


def note(typed: str) -> None:
    """Count a search that found nothing. It waits for no disk: a crash may lose the last of them."""
    words = " ".join(typed.lower().split())
    if not words or len(words) > LONGEST or PERSONAL.search(words):
        return
    with transaction() as current:
        current.execute(NOTE, {"words": words})


REPORT = text("""
    SELECT words, searched, last_at FROM search_misses ORDER BY searched DESC, last_at DESC, words LIMIT :most
""")


def report(most: int = 100) -> list[Any]:
    """The words searched for most without success."""
    return list(session().execute(REPORT, {"most": most}))


PRUNE = text("""
    DELETE FROM search_misses WHERE last_at < now() - interval '90 days'
        OR words IN (SELECT words FROM search_misses ORDER BY last_at DESC OFFSET :most)
""")


def prune() -> None:
    """Forget what nobody searched for in three months, and the oldest beyond five thousand."""
    with transaction() as current:
        current.execute(PRUNE, {"most": MOST_ROWS})
