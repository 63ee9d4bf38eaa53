"""Products and listings for search engines: the figures a shopper sees on the page, in schema.org's words."""

import re
from collections.abc import Iterable
from typing import Any

from app.catalog.queries import Filters, Listing, ProductPage
from app.catalog.queries.menu import Step
from app.catalog.queries.product import OfferView
from app.lib import runtime
from app.lib.head import Head, absolute, summary
from app.lib.slugs import slug_of

SCHEMA = "https://schema.org"
AVAILABILITY = {
    "in_stock": f"{SCHEMA}/InStock",
    "out_of_stock": f"{SCHEMA}/OutOfStock",
    "backorder": f"{SCHEMA}/BackOrder",
    "preorder": f"{SCHEMA}/PreOrder",
}


def availability(supply: str, available: int, on_shelf: int) -> str:
    """A key of AVAILABILITY: what can be bought but is not there yet is a backorder or a preorder."""
    if available <= 0:
        return "out_of_stock"
    if on_shelf > 0 or supply not in ("backorder", "preorder"):
        return "in_stock"
    return supply


def product_head(found: ProductPage) -> Head:
    """The head of a product's page. What shoppers cannot see yet is not to be found."""
    product = found.product
    facts = [breadcrumbs([*found.crumbs, Step(product.name, product.url)])]
    if product.is_on_sale and found.offers:
        facts.append(_product(found))
    image = min(found.images, key=lambda it: it.id, default=None)
    return Head(
        title=product.meta_title or _title(found),
        description=product.meta_description or product.summary or f"{product.name} at {_shop()}.",
        path=product.url,
        robots="" if product.is_on_sale else "noindex",
        image=image.src if image else None,
        image_alt=image.alt if image else "",
        kind="product",
        facts=facts,
    )


def _title(found: ProductPage) -> str:
    """The name and the brand; a product that shares its name with another one says its SKU as well."""
    product = found.product
    parts = [product.name]
    if product.brand:
        parts.append(product.brand.name)
    if found.offers and re.fullmatch(re.escape(slug_of(product.name)) + r"-\d+", product.slug):
        parts.append(found.offers[0].sku)
    return " · ".join(parts)


def _product(found: ProductPage) -> dict[str, Any]:
    product = found.product
    facts: dict[str, Any] = {
        "@context": SCHEMA,
        "@type": "Product",
        "name": product.name,
        "description": product.summary,
        "url": absolute(product.url),
        "offers": _offers(found),
    }
    if found.images:
        facts["image"] = [absolute(image.src) for image in sorted(found.images, key=lambda it: it.id)]
    if product.brand:
        facts["brand"] = {"@type": "Brand", "name": product.brand.name}
    return facts


def _offers(found: ProductPage) -> dict[str, Any]:
    offers = [_offer(found.product.url, offer) for offer in found.offers]
    if len(offers) == 1:
        return offers[0]
    prices = sorted((offer.price for offer in found.offers), key=lambda price: price.minor)
    return {
        "@type": "AggregateOffer",
        "lowPrice": prices[0].plain(),
        "highPrice": prices[-1].plain(),
        "priceCurrency": prices[0].currency,
        "offerCount": len(offers),
        "offers": offers,
    }


def _offer(url: str, offer: OfferView) -> dict[str, Any]:
    facts = {
        "@type": "Offer",
        "sku": offer.sku,
        "price": offer.price.plain(),
        "priceCurrency": offer.price.currency,
        "availability": AVAILABILITY[availability(offer.supply, offer.available * offer.can_be_bought, offer.left)],
        "itemCondition": f"{SCHEMA}/NewCondition",
        "url": absolute(f"{url}?sku={offer.sku}"),
    }
    if offer.sale_ends_at:
        facts["priceValidUntil"] = offer.sale_ends_at.isoformat(timespec="seconds")
    return facts


def breadcrumbs(steps: Iterable[Step]) -> dict[str, Any]:
    """The way from the front page; the last step is the page itself."""
    way = [Step("Home", "/"), *steps]
    return {
        "@context": SCHEMA,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": step.name, "item": absolute(step.url)}
            for place, step in enumerate(way, 1)
        ],
    }


def listing_head(
    found: Listing,
    filters: Filters,
    *,
    name: str,
    path: str,
    description: str = "",
    crumbs: Iterable[Step] = (),
    title: str = "",
    is_hidden: bool = False,
) -> Head:
    """The head of a category, a brand or a collection.

    Filtered pages name the whole listing as theirs; from two filters on they are not to be found, because their
    combinations have no end.
    """
    above = list(crumbs)
    chosen = _chosen(filters)
    page = 1 if chosen else found.page.number
    heading = title or " · ".join([name, *(step.name for step in above[-1:])])
    image = next((card.image for card in found.cards if card.image), None)
    numbered = f", page {page}" if page > 1 else ""
    return Head(
        title=heading + numbered,
        description=(summary(description) or f"{heading} at {_shop()}") + numbered,
        path=path,
        page=page,
        has_more=found.page.has_more and not chosen,
        robots="noindex, follow" if chosen > 1 or is_hidden else "",
        image=image.src if image else None,
        image_alt=image.alt if image else "",
        facts=[breadcrumbs([*above, Step(name, path)])],
    )


def _chosen(filters: Filters) -> int:
    """How many values are chosen, a bound of the price counting as one."""
    values = sum(len(values) for values in filters.chosen.values())
    return values + sum([filters.price_min is not None, filters.price_max is not None, filters.in_stock])


def shop_facts() -> list[dict[str, Any]]:
    """Who sells here, and how to search here: for the front page."""
    home = absolute("/")
    site = {
        "@context": SCHEMA,
        "@type": "WebSite",
        "name": _shop(),
        "url": home,
        "potentialAction": {
            "@type": "SearchAction",
            "target": {"@type": "EntryPoint", "urlTemplate": absolute("/search?q={search_term_string}")},
            "query-input": "required name=search_term_string",
        },
    }
    seller = {"@context": SCHEMA, "@type": "Organization", "name": _shop(), "url": home}
    return [seller, site]


def _shop() -> str:
    return str(runtime.settings().shop_name)
