"""Categories and brands: the menu on every page, and who stands where."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import text

from app.lib import prepared
from app.lib.db import session
from app.lib.pagecache import Kept


@dataclass(slots=True)
class MenuEntry:
    """A category of the menu with those below it."""

    name: str
    slug: str
    url: str
    parent_id: int | None
    children: list["MenuEntry"] = field(default_factory=list)


class Menu(NamedTuple):
    roots: list[MenuEntry]
    by_slug: dict[str, MenuEntry]


ALL = text("SELECT id, parent_id, name, slug FROM categories ORDER BY nlevel(path), position, name, id")


def menu() -> list[MenuEntry]:
    """The root categories, each with its children. No statement while no category changes."""
    return _kept.get().roots


def category_names() -> dict[str, MenuEntry]:
    """Every category by slug, as fresh as the menu."""
    return _kept.get().by_slug


def forget_menu() -> None:
    """Read the menu anew at the next request of this process, also when it does not listen for changes."""
    _kept.forget()


def _read_menu() -> Menu:
    entries: dict[int, MenuEntry] = {}
    for row in session().execute(ALL):
        above = entries.get(row.parent_id)
        url = category_url(row.slug, above.slug if above else None)
        entry = MenuEntry(row.name, row.slug, url, row.parent_id)
        entries[row.id] = entry
        if above:
            above.children.append(entry)
    roots = [entry for entry in entries.values() if entry.parent_id is None]
    by_slug = {entry.slug: entry for entry in entries.values()}
    return Menu(roots, by_slug)


_kept = Kept(_read_menu, "menu")


def category_url(slug: str, parent_slug: str | None) -> str:
    """`/c/clothing`, and for a child `/c/clothing/jackets`."""
    return f"/c/{parent_slug}/{slug}" if parent_slug else f"/c/{slug}"


class Step(NamedTuple):
    """A link with a name: one step of a breadcrumb, one chip."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class CategoryPage:
    """A category, the way to it and what is directly below it."""

    id: int
    name: str
    slug: str
    description: str
    url: str
    ancestors: list[Step]
    children: list[Step]
    parent_slug: str | None


CATEGORY = """
    SELECT c.id, c.name, c.slug, c.description,
        (SELECT json_agg(json_build_array(a.name, a.slug) ORDER BY nlevel(a.path))
         FROM categories a WHERE a.path @> c.path AND a.id <> c.id) AS ancestors,
        (SELECT json_agg(json_build_array(k.name, k.slug) ORDER BY k.position, k.name, k.id)
         FROM categories k WHERE k.parent_id = c.id) AS children
    FROM categories c WHERE c.slug = :slug
"""


def category_by_path(slug: str) -> CategoryPage | None:
    """The category with this slug, its ancestors from the root down and its children, in one statement."""
    row = prepared.run(CATEGORY, {"slug": slug}).one_or_none()
    if row is None:
        return None
    ancestors = steps(row.ancestors or [])
    parent = row.ancestors[-1][1] if row.ancestors else None
    return CategoryPage(
        id=row.id,
        name=row.name,
        slug=row.slug,
        description=row.description,
        url=category_url(row.slug, parent),
        ancestors=ancestors,
        children=[Step(name, category_url(below, row.slug)) for name, below in row.children or []],
        parent_slug=parent,
    )


def steps(names_and_slugs: list[tuple[str, str]]) -> list[Step]:
    """Links to categories that follow each other from the root down."""
    above: str | None = None
    found = []
    for name, slug in names_and_slugs:
        found.append(Step(name, category_url(slug, above)))
        above = slug
    return found


class BrandPage(NamedTuple):
    id: int
    name: str
    slug: str
    description: str


BRAND = text("SELECT id, name, slug, description FROM brands WHERE slug = :slug")


def brand_by_slug(slug: str) -> BrandPage | None:
    row = session().execute(BRAND, {"slug": slug}).one_or_none()
    return None if row is None else BrandPage(*row)
