"""What staff do to the words of the shop: announcements, menus, pages, collections. The front page stands beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.models import FormerSlug
from app.catalog.queries import Rule
from app.catalog.services import Stale
from app.content.models import PLACES, Announcement, Collection, ContentPage, HomeSection, MenuLink
from app.content.queries import forget_frame
from app.lib.db import Model, transaction, violated
from app.lib.errors import Invalid, NotFound
from app.lib.htmx import local_path
from app.lib.slugs import slug_of

__all__ = [
    "PageText",
    "Stale",
    "create_announcement",
    "create_collection",
    "create_link",
    "create_page",
    "delete_announcement",
    "delete_collection",
    "delete_link",
    "delete_page",
    "edit_announcement",
    "edit_collection",
    "edit_link",
    "edit_page",
    "move_announcement",
    "move_link",
    "publish_page",
    "unpublish_page",
]

LONGEST_LINE = 200
LONGEST_TEXT = 100_000
LONGEST_URL = 500
M = TypeVar("M", bound=Model)


# Announcements


def create_announcement(
    words: str,
    *,
    url: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_published: bool = False,
) -> Announcement:
    """A new line, the last in order. Raises Invalid, naming the field."""
    values = _announcement(words, url, starts_at, ends_at, is_published)
    with transaction() as current:
        made = Announcement(**values, position=next_position(current, Announcement))
        current.add(made)
        current.flush()
    forget_frame()
    return made


def edit_announcement(
    announcement_id: int,
    version: int,
    words: str,
    *,
    url: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_published: bool = False,
) -> None:
    """Save over version `version`. Raises Invalid, Stale, NotFound."""
    values = _announcement(words, url, starts_at, ends_at, is_published)
    with transaction() as current:
        assign(locked(current, Announcement, announcement_id, version), values)
    forget_frame()


def move_announcement(announcement_id: int, by: int) -> None:
    """One place up (-1) or down (1); at an end it stays. Raises NotFound."""
    with transaction() as current:
        move(current, Announcement, announcement_id, by)
    forget_frame()


def delete_announcement(announcement_id: int) -> None:
    with transaction() as current:
        current.delete(locked(current, Announcement, announcement_id))
    forget_frame()


def _announcement(
    words: str, url: str, starts_at: datetime | None, ends_at: datetime | None, is_published: bool
) -> dict[str, Any]:
    check_times(starts_at, ends_at)
    return {
        "text": line(words, "text", "Write what shall stand above every page."),
        "url": address(url, "url"),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "is_published": is_published,
    }


# Menus


def create_link(place: str, title: str, url: str) -> MenuLink:
    """A new link, the last of its menu. Raises Invalid."""
    if place not in PLACES:
        raise Invalid("Choose a menu that exists.", "place")
    values = _link(title, url)
    with transaction() as current:
        made = MenuLink(place=place, **values, position=next_position(current, MenuLink))
        current.add(made)
        current.flush()
    forget_frame()
    return made


def edit_link(link_id: int, version: int, title: str, url: str) -> None:
    """Raises Invalid, Stale, NotFound."""
    values = _link(title, url)
    with transaction() as current:
        assign(locked(current, MenuLink, link_id, version), values)
    forget_frame()


def move_link(link_id: int, by: int) -> None:
    """One place up or down in its menu. Raises NotFound."""
    with transaction() as current:
        place = locked(current, MenuLink, link_id).place
        move(current, MenuLink, link_id, by, MenuLink.place == place)
    forget_frame()


def delete_link(link_id: int) -> None:
    with transaction() as current:
        current.delete(locked(current, MenuLink, link_id))
    forget_frame()


def _link(title: str, url: str) -> dict[str, Any]:
    where = address(url, "url")
    if not where:
        raise Invalid("Say where the link leads, such as /pages/about.", "url")
    return {"title": line(title, "title", "Give the link a name."), "url": where}


# Pages


@dataclass(frozen=True, kw_only=True)
class PageText:
    """What staff type: `body` is Markdown; an empty slug is made from the title."""

    title: str
    slug: str = ""
    body: str = ""
    description: str = ""


def create_page(typed: PageText) -> ContentPage:
    """A draft. Raises Invalid, also when the address is taken."""
    values = _page(typed)
    with transaction() as current:
        made = ContentPage(**values)
        current.add(made)
        _flush_slug(current, "uq_pages_slug", made.slug)
        _reclaim(current, "page", made.slug)
    return made


def edit_page(page_id: int, version: int, typed: PageText) -> ContentPage:
    """Save the draft; shoppers see it once it is published. A new slug counts at once, and the old one leads to it.

    Raises Invalid, Stale, NotFound.
    """
    values = _page(typed)
    with transaction() as current:
        row = locked(current, ContentPage, page_id, version)
        was = row.slug
        assign(row, values)
        _flush_slug(current, "uq_pages_slug", row.slug)
        _remember_slug(current, "page", was, row)
    return row


def publish_page(page_id: int, version: int) -> ContentPage:
    """Show shoppers what version `version` says. Raises Stale, NotFound."""
    with transaction() as current:
        row = locked(current, ContentPage, page_id, version)
        row.live = {"title": row.title, "body": row.body, "description": row.description}
        row.updated_at = datetime.now(UTC)
    return row


def unpublish_page(page_id: int, version: int) -> ContentPage:
    """Make it a draft again. Raises Stale, NotFound."""
    with transaction() as current:
        row = locked(current, ContentPage, page_id, version)
        row.live = None
    return row


def delete_page(page_id: int) -> None:
    """Its addresses answer that it is gone. Raises NotFound."""
    with transaction() as current:
        _forget_row(current, "page", locked(current, ContentPage, page_id))


def _page(typed: PageText) -> dict[str, Any]:
    title = line(typed.title, "title", "Give the page a title.")
    return {
        "title": title,
        "slug": _slug(typed.slug or title),
        "body": _text(typed.body, "body"),
        "description": line(typed.description, "description"),
    }


# Collections


def create_collection(
    name: str,
    *,
    rule: Rule,
    slug: str = "",
    description: str = "",
    meta_title: str = "",
    meta_description: str = "",
    is_published: bool = False,
) -> Collection:
    """Products that fit a rule. Raises Invalid, also when the address is taken."""
    values = _collection(name, rule, slug, description, meta_title, meta_description, is_published)
    with transaction() as current:
        made = Collection(**values)
        current.add(made)
        _flush_slug(current, "uq_collections_slug", made.slug)
        _reclaim(current, "collection", made.slug)
    return made


def edit_collection(
    collection_id: int,
    version: int,
    name: str,
    *,
    rule: Rule,
    slug: str = "",
    description: str = "",
    meta_title: str = "",
    meta_description: str = "",
    is_published: bool = False,
) -> Collection:
    """Raises Invalid, Stale, NotFound. The old address leads to a new one."""
    values = _collection(name, rule, slug, description, meta_title, meta_description, is_published)
    with transaction() as current:
        row = locked(current, Collection, collection_id, version)
        was = row.slug
        assign(row, values)
        row.updated_at = datetime.now(UTC)
        _flush_slug(current, "uq_collections_slug", row.slug)
        _remember_slug(current, "collection", was, row)
    return row


def delete_collection(collection_id: int) -> None:
    """Its addresses answer that it is gone. Raises NotFound."""
    with transaction() as current:
        _forget_row(current, "collection", locked(current, Collection, collection_id))


def _collection(
    name: str, rule: Rule, slug: str, description: str, meta_title: str, meta_description: str, is_published: bool
) -> dict[str, Any]:
    called = line(name, "name", "Give the collection a name.")
    return {
        "name": called,
        "slug": _slug(slug or called),
        "description": _text(description, "description"),
        "meta_title": line(meta_title, "meta_title"),
        "meta_description": line(meta_description, "meta_description"),
        "rule": rule.stored(),
        "is_published": is_published,
    }


# What they share


NAMES: dict[type[Model], Callable[[Any], str]] = {
    Announcement: lambda row: row.text,
    MenuLink: lambda row: row.title,
    ContentPage: lambda row: row.title,
    Collection: lambda row: row.name,
    HomeSection: lambda row: row.draft.get("title") or row.kind,
}


def locked(current: Session, model: type[M], row_id: int, version: int | None = None) -> M:
    """The row, nobody else changing it. Raises NotFound, and Stale when it is not at `version` any more."""
    row = current.get(model, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("This no longer exists. Somebody else may have removed it.")
    if version is not None and row.version != version:
        raise Stale(NAMES[model](row))
    return row


def assign(row: Model, values: dict[str, Any]) -> None:
    """Only what differs, so that a version counts changes."""
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)


def next_position(current: Session, model: Any) -> int:
    return int(current.scalar(select(func.coalesce(func.max(model.position) + 1, 0))) or 0)


def move(current: Session, model: Any, row_id: int, by: int, *among: Any) -> None:
    """Put a row `by` places on among its neighbours; whoever orders them takes turns."""
    rows = list(
        current.scalars(
            select(model)
            .where(*among)
            .order_by(model.position, model.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
    row = next((row for row in rows if row.id == row_id), None)
    if row is None:
        raise NotFound("This no longer exists. Somebody else may have removed it.")
    place = rows.index(row)
    rows.insert(max(0, min(len(rows) - 1, place + by)), rows.pop(place))
    for position, each in enumerate(rows):
        if each.position != position:
            each.position = position


def line(typed: str, field: str, missing: str = "") -> str:
    """One line of text; empty is refused with `missing` when there is such a sentence."""
    kept = " ".join(typed.split())
    if not kept and missing:
        raise Invalid(missing, field)
    if len(kept) > LONGEST_LINE:
        raise Invalid(f"This is longer than {LONGEST_LINE} characters. Shorten it.", field)
    return kept


def _text(typed: str, field: str) -> str:
    kept = typed.replace("\r\n", "\n").strip()
    if len(kept) > LONGEST_TEXT:
        raise Invalid(f"The text is longer than {LONGEST_TEXT:,} characters. Shorten it.", field)
    return kept


def address(typed: str, field: str) -> str:
    """An address of this shop, of another site, or for writing to somebody; empty stays empty."""
    url = typed.strip()
    is_elsewhere = url.startswith(("https://", "http://", "mailto:", "tel:"))
    is_clean = len(url) <= LONGEST_URL and not any(ord(letter) < 33 for letter in url)
    if url and not (is_clean and (is_elsewhere or local_path(url, ""))):
        raise Invalid("Begin the address with / for a page of this shop, or with https:// for another site.", field)
    return url


def check_times(starts_at: datetime | None, ends_at: datetime | None) -> None:
    if starts_at and ends_at and starts_at >= ends_at:
        raise Invalid("The end must come after the beginning.", "ends_at")


# The desk's own, where a new one is typed.
RESERVED = "new"


def _slug(typed: str) -> str:
    slug = slug_of(typed)
    if slug == RESERVED:
        raise Invalid(f"The shop itself uses “{slug}”. Choose another address.", "slug")
    return slug


def _flush_slug(current: Session, constraint: str, slug: str) -> None:
    try:
        with current.begin_nested():
            current.flush()
    except IntegrityError as error:
        if violated(error) != constraint:
            raise
        raise Invalid(f"The address {slug} is taken. Choose another one.", "slug") from None


def _remember_slug(current: Session, kind: str, was: str, row: ContentPage | Collection) -> None:
    if row.slug == was:
        return
    _reclaim(current, kind, row.slug)
    current.execute(insert(FormerSlug).values(kind=kind, slug=was, row_id=row.id))


def _reclaim(current: Session, kind: str, slug: str) -> None:
    """An address that is in use again leads nowhere else."""
    current.execute(delete(FormerSlug).where(FormerSlug.kind == kind, FormerSlug.slug == slug))


def _forget_row(current: Session, kind: str, row: ContentPage | Collection) -> None:
    """Its former addresses still name its id, which nothing has any more; so does its last one."""
    current.execute(insert(FormerSlug).values(kind=kind, slug=row.slug, row_id=row.id))
    current.delete(row)
