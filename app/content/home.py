"""The front page as staff build it: sections, put in order as drafts, published all at once."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.catalog.gallery import delete_files, keep_files
from app.content.models import KINDS, HomeSection
from app.content.queries import forget_frame
from app.content.sections import FIRST, Section
from app.content.services import address, check_times, line, locked, move, next_position
from app.lib.db import transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.images import Picture, read_picture

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('content.home'))")
MOST_SECTIONS = 30
MOST_BY_HAND = 24
LONGEST_TEXT = 20_000


def begin() -> None:
    """Make the page the shop begins with into sections staff can change. Nothing happens when there are some."""
    lay_out(FIRST)


def lay_out(sections: Iterable[tuple[str, Section | None]]) -> None:
    """A front page of these, published at once, for a shop that has none of its own yet."""
    with transaction() as current:
        current.execute(ONE_AT_A_TIME)
        if _all(current):
            return
        for position, (kind, section) in enumerate(sections):
            if section is not None:
                stored = section.stored()
                live = {**stored, "position": position}
                current.add(HomeSection(kind=kind, position=position, draft=stored, live=live))
    forget_frame()


def add_section(kind: str, section: Section, *, upload: bytes = b"") -> HomeSection:
    """A draft at the end of the page. Raises Invalid."""
    if kind not in KINDS:
        raise Invalid("Choose what kind of section it shall be.", "kind")
    checked = _checked(kind, section)
    begin()
    with _picture_of(upload) as picture, transaction() as current:
        if len(_all(current)) >= MOST_SECTIONS:
            raise Invalid(f"The front page has at most {MOST_SECTIONS} sections. Remove one first.")
        stored = replace(checked, picture=picture).stored()
        made = HomeSection(kind=kind, position=next_position(current, HomeSection), draft=stored)
        current.add(made)
        current.flush()
    return made


def save_section(section_id: int, version: int, section: Section, *, upload: bytes = b"") -> HomeSection:
    """Save the draft, with a new picture when one is uploaded. Raises Invalid, Stale, NotFound."""
    with _picture_of(upload) as picture, transaction() as current:
        row = locked(current, HomeSection, section_id, version)
        before = row.draft.get("picture")
        stored = _checked(row.kind, replace(section, picture=picture or before)).stored()
        shown = (row.live or {}).get("picture")
        if row.draft != stored:
            row.draft = stored
    if picture and before and before != shown:
        _delete_files([before])
    return row


@contextmanager
def _picture_of(upload: bytes) -> Iterator[dict[str, Any] | None]:
    """An uploaded picture, whose files go again when what names it is not saved."""
    picture = keep_picture(read_picture(upload)) if upload else None
    try:
        yield picture
    except BaseException:
        if picture:
            _delete_files([picture])
        raise


def move_section(section_id: int, by: int) -> None:
    """One place up or down, once published. Raises NotFound."""
    with transaction() as current:
        move(current, HomeSection, section_id, by, HomeSection.is_removed.is_(False))


def remove_section(section_id: int) -> None:
    """Leave it out from the next publishing on. Raises NotFound."""
    with transaction() as current:
        locked(current, HomeSection, section_id).is_removed = True


def publish(seen: str) -> None:
    """Show shoppers the drafts. Raises NotAllowed when they are not those of `seen` any more."""
    with transaction() as current:
        rows = _all(current)
        if seen != mark(rows):
            raise NotAllowed("Somebody else changed the front page meanwhile. Look at it again, then publish.")
        before = _pictures(rows)
        for row in rows:
            if row.is_removed:
                current.delete(row)
            elif row.live != (live := {**row.draft, "position": row.position}):
                row.live = live
        current.flush()
        unused = [picture for key, picture in before.items() if key not in _pictures(_all(current))]
    forget_frame()
    _delete_files(unused)


def discard() -> None:
    """Go back to what shoppers see."""
    with transaction() as current:
        before = _pictures(_all(current))
        current.execute(delete(HomeSection).where(HomeSection.live.is_(None)))
        for row in _all(current):
            live = dict(row.live or {})
            row.position, row.draft, row.is_removed = live.pop("position"), live, False
        current.flush()
        unused = [picture for key, picture in before.items() if key not in _pictures(_all(current))]
    _delete_files(unused)


def mark(rows: Iterable[HomeSection]) -> str:
    """What tells one state of the drafts from another."""
    return "-".join(f"{row.id}.{row.version}" for row in sorted(rows, key=lambda row: row.id))


def keep_picture(picture: Picture) -> dict[str, Any]:
    """Its files, as a section names them. Raises NotKept."""
    key = f"home/{uuid.uuid4().hex}"
    keep_files(key, picture)
    return {"key": key, "widths": list(picture.widths), "formats": list(picture.formats)}


def _all(current: Session) -> list[HomeSection]:
    """Every section, nobody else changing them."""
    rows = select(HomeSection).order_by(HomeSection.position, HomeSection.id).with_for_update()
    return list(current.scalars(rows.execution_options(populate_existing=True)))


def _checked(kind: str, it: Section) -> Section:
    check_times(it.starts_at, it.ends_at)
    if len(it.body) > LONGEST_TEXT or len(it.text) > LONGEST_TEXT:
        raise Invalid(f"The text is longer than {LONGEST_TEXT:,} characters. Shorten it.", "body")
    if len(it.products) > MOST_BY_HAND:
        raise Invalid(f"Choose at most {MOST_BY_HAND} products by hand.", "products")
    if it.url and kind in ("hero", "feature") and not it.action.strip():
        raise Invalid("Say what the button shall read.", "action")
    return replace(
        it,
        title=line(it.title, "title", "Give the section a title."),
        text=it.text.replace("\r\n", "\n").strip(),
        body=it.body.replace("\r\n", "\n").strip(),
        url=address(it.url, "url"),
        action=line(it.action, "action"),
        alt=line(it.alt, "alt"),
    )


def _pictures(rows: Iterable[HomeSection]) -> dict[str, dict[str, Any]]:
    """Every picture a draft or the live page names, by key."""
    stored = [fields for row in rows for fields in (row.draft, row.live or {})]
    return {fields["picture"]["key"]: fields["picture"] for fields in stored if fields.get("picture")}


def _delete_files(pictures: Iterable[dict[str, Any]]) -> None:
    delete_files(
        {it["key"]: [f"{width}.{ending}" for width in it["widths"] for ending in it["formats"]] for it in pictures}
    )
