"""What machines fetch: robots.txt, the sitemaps, the product feed. Long ones are sent while they are read."""

from collections.abc import Iterator

from flask import Blueprint, Response, stream_with_context

from app.content import feed, sitemap
from app.lib.db import still_reading
from app.lib.errors import NotFound
from app.lib.head import absolute

bp = Blueprint("crawlers", __name__)

PRIVATE = ("/account", "/admin", "/auth", "/cart", "/checkout", "/dev", "/orders", "/payments", "/search")
# A single filter may be followed; combinations have no end, and a sort or a price shows what another page shows.
LISTINGS = ("/c/", "/brands/", "/collections/")
FIELDS = ("in_stock", "price_max", "price_min", "sort")


@bp.get("/robots.txt")
def robots() -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    lines += [f"Disallow: {path}*?*&" for path in LISTINGS]
    lines += [f"Disallow: /*?{field}=" for field in FIELDS]
    lines += ["", f"Sitemap: {absolute('/sitemap.xml')}"]
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


@bp.get("/sitemap.xml")
def sitemap_index() -> Response:
    return _xml(sitemap.index())


@bp.get("/sitemaps/<kind>-<int:number>.xml")
def sitemap_part(kind: str, number: int) -> Response:
    if not sitemap.is_there(kind, number):
        raise NotFound("There is no such part of the sitemap. Begin at /sitemap.xml.")
    return _xml(sitemap.urlset(kind, number))


@bp.get("/feeds/products.xml")
def product_feed() -> Response:
    return _xml(feed.products())


def _xml(pieces: Iterator[str]) -> Response:
    return Response(stream_with_context(still_reading(pieces)), mimetype="application/xml")
