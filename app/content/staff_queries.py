"""What staff see of the words of the shop: drafts too."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, text

from app.catalog.queries import CardView, Filters, Rule, Scope, listing
from app.content.models import Announcement, Collection, ContentPage, HomeSection, MenuLink
from app.lib.db import session
from app.lib.paging import Page

SHOWN = 8


def sections() -> list[HomeSection]:
    """Those of the next publishing and those it will remove, in order."""
    return _all(HomeSection, HomeSection.position, HomeSection.id)


def announcements() -> list[Announcement]:
    return _all(Announcement, Announcement.position, Announcement.id)


def menu_links() -> list[MenuLink]:
    return _all(MenuLink, MenuLink.position, MenuLink.id)


def pages() -> list[ContentPage]:
    return _all(ContentPage, ContentPage.title, ContentPage.id)


def collections() -> list[Collection]:
    return _all(Collection, Collection.name, Collection.id)


def row(model: Any, row_id: int) -> Any:
    """The row as it is saved now, or none."""
    return session().get(model, row_id, populate_existing=True)


def by_slug(model: Any, slug: str) -> Any:
    statement = select(model).where(model.slug == slug).execution_options(populate_existing=True)
    return session().scalars(statement).one_or_none()


def _all(model: Any, *order: Any) -> list[Any]:
    return list(session().scalars(select(model).order_by(*order).execution_options(populate_existing=True)))


class Matches(NamedTuple):
    """What a rule finds now: how many, and the first of them."""

    total: int
    cards: Sequence[CardView]


def matches(rule: Rule) -> Matches:
    """What is on sale and fits."""
    found = listing(Scope.of_rule(rule), Filters(), Page(1, SHOWN))
    return Matches(found.total, found.cards)


IDS = text("""
    SELECT wanted.name, coalesce(p.id, v.product_id) AS id
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)
    LEFT JOIN products p ON p.slug = lower(wanted.name)
    LEFT JOIN variants v ON p.id IS NULL AND upper(v.sku) = upper(wanted.name)
    ORDER BY wanted.place
""")
SLUGS = text("""
    SELECT p.slug FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS wanted (id, place)
    JOIN products p ON p.id = wanted.id ORDER BY wanted.place
""")


def product_ids(names: Sequence[str]) -> dict[str, int | None]:
    """The products with these slugs or SKUs, in this order; none for a name nothing has."""
    return {row.name: row.id for row in session().execute(IDS, {"names": list(names)})}


def product_slugs(ids: Sequence[int]) -> list[str]:
    return list(session().scalars(SLUGS, {"ids": list(ids)}))
