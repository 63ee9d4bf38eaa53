"""The front page, pages, collections, and what search engines fetch. For visitors they set no cookie."""

from flask import Blueprint, Response, g, make_response, redirect, render_template, request

from app.auth.current import current_user
from app.catalog.forms import FILTERS, filters_from
from app.catalog.queries import Scope, listing
from app.catalog.results_page import results
from app.catalog.structured import listing_head
from app.catalog.views import card_tags, listing_answer, page_number
from app.content import queries
from app.content.heads import home_head, page_head
from app.content.queries import PageView
from app.lib import pagecache
from app.lib.errors import Gone, NotFound
from app.lib.htmx import moved

bp = Blueprint("content", __name__)


@bp.get("/")
@pagecache.cached()
def home() -> str:
    """With `?preview` staff see it as it would be once published."""
    is_preview = _wants_preview()
    parts = queries.front_page_draft() if is_preview else queries.front_page()
    pagecache.shows("home", "products", *card_tags(card for part in parts for card in part.cards))
    return render_template("content/home.html", parts=parts, preview=is_preview, head=home_head(parts, is_preview))


@bp.get("/pages/<slug>")
@pagecache.cached()
def page(slug: str) -> Response:
    is_preview = _wants_preview()
    found = queries.page_by_slug(slug, draft=is_preview)
    if found is None:
        return _moved("page", "/pages", slug, "We have no page at this address. Search, or start from a category.")
    if found.is_live and found.slug in queries.OWN_PAGES:
        return make_response(redirect(f"/{found.slug}", 301))
    pagecache.shows("pages")
    return make_response(show_page(found, f"/pages/{found.slug}"))


def show_page(found: PageView, path: str) -> str:
    return render_template("content/page.html", page=found, head=page_head(found, path))


@bp.get("/collections/<slug>")
@pagecache.cached(*FILTERS, targets=("grid",))
def collection(slug: str) -> Response:
    found = queries.collection_by_slug(slug)
    if found is None or not (found.is_published or _is_staff()):
        return _moved("collection", "/collections", slug, "We have no collection at this address. Search instead.")
    filters = filters_from(request.args)
    shown = listing(Scope.of_rule(found.rule), filters, page_number())
    pagecache.shows("collections", "products", *card_tags(shown.cards))
    head = listing_head(
        shown,
        filters,
        name=found.name,
        path=found.url,
        title=found.meta_title,
        description=found.meta_description or found.description,
        is_hidden=not found.is_published,
    )
    return listing_answer(
        shown,
        results(shown, filters, found.url),
        page="catalog/listing.html",
        heading=found.name,
        description=found.description,
        crumbs=[],
        children=[],
        head=head,
    )


def _wants_preview() -> bool:
    return "preview" in request.args and _is_staff()


def _is_staff() -> bool:
    """Asked only where the answer decides what is shown, which makes the page one person's."""
    g.is_private = True
    return bool(current_user.is_authenticated and current_user.is_staff)


def _moved(kind: str, place: str, slug: str, sentence: str) -> Response:
    """A former address leads on (301) or says that nothing is left there (410). Raises NotFound, Gone."""
    found = queries.former(kind, slug)
    if found is None:
        raise NotFound(sentence)
    if found.slug is None:
        raise Gone("What was here is gone. Search, or start from a category.")
    return moved(f"{place}/{found.slug}")
