"""The shop windows: categories, brands, products, search. For visitors they set no cookie."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from flask import Blueprint, Response, g, make_response, render_template, request

from app.auth.current import current_user
from app.catalog import queries
from app.catalog.forms import FILTERS, filters_from, options_from, words_from
from app.catalog.queries import Listing, Scope
from app.catalog.results_page import narrowing, results
from app.catalog.structured import listing_head, product_head
from app.lib import pagecache, ratelimit, runtime
from app.lib.errors import Gone, NotFound
from app.lib.htmx import moved, respond
from app.lib.paging import Page, page_from
from app.lib.ratelimit import Limit

bp = Blueprint("catalog", __name__)

PAGE_SIZE = 24
NO_PRODUCT = "This product is not here, or no longer made. Search, or start from a category."
SEARCHING = Limit("search", most=60, seconds=60)


@bp.get("/c/<slug>")
@bp.get("/c/<parent>/<slug>")
@pagecache.cached(*FILTERS, targets=("grid",))
def category(slug: str, parent: str | None = None) -> Response:
    """Both addresses answer; the canonical one has the parent. A former parent leads on to the new place."""
    found = queries.category_by_path(slug)
    if found is None:
        return _moved("category", slug, "We have no category at this address. Search, or start from one of these.")
    if parent is not None and parent != found.parent_slug:
        return moved(found.url)
    filters = filters_from(request.args)
    listing = queries.listing(Scope.of_category(found.id), filters, page_number())
    pagecache.shows(f"category:{found.id}", *card_tags(listing.cards))
    return listing_answer(
        listing,
        results(listing, filters, found.url),
        page="catalog/listing.html",
        heading=found.name,
        description=found.description,
        crumbs=found.ancestors,
        children=found.children,
        head=listing_head(
            listing, filters, name=found.name, path=found.url, description=found.description, crumbs=found.ancestors
        ),
    )


@bp.get("/brands/<slug>")
@pagecache.cached(*FILTERS, targets=("grid",))
def brand(slug: str) -> Response:
    found = queries.brand_by_slug(slug)
    if found is None:
        return _moved("brand", slug, "We have no brand at this address. Search, or start from a category.")
    here = f"/brands/{found.slug}"
    filters = filters_from(request.args)
    listing = queries.listing(Scope.of_brand(found.id), filters, page_number())
    pagecache.shows(f"brand:{found.id}", *card_tags(listing.cards))
    return listing_answer(
        listing,
        results(listing, filters, here),
        page="catalog/listing.html",
        heading=found.name,
        description=found.description,
        crumbs=[],
        children=[],
        head=listing_head(listing, filters, name=found.name, path=here, description=found.description),
    )


@bp.get("/search")
def search() -> Response:
    """At most 60 searches a minute from one network: they cost more than any other page."""
    q = words_from(request.args)
    if not q:
        return make_response(render_template("catalog/search.html", q=""))
    ratelimit.hit(SEARCHING, ratelimit.network_of(request.remote_addr or ""))
    filters = filters_from(request.args, sort="relevance")
    is_exact = request.args.get("exact") == "1"
    listing = queries.search(q, filters, page_number(), is_exact=is_exact)
    context = results(listing, filters, "/search", q=q, sort="relevance", is_exact=is_exact)
    return listing_answer(
        listing,
        context | {"narrow": narrowing(listing, filters, q, is_exact=is_exact)},
        page="catalog/search.html",
        beside=["catalog/_narrow.html"],
        **_no_match(listing, q),
    )


@bp.get("/search/suggest")
def suggest() -> str:
    q = words_from(request.args)
    return render_template("catalog/_suggest.html", q=q, suggestions=queries.suggest(q))


@bp.get("/p/<slug>")
@pagecache.cached("sku", "colour", "size", targets=("buy",))
def product(slug: str) -> Response:
    """`?sku=` or `?colour=&size=` choose the variant. Staff see what is not on sale yet; shoppers get 404."""
    found = queries.product_page(
        slug,
        request.args.get("sku"),
        options_from(request.args),
        with_related=not _swaps("buy"),
    )
    if found is None:
        return _moved("product", slug, NO_PRODUCT)
    if not _may_see(found):
        raise NotFound(NO_PRODUCT)
    pagecache.shows(f"product:{found.product.id}", *card_tags(found.related), until=found.changes_at)
    return respond(
        "catalog/_buy.html",
        page="catalog/product.html",
        **vars(found),
        preview=_preview(found),
        tax_words=_tax_words(),
        head=product_head(found),
    )


def card_tags(cards: Iterable[queries.CardView]) -> list[str]:
    return [f"product:{card.id}" for card in cards]


def _moved(kind: str, slug: str, sentence: str) -> Response:
    """Nothing stands at this address: on to where it stands now, in one step, or what became of it."""
    former = queries.former(kind, slug)
    if former is None:
        raise NotFound(sentence)
    if former.url is None:
        raise Gone("What stood here is gone for good. Search for something like it, or start from a category.")
    return moved(former.url)


def _may_see(found: queries.ProductPage) -> bool:
    if found.product.is_on_sale:
        return True
    g.is_private = True
    return bool(current_user.is_authenticated and current_user.is_staff)


def _preview(found: queries.ProductPage) -> dict[str, Any] | None:
    """What staff are told above a product that shoppers do not see; `at` is when they will."""
    product = found.product
    if product.is_on_sale:
        return None
    scheduled = product.published_at if product.status == "active" else None
    return {"status": product.status, "at": scheduled, "edit_url": f"/admin/products/{product.slug}"}


def page_number() -> Page:
    page = page_from(request.args.get("page"), PAGE_SIZE)
    return replace(page, after=request.args.get("after", "")) if page.number > 1 else page


def _swaps(element: str) -> bool:
    """Whether htmx will put the answer into this element; it says so as tag#id."""
    return request.headers.get("HX-Target", "").rpartition("#")[2] == element


def listing_answer(
    found: Listing, context: dict[str, Any], *, page: str, beside: Sequence[str] = (), **more: Any
) -> Response:
    """The whole page, the results with fresh filters (and `beside`) beside them, or only more cards."""
    context |= more
    if _swaps("grid") and found.page.number > 1:
        return respond("catalog/_grid.html", page=page, also=["catalog/_pager.html"], **context)
    return respond("catalog/_results.html", page=page, also=["catalog/_facets.html", *beside], **context)


def _no_match(found: Listing, q: str) -> dict[str, Any]:
    has_categories = any(facet.name == "category" and facet.values for facet in found.facets)
    return {
        "corrected": found.corrected,
        "exact_url": f"/search?q={quote_plus(q)}&exact=1",
        "empty_title": f"No products match “{q}”",
        "empty_sentence": "Try fewer or other words, or a category."
        if not has_categories
        else "Remove a filter, or try other words.",
    }


def _tax_words() -> str:
    return "Tax included." if runtime.settings().prices_include_tax else "Tax is worked out at checkout."
