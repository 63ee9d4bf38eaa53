"""Reads of what staff say in the shop. Dates are compared when a page is made, never by a job."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text

from app.catalog.queries import CardView, Picture, Rule, Tile, category_tiles, picture, shelves
from app.content.markdown import html_of
from app.content.sections import FIRST, Section
from app.lib import runtime
from app.lib.db import session
from app.lib.pagecache import Kept

# What every page asks for: announcements, links of the menus, and the sections of the front page


class Bar(NamedTuple):
    """One line above every page; `url` may be empty."""

    text: str
    url: str


class Link(NamedTuple):
    title: str
    url: str


class _Timed(NamedTuple):
    bar: Bar
    starts_at: datetime | None
    ends_at: datetime | None


class _Frame(NamedTuple):
    bars: list[_Timed]
    links: dict[str, list[Link]]
    sections: list[tuple[str, Section]]


FRAME = text("""
    SELECT (SELECT json_agg(json_build_array(text, url, starts_at, ends_at) ORDER BY position, id)
            FROM announcements WHERE is_published AND (ends_at IS NULL OR ends_at > now())) AS bars,
           (SELECT json_agg(json_build_array(place, title, url) ORDER BY position, id) FROM menu_links) AS links,
           (SELECT json_agg(json_build_array(kind, live) ORDER BY (live->>'position')::int, id)
            FROM home_sections) AS sections
""")


def announcement() -> Bar | None:
    """The first announcement that runs now, else the one of the settings."""
    now = datetime.now(UTC)
    for timed in _frame().bars:
        if (timed.starts_at is None or timed.starts_at <= now) and (timed.ends_at is None or timed.ends_at > now):
            return timed.bar
    words = runtime.settings().announcement
    return Bar(words, "") if words else None


def links(place: str) -> list[Link]:
    """The links of a menu: header, help, about. A column of the footer without any shows the shop's own."""
    return _frame().links.get(place) or _own_links(place)


def _own_links(place: str) -> list[Link]:
    if place == "help":
        write = f"mailto:{runtime.settings().mail_from}"
        return [Link("Your orders", "/account/orders"), Link("Delivery", "/delivery"), Link("Write to us", write)]
    if place == "about":
        return [Link("Terms", "/terms"), Link("Privacy", "/privacy")]
    return []


def forget_frame() -> None:
    """Read the frame anew at the next request of this process, also when it does not listen for changes."""
    _kept.forget()


def _frame() -> _Frame:
    return _kept.get()


def _read_frame() -> _Frame:
    row = session().execute(FRAME).one()
    bars = [_Timed(Bar(words, url), _moment(first), _moment(last)) for words, url, first, last in row.bars or ()]
    by_place: dict[str, list[Link]] = {}
    for place, title, url in row.links or ():
        by_place.setdefault(place, []).append(Link(title, url))
    sections = [(kind, Section.of(live)) for kind, live in row.sections or () if live is not None]
    return _Frame(bars, by_place, list(FIRST) if row.sections is None else sections)


_kept = Kept(_read_frame, "menu", "home")


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


# The front page


@dataclass(frozen=True)
class Part:
    """A section of the front page, ready to show. Kinds: hero, feature, tiles, shelf, text."""

    kind: str
    title: str
    text: str = ""
    html: str = ""
    url: str = ""
    action: str = ""
    image: Picture | None = None
    tiles: Sequence[Tile] = ()
    cards: Sequence[CardView] = field(default_factory=list)
    is_grid: bool = False


DRAFT = text("SELECT kind, draft FROM home_sections WHERE NOT is_removed ORDER BY position, id")


def front_page() -> list[Part]:
    """What the front page shows now, in order. Two statements beside those of the frame."""
    return _parts(_frame().sections)


def front_page_draft() -> list[Part]:
    """What the front page would show once published."""
    rows = session().execute(DRAFT).all()
    return _parts([(row.kind, Section.of(row.draft)) for row in rows] or FIRST)


def _parts(sections: Sequence[tuple[str, Section]]) -> list[Part]:
    """Those that run now. A shelf or tiles with nothing on them are left out."""
    now = datetime.now(UTC)
    running = [(kind, section) for kind, section in sections if section.runs(now)]
    cards = iter(shelves([section.shelf for kind, section in running if kind == "shelf"]))
    tiles = category_tiles() if any(kind == "tiles" for kind, _ in running) else []
    parts = [_part(kind, it, next(cards) if kind == "shelf" else [], tiles) for kind, it in running]
    return [part for part in parts if part.kind not in ("shelf", "tiles") or part.cards or part.tiles]


def _part(kind: str, it: Section, cards: list[CardView], tiles: list[Tile]) -> Part:
    return Part(
        kind=kind,
        title=it.title,
        text=it.text,
        html=html_of(it.body) if kind == "text" else "",
        url=it.url,
        action=it.action,
        image=section_picture(it),
        tiles=tiles if kind == "tiles" else (),
        cards=cards,
        is_grid=it.is_grid,
    )


def section_picture(it: Section) -> Picture | None:
    if not it.picture:
        return None
    return picture(it.picture["key"], it.picture["widths"], it.alt, formats=it.picture["formats"])


# Pages and collections

# Pages every shop has, at addresses of their own; a published page of the same slug stands in for one of them.
OWN_PAGES = ("delivery", "privacy", "terms")


@dataclass(frozen=True)
class PageView:
    """A page, ready to show; `html` is safe. `is_live` is false for a draft that only staff see."""

    slug: str
    title: str
    html: str
    description: str
    is_live: bool


PAGE = text("SELECT slug, title, body, description, live FROM pages WHERE slug = :slug")


def page_by_slug(slug: str, *, draft: bool = False) -> PageView | None:
    """What is published under this slug; with `draft` what staff have written, published or not."""
    row = session().execute(PAGE, {"slug": slug}).one_or_none()
    if row is None or (not draft and row.live is None):
        return None
    it = {"title": row.title, "body": row.body, "description": row.description} if draft else row.live
    return PageView(row.slug, it["title"], html_of(it["body"]), it["description"], not draft)


@dataclass(frozen=True)
class CollectionView:
    slug: str
    name: str
    description: str
    meta_title: str
    meta_description: str
    rule: Rule
    is_published: bool

    @property
    def url(self) -> str:
        return f"/collections/{self.slug}"


COLLECTION = text("""
    SELECT slug, name, description, meta_title, meta_description, rule, is_published
    FROM collections WHERE slug = :slug
""")


def collection_by_slug(slug: str) -> CollectionView | None:
    """Published or not: the caller decides who may see it."""
    row = session().execute(COLLECTION, {"slug": slug}).one_or_none()
    if row is None:
        return None
    values = row._asdict() | {"rule": Rule.of(row.rule)}
    return CollectionView(**values)


class Moved(NamedTuple):
    """What became of a former address: `slug` is the present one, or none when the row is gone."""

    slug: str | None


FORMER = text("""
    SELECT coalesce(pages.slug, collections.slug) AS slug,
        coalesce(pages.live IS NULL AND pages.id IS NOT NULL OR NOT collections.is_published, false) AS is_draft
    FROM former_slugs f
    LEFT JOIN pages ON f.kind = 'page' AND pages.id = f.row_id
    LEFT JOIN collections ON f.kind = 'collection' AND collections.id = f.row_id
    WHERE f.kind = :kind AND f.slug = :slug
""")


def former(kind: str, slug: str) -> Moved | None:
    """Where a former page or collection is now; none for an address that never was, or is a draft's."""
    row = session().execute(FORMER, {"kind": kind, "slug": slug}).one_or_none()
    return None if row is None or row.is_draft else Moved(row.slug)
