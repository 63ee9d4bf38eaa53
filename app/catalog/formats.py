"""Formats that came later: AVIF and JPEG for pictures that have WebP alone, a few at a time in the background.

A row names a format only once all its files are there, so a page never asks for one that is missing.
"""

import io
import logging

from PIL import Image as Pixels
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.lib import outbox
from app.lib.db import session, transaction
from app.lib.images import EVERY, written
from app.lib.storage import storage

log = logging.getLogger(__name__)

AT_ONCE = 4  # pictures; two seconds of work, so that letters need not wait behind a hundred of them

LACKING = text("""
    SELECT id, key, widths, formats FROM images
    WHERE id > :after AND NOT formats @> :every ORDER BY id LIMIT :limit
""").bindparams(bindparam("every", type_=JSONB))

NOTE = text("UPDATE images SET formats = :formats WHERE id = :id AND key = :key").bindparams(
    bindparam("formats", type_=JSONB)
)


def add_formats(after: int = 0) -> None:
    """Make what the next few pictures lack, those with larger ids than `after`, then send for the ones behind them.

    A picture whose file is gone is passed over with a line in the log. Raises NotKept, and is tried again later.
    """
    values = {"after": after, "every": list(EVERY), "limit": AT_ONCE}
    rows = session().execute(LACKING, values).all()
    session().rollback()
    made = []
    for row in rows:
        try:
            formats = _make(row.key, row.widths, row.formats)
        except FileNotFoundError:
            log.warning("A file of picture %s is gone; it stays as it is", row.key)
        else:
            made.append({"id": row.id, "key": row.key, "formats": formats})
    with transaction() as current:
        for noted in made:
            current.execute(NOTE, noted)
        if len(rows) == AT_ONCE:
            outbox.send("catalog.add_formats", after=rows[-1].id)


def _make(key: str, widths: list[int], formats: list[str]) -> list[str]:
    lacking = [ending for ending in EVERY if ending not in formats]
    with storage().open(f"{key}-{max(widths)}.webp") as file, Pixels.open(io.BytesIO(file.read())) as opened:
        largest = opened.convert("RGBA" if opened.mode == "RGBA" else "RGB")
    for width in widths:
        size = (width, max(1, round(largest.height * width / largest.width)))
        smaller = largest.resize(size, Pixels.Resampling.LANCZOS)
        for ending in lacking:
            storage().put(f"{key}-{width}.{ending}", written(smaller, ending))
    return [*formats, *lacking]
