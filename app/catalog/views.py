"""The shop windows: home, categories, brands, products, search. For visitors they set no cookie."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request

from app.auth.current import current_user
from app.catalog import queries
from app.catalog.forms import filters_from, options_from, words_from
from app.catalog.queries import Listing, Scope
from app.catalog.results_page import results
from app.lib import ratelimit, runtime
from app.lib.errors import NotFound
from app.lib.htmx import respond
from app.lib.paging import Page, page_from
from app.lib.ratelimit import Limit

bp = Blueprint("catalog", __name__)

PAGE_SIZE = 24
SEARCHING = Limit("search", most=60, seconds=60)


@bp.get("/")
def home() -> str:
    shelves = queries.shelves()
    panels = queries.panels()
    return render_template(
        "catalog/home.html",
        hero=panels.get("hero"),
        feature=panels.get("feature"),
        categories=queries.category_tiles(),
        newest=shelves.newest,
        popular=shelves.featured,
        reduced=shelves.sale,
        canonical=_absolute("/"),
    )


@bp.get("/c/<slug>")
@bp.get("/c/<parent>/<slug>")
def category(slug: str, parent: str | None = None) -> Response:
    """Both addresses answer; the canonical one has the parent. A former parent leads on to the new place."""
    found = queries.category_by_path(slug)
    if found is None:
        raise NotFound("We have no category at this address. Search, or start from one of these.")
    if parent is not None and parent != found.parent_slug:
        return make_response(redirect(found.url, 301))
    filters = filters_from(request.args)
    listing = queries.listing(Scope.of_category(found.id, found.path), filters, _page())
    return _results(
        listing,
        results(listing, filters, found.url),
        page="catalog/listing.html",
        heading=found.name,
        description=found.description,
        crumbs=found.ancestors,
        children=found.children,
        canonical=_absolute(found.url),
    )


@bp.get("/brands/<slug>")
def brand(slug: str) -> Response:
    found = queries.brand_by_slug(slug)
    if found is None:
        raise NotFound("We have no brand at this address. Search, or start from a category.")
    here = f"/brands/{found.slug}"
    filters = filters_from(request.args)
    listing = queries.listing(Scope.of_brand(found.id), filters, _page())
    return _results(
        listing,
        results(listing, filters, here),
        page="catalog/listing.html",
        heading=found.name,
        description=found.description,
        crumbs=[],
        children=[],
        canonical=_absolute(here),
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
    listing = queries.search(q, filters, _page(), is_exact=is_exact)
    context = results(listing, filters, "/search", q=q, sort="relevance", is_exact=is_exact)
    return _results(listing, context, page="catalog/search.html", **_no_match(listing, q))


@bp.get("/search/suggest")
def suggest() -> str:
    q = words_from(request.args)
    return render_template("catalog/_suggest.html", q=q, suggestions=queries.suggest(q))


@bp.get("/p/<slug>")
def product(slug: str) -> Response:
    """`?sku=` or `?colour=&size=` choose the variant. Staff see what is not on sale yet; shoppers get 404."""
    found = queries.product_page(
        slug,
        request.args.get("sku"),
        options_from(request.args),
        with_related=not _swaps("buy"),
    )
    if found is None or not _may_see(found):
        raise NotFound("This product is not here, or no longer made. Search, or start from a category.")
    return respond(
        "catalog/_buy.html",
        page="catalog/product.html",
        **vars(found),
        preview=_preview(found),
        tax_words=_tax_words(),
        canonical=_absolute(found.product.url),
        structured=_structured(found),
    )


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


def _page() -> Page:
    page = page_from(request.args.get("page"), PAGE_SIZE)
    return replace(page, after=request.args.get("after", "")) if page.number > 1 else page


def _swaps(element: str) -> bool:
    """Whether htmx will put the answer into this element; it says so as tag#id."""
    return request.headers.get("HX-Target", "").rpartition("#")[2] == element


def _results(found: Listing, context: dict[str, Any], *, page: str, **more: Any) -> Response:
    """The whole page, the results with fresh filters beside them, or only more cards."""
    context |= more
    if _swaps("grid") and found.page.number > 1:
        return respond("catalog/_grid.html", page=page, also=["catalog/_pager.html"], **context)
    return respond("catalog/_results.html", page=page, also=["catalog/_facets.html"], **context)


def _no_match(found: Listing, q: str) -> dict[str, Any]:
    narrow = next((facet.values for facet in found.facets if facet.name == "category"), [])
    return {
        "narrow": [],
        "corrected": found.corrected,
        "exact_url": f"/search?q={quote_plus(q)}&exact=1",
        "empty_title": f"No products match “{q}”",
        "empty_sentence": "Try fewer or other words, or a category."
        if not narrow
        else "Remove a filter, or try other words.",
    }


def _tax_words() -> str:
    return "Tax included." if runtime.settings().prices_include_tax else "Tax is worked out at checkout."


def _absolute(path: str) -> str:
    return runtime.settings().shop_url + path


def _structured(found: queries.ProductPage) -> dict[str, Any] | None:
    """The product for search engines (schema.org), when it can be found at all."""
    if not found.product.is_on_sale:
        return None
    offers = [
        {
            "@type": "Offer",
            "sku": offer.sku,
            "price": offer.price.plain(),
            "priceCurrency": offer.price.currency,
            "availability": f"https://schema.org/{'InStock' if offer.available > 0 else 'OutOfStock'}",
            "url": _absolute(f"{found.product.url}?sku={offer.sku}"),
        }
        for offer in found.offers
    ]
    facts: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": found.product.name,
        "description": found.product.summary,
        "url": _absolute(found.product.url),
        "offers": offers,
    }
    if found.images:
        facts["image"] = [_absolute(image.src) for image in found.images]
    if found.product.brand:
        facts["brand"] = {"@type": "Brand", "name": found.product.brand.name}
    return facts
