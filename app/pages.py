"""Pages the shop has from the first day: the terms, the privacy notice, delivery.

A published page of the same slug stands in for one of them, at its address.
"""

from typing import Any

from flask import Blueprint, render_template

from app import shipping
from app.content import queries
from app.content.views import show_page
from app.lib import pagecache, runtime
from app.lib.head import Head

bp = Blueprint("pages", __name__)


@bp.get("/terms")
@pagecache.cached(ignores_others=True)
def terms() -> str:
    settings = runtime.settings()
    words = f"What you agree to when you order from {settings.shop_name}."
    return _page("terms", "Terms", words, version=settings.terms_version)


@bp.get("/privacy")
@pagecache.cached(ignores_others=True)
def privacy() -> str:
    return _page("privacy", "Privacy notice", f"What {runtime.settings().shop_name} stores about you, and why.")


@bp.get("/delivery")
@pagecache.cached(ignores_others=True)
def delivery() -> str:
    words = f"How {runtime.settings().shop_name} delivers, what it costs and how long it takes."
    return _page("delivery", "Delivery", words, methods=shipping.methods())


def _page(slug: str, title: str, description: str, **context: Any) -> str:
    own = queries.page_by_slug(slug)
    pagecache.shows("pages")
    if own is not None:
        return show_page(own, f"/{slug}")
    head = Head(title=title, description=description, path=f"/{slug}")
    return render_template(f"pages/{slug}.html", head=head, **context)
