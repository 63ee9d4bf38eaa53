"""The product page: the product, what can be chosen, and what goes well with it. Three statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Row, text

from app.catalog.prices import IS_REDUCED, NOW, WAS
from app.catalog.queries.cards import CardView, Picture, card, picture
from app.catalog.queries.fragments import AVAILABLE, CARD_COLUMNS, CARD_JOINS, ON_SALE, STOCK
from app.catalog.queries.menu import Step, steps
from app.lib.db import session
from app.lib.head import summary
from app.lib.money import Money

LOW = 5  # from here down the page says how many are left
MOST_AT_ONCE = 99
RELATED = 6


@dataclass(frozen=True, slots=True)
class OfferView:
    """One variant as it can be bought now. `options` is option code -> value code."""

    sku: str
    price: Money
    compare_at: Money | None
    words: str
    available: int
    options: Mapping[str, str]
    image_id: int | None
    supply: str = "stocked"
    on_shelf: int = 0
    sale_ends_at: datetime | None = None

    @property
    def stock(self) -> str:
        """in, low or out"""
        if self.available <= 0:
            return "out"
        return "low" if self.available <= LOW else "in"

    @property
    def left(self) -> int:
        return self.available

    @property
    def most(self) -> int:
        return max(1, min(self.available, MOST_AT_ONCE))


class Choice(NamedTuple):
    """One value of an option. `sku` is none when no variant combines it with what else is chosen."""

    words: str
    url: str
    sku: str | None
    colour: str
    is_chosen: bool
    is_sold_out: bool


class Group(NamedTuple):
    """One option with the value that is chosen now."""

    name: str
    chosen: str
    values: list[Choice]


class Detail(NamedTuple):
    title: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class ProductView:
    name: str
    url: str
    slug: str
    summary: str
    description: list[str]
    details: list[Detail]
    brand: Step | None
    is_on_sale: bool
    status: str
    published_at: datetime | None
    meta_title: str
    meta_description: str


@dataclass(frozen=True)
class ProductPage:
    """All of it. `is_unknown` says that the combination that was asked for does not exist."""

    product: ProductView
    crumbs: list[Step]
    images: list[Picture]
    offers: list[OfferView]
    variant: OfferView | None
    groups: list[Group]
    last: Group | None
    related: list[CardView]
    is_unknown: bool


PRODUCT = text(f"""
    SELECT p.id, p.name, p.slug, p.description, p.details, p.status, p.published_at, p.category_id,
        p.meta_title, p.meta_description,
        {ON_SALE} AS is_on_sale, b.name AS brand_name, b.slug AS brand_slug,
        (SELECT json_agg(json_build_array(a.name, a.slug) ORDER BY nlevel(a.path))
         FROM categories a WHERE a.path @> c.path) AS way,
        (SELECT json_agg(json_build_array(i.id, i.key, i.widths, i.alt) ORDER BY i.position, i.id)
         FROM images i WHERE i.product_id = p.id) AS images
    FROM products p
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN brands b ON b.id = p.brand_id
    WHERE p.slug = :slug
""")  # noqa: S608

OFFERS = text(f"""
    SELECT v.sku, {NOW} AS price_minor, {WAS} AS compare_at_minor, v.currency, v.options_text, v.image_id,
        greatest({AVAILABLE}, 0) AS available, v.supply,
        {AVAILABLE} - coalesce(stock_items.backorder_limit, 0) AS on_shelf,
        CASE WHEN {IS_REDUCED} THEN v.sale_ends_at END AS sale_ends_at,
        (SELECT json_agg(
            json_build_array(o.code, o.name, value.code, value.name, value.swatch, value.position)
            ORDER BY o.position, o.id)
         FROM variant_values
         JOIN option_values value ON value.id = variant_values.option_value_id
         JOIN options o ON o.id = value.option_id
         WHERE variant_values.variant_id = v.id) AS options
    FROM variants v {STOCK}
    WHERE v.product_id = :id AND v.is_active
    ORDER BY v.position, v.id
""")  # noqa: S608

RELATED_CARDS = text(f"""
    WITH near AS (
        SELECT p.id, p.category_id = :category_id AS is_sibling, p.is_featured, p.published_at
        FROM products p JOIN categories c ON c.id = p.category_id
        WHERE {ON_SALE} AND p.id <> :id
          AND c.path <@ (SELECT subpath(path, 0, 1) FROM categories WHERE id = :category_id)
        ORDER BY is_sibling DESC, p.is_featured DESC, p.published_at DESC, p.id DESC LIMIT {RELATED}
    )
    SELECT {CARD_COLUMNS}
    FROM near JOIN products p USING (id)
    {CARD_JOINS}
    ORDER BY near.is_sibling DESC, near.is_featured DESC, near.published_at DESC, near.id DESC
""")  # noqa: S608


def product_page(
    slug: str,
    sku: str | None = None,
    options: Mapping[str, str] | None = None,
    *,
    with_related: bool = True,
) -> ProductPage | None:
    """The page of any product, on sale or not: the caller decides who may see it. None for an unknown slug.

    `sku` or `options` (such as {"colour": "moss", "size": "m"}) choose the variant; without a match the page
    shows the first one that is in stock and says so in `is_unknown`.
    """
    row = session().execute(PRODUCT, {"slug": slug}).one_or_none()
    if row is None:
        return None
    rows = session().execute(OFFERS, {"id": row.id}).all()
    places = {entry[0]: number for number, entry in enumerate(row.images or [], 1)}
    offers = [_offer(offer, places) for offer in rows]
    chosen, is_unknown = _choose(offers, sku, options or {})
    groups = _groups(f"/p/{row.slug}", rows, offers, chosen)
    related = []
    if with_related:
        values = {"id": row.id, "category_id": row.category_id}
        related = [card(near) for near in session().execute(RELATED_CARDS, values)]
    return ProductPage(
        product=_view(row),
        crumbs=steps(row.way),
        images=_images(row.images or [], chosen),
        offers=offers,
        variant=chosen,
        groups=groups[:-1],
        last=groups[-1] if groups else None,
        related=related,
        is_unknown=is_unknown,
    )


def _view(row: Row[Any]) -> ProductView:
    paragraphs = [part.strip() for part in row.description.split("\n\n") if part.strip()]
    return ProductView(
        name=row.name,
        url=f"/p/{row.slug}",
        slug=row.slug,
        summary=summary(row.description),
        description=paragraphs,
        details=[Detail(it["title"], list(it["lines"])) for it in row.details],
        brand=Step(row.brand_name, f"/brands/{row.brand_slug}") if row.brand_slug else None,
        is_on_sale=bool(row.is_on_sale),
        status=row.status,
        published_at=row.published_at,
        meta_title=row.meta_title,
        meta_description=row.meta_description,
    )


def _offer(row: Row[Any], places: Mapping[int, int]) -> OfferView:
    was = row.compare_at_minor
    return OfferView(
        sku=row.sku,
        price=Money(row.price_minor, row.currency),
        compare_at=None if was is None else Money(was, row.currency),
        words=row.options_text,
        available=row.available,
        options={option[0]: option[2] for option in row.options or ()},
        image_id=places.get(row.image_id),
        supply=row.supply,
        on_shelf=row.on_shelf,
        sale_ends_at=row.sale_ends_at,
    )


def _images(rows: Sequence[Any], chosen: OfferView | None) -> list[Picture]:
    """The gallery, the chosen variant's picture first; ids stay those of the gallery's own order."""
    made = [picture(key, widths, alt, number) for number, (_, key, widths, alt) in enumerate(rows, 1)]
    pictures = [it for it in made if it]
    first = chosen.image_id if chosen else None
    return sorted(pictures, key=lambda it: it.id != first)


def _choose(offers: Sequence[OfferView], sku: str | None, options: Mapping[str, str]) -> tuple[OfferView | None, bool]:
    """The variant asked for, in stock if several fit, and whether there is no such variant.

    Fields of an address that are no option of this product, such as a campaign's, say nothing.
    """
    if not offers:
        return None, False
    known = {code for offer in offers for code in offer.options}
    wanted = {code: value.lower() for code, value in options.items() if code in known}
    if sku:
        fitting = [offer for offer in offers if offer.sku.lower() == sku.lower()]
    else:
        fitting = [
            offer
            for offer in offers
            if all(offer.options.get(code, "").lower() == value for code, value in wanted.items())
        ]
    return _first_in_stock(fitting or offers), not fitting


def _first_in_stock(offers: Sequence[OfferView]) -> OfferView:
    return next((offer for offer in offers if offer.available > 0), offers[0])


class _Option(NamedTuple):
    code: str
    name: str
    values: list[tuple[str, str, str]]  # code, name, swatch, in their own order


def _options(rows: Sequence[Row[Any]]) -> list[_Option]:
    names: dict[str, str] = {}
    values: dict[str, dict[str, tuple[int, str, str]]] = {}
    for row in rows:
        for code, name, value, words, swatch, position in row.options or ():
            names[code] = name
            values.setdefault(code, {})[value] = (position, words, swatch)
    ordered = []
    for code, name in names.items():
        in_order = sorted(values[code].items(), key=lambda item: item[1][0])
        ordered.append(_Option(code, name, [(value, words, swatch) for value, (_, words, swatch) in in_order]))
    return ordered


def _groups(url: str, rows: Sequence[Row[Any]], offers: Sequence[OfferView], chosen: OfferView | None) -> list[Group]:
    if chosen is None:
        return []
    groups = []
    options = _options(rows)
    for option in options:
        is_last = option is options[-1]
        choices = [_choice(url, option, value, offers, chosen, is_last) for value in option.values]
        name = next((choice.words for choice in choices if choice.is_chosen), "")
        groups.append(Group(option.name, name, choices))
    return groups


def _choice(
    url: str,
    option: _Option,
    value: tuple[str, str, str],
    offers: Sequence[OfferView],
    chosen: OfferView,
    is_last: bool,
) -> Choice:
    """The last option leads to exactly one variant or to none; an earlier one to the nearest there is."""
    code, words, swatch = value
    having = [offer for offer in offers if offer.options.get(option.code) == code]
    wanted = {**chosen.options, option.code: code}
    exact = next((offer for offer in having if offer.options == wanted), None)
    target = exact if is_last else exact or _nearest(having, chosen)
    sold_out = exact is not None and exact.available <= 0
    if not is_last:
        sold_out = all(offer.available <= 0 for offer in having)
    return Choice(
        words=words,
        url=f"{url}?{urlencode({'sku': target.sku})}" if target else url,
        sku=target.sku if target else None,
        colour=swatch,
        is_chosen=chosen.options.get(option.code) == code,
        is_sold_out=sold_out,
    )


def _nearest(having: Sequence[OfferView], chosen: OfferView) -> OfferView | None:
    """Of several variants the one that keeps most of what was chosen, in stock if two keep as much."""

    def kept(offer: OfferView) -> tuple[int, bool]:
        same = sum(chosen.options.get(code) == value for code, value in offer.options.items())
        return same, offer.available > 0

    return max(having, key=kept, default=None)
