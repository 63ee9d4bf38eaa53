"""What the front page and pages tell search engines."""

from collections.abc import Sequence

from app.catalog.queries.menu import Step
from app.catalog.structured import breadcrumbs, shop_facts
from app.content.queries import PageView, Part
from app.lib import runtime
from app.lib.head import Head, summary


def home_head(parts: Sequence[Part], is_preview: bool = False) -> Head:
    """The first hero gives the words and the picture."""
    hero = next((part for part in parts if part.kind == "hero"), None)
    shop = runtime.settings().shop_name
    image = hero.image if hero else None
    return Head(
        title=f"{shop}: {hero.title}" if hero else shop,
        description=summary(hero.text) if hero and hero.text else shop,
        path="/",
        robots="noindex" if is_preview else "",
        image=image.src if image else None,
        image_alt=image.alt if image else "",
        facts=shop_facts(),
    )


def page_head(page: PageView, path: str) -> Head:
    return Head(
        title=page.title,
        description=page.description or f"{page.title} at {runtime.settings().shop_name}.",
        path=path,
        robots="" if page.is_live else "noindex",
        kind="article",
        facts=[breadcrumbs([Step(page.title, path)])],
    )
