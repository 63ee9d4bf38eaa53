"""The product page: the product, what can be chosen, and what goes well with it. Two statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Row

from app.catalog.price_history import Set, lowest_before, periods
from app.catalog.prices import IS_REDUCED, NOW, WAS
from app.catalog.quantities import Quantities
from app.catalog.queries.cards import CardView, Picture, card_of, picture
from app.catalog.queries.fragments import AVAILABLE, CARD, OFFER, ON_SALE, STOCK, for_sale
from app.catalog.queries.menu import Step, steps
from app.catalog.supply import ships_words
from app.lib import prepared
from app.lib.head import summary
from app.lib.money import Money

LOW = 5  # from here down the page says how many are left
MOST_AT_ONCE = 99
RELATED = 6
WALKED = 3_000  # products of the department looked at for more of them
EVENTS = 100  # price events looked at for the lowest price before a cut


@dataclass(frozen=True, slots=True)
class OfferView:
    """One variant as it can be bought now. `options` is option code -> value code.

    Of `available`, `later` units are promised before they are there. `lowest_before` is the lowest price of the
    30 days before a reduced price began.
    """

    sku: str
    price: Money
    compare_at: Money | None
    words: str
    available: int
    later: int
    supply: str
    ships: str
    quantities: Quantities
    lowest_before: Money | None
    options: Mapping[str, str]
    image_id: int | None
    sale_ends_at: datetime | None

    @property
    def stock(self) -> str:
        """in, low, later (none is there, but it can be ordered) or out"""
        if not self.can_be_bought:
            return "out"
        if self.left <= 0:
            return "later"
        return "low" if self.left <= LOW else "in"

    @property
    def can_be_bought(self) -> bool:
        return self.quantities.highest(self.available) > 0

    @property
    def left(self) -> int:
        """Units on the shelf."""
        return self.available - self.later

    @property
    def most(self) -> int:
        return self.quantities.highest(min(self.available, max(MOST_AT_ONCE, self.quantities.lowest)))

    @property
    def quantity_words(self) -> str:
        """What may be ordered at once, when that is not any number."""
        rule = self.quantities
        parts = [f"from {rule.lowest} up"] if rule.lowest > max(1, rule.step) else []
        parts += [f"in steps of {rule.step}"] if rule.step > 1 else []
        parts += [f"at most {rule.most} in one order"] if rule.most is not None else []
        return f"Sold {', '.join(parts)}." if parts else ""


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


class Spec(NamedTuple):
    """An attribute and what it is for this product."""

    name: str
    words: str


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
    specs: list[Spec]
    brand: Step | None
    is_on_sale: bool
    status: str
    published_at: datetime | None
    id: int
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
    changes_at: datetime | None


PRODUCT = f"""
    SELECT p.id, p.name, p.slug, p.description, p.details, p.status, p.published_at, p.category_id,
        p.meta_title, p.meta_description,
        {ON_SALE} AS is_on_sale, b.name AS brand_name, b.slug AS brand_slug,
        (SELECT json_agg(json_build_array(a.name, a.slug) ORDER BY nlevel(a.path))
         FROM categories a WHERE a.path @> c.path) AS way,
        (SELECT json_agg(json_build_array(i.id, i.key, i.widths, i.alt, i.formats) ORDER BY i.position, i.id)
         FROM images i WHERE i.product_id = p.id) AS images,
        (SELECT json_agg(json_build_array(fact.name, fact.words) ORDER BY fact.position, fact.name)
         FROM (
             SELECT a.name, a.position, string_agg(value.name, ', ' ORDER BY value.position, value.id) AS words
             FROM product_attributes
             JOIN attribute_values value ON value.id = product_attributes.attribute_value_id
             JOIN attributes a ON a.id = value.attribute_id
             WHERE product_attributes.product_id = p.id GROUP BY a.id
         ) fact) AS specs
    FROM products p
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN brands b ON b.id = p.brand_id
    WHERE p.slug = :slug
"""  # noqa: S608

OFFERS = f"""
    SELECT v.sku, {NOW} AS price_minor, {WAS} AS compare_at_minor, v.currency, v.options_text, v.image_id,
        CASE WHEN {IS_REDUCED} THEN v.sale_ends_at END AS sale_ends_at,
        greatest({AVAILABLE}, 0) AS available, coalesce(stock_items.backorder_limit, 0) AS later,
        v.supply, v.ships_on, v.min_quantity, v.max_quantity, v.quantity_step, v.position, v.id AS variant_id,
        (SELECT min(expires_at) FROM reservations
         WHERE variant_id = v.id AND state = 'held' AND expires_at > now()) AS freed_at,
        CASE WHEN {WAS} > {NOW} THEN (
            SELECT json_agg(json_build_array(e.created_at, e.now_minor, e.sale_minor, e.sale_starts_at, e.sale_ends_at)
                            ORDER BY e.id)
            FROM (SELECT * FROM price_events WHERE variant_id = v.id ORDER BY id DESC LIMIT {EVENTS}) e
        ) END AS price_events,
        (SELECT json_agg(
            json_build_array(o.code, o.name, value.code, value.name, value.swatch, value.position)
            ORDER BY o.position, o.id)
         FROM variant_values
         JOIN option_values value ON value.id = variant_values.option_value_id
         JOIN options o ON o.id = value.option_id
         WHERE variant_values.variant_id = v.id) AS options
    FROM variants v {STOCK}
    WHERE v.product_id = it.id AND v.is_active
"""  # noqa: S608

# A row for each offer, with the product beside it; one row without an offer when nothing is for sale.
PAGE = f"""
    WITH it AS MATERIALIZED ({PRODUCT})
    SELECT it.*, offer.* FROM it LEFT JOIN LATERAL ({OFFERS}) offer ON true
    ORDER BY offer.position, offer.variant_id
"""  # noqa: S608

# What staff chose, then what is in stock in its category, then in the department; last what is sold out.
RELATED_CARDS = """
    WITH chosen AS MATERIALIZED (
        SELECT d.product_id, 0 AS near, row_number() OVER (ORDER BY r.position, r.related_id) AS place
        FROM related_products r JOIN search_documents d ON d.product_id = r.related_id
        WHERE r.product_id = :id AND {for_sale}
    ), siblings AS MATERIALIZED (
        (SELECT d.product_id, 1 AS near, -d.featured_key AS place FROM search_documents d
         WHERE d.category_id = :category_id AND d.in_stock AND {for_sale}
         ORDER BY d.featured_key DESC, d.product_id DESC LIMIT {most})
        UNION ALL
        (SELECT d.product_id, 3, -d.featured_key FROM search_documents d
         WHERE d.category_id = :category_id AND NOT d.in_stock AND {for_sale}
         ORDER BY d.featured_key DESC, d.product_id DESC LIMIT {most})
    ), department AS MATERIALIZED (
        SELECT d.product_id, 2 AS near, -d.featured_key AS place FROM (
            SELECT * FROM search_documents d
            WHERE d.in_stock AND (SELECT count(*) FROM siblings WHERE near = 1) < {most}
            ORDER BY d.featured_key DESC, d.product_id DESC LIMIT {walked}
        ) d
        WHERE d.codes && (
            SELECT search_scope(subpath(path, 0, 1)::text::bigint) FROM categories WHERE id = :category_id)
          AND d.category_id <> :category_id AND {for_sale} LIMIT {most}
    ), nearest AS (
        SELECT DISTINCT ON (product_id) product_id, near, place FROM (
            SELECT * FROM chosen UNION ALL SELECT * FROM siblings UNION ALL SELECT * FROM department
        ) every WHERE product_id <> :id ORDER BY product_id, near
    )
    SELECT {card} FROM nearest JOIN search_documents d USING (product_id) {offer}
    ORDER BY offer.available <= 0, nearest.near, nearest.place, d.product_id DESC LIMIT {related}
"""


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
    found = prepared.run(PAGE, {"slug": slug}).all()
    if not found:
        return None
    row, rows = found[0], [row for row in found if row.sku is not None]
    places = {entry[0]: number for number, entry in enumerate(row.images or [], 1)}
    offers = [_offer(offer, places, row.published_at) for offer in rows]
    chosen, is_unknown = _choose(offers, sku, options or {})
    groups = _groups(f"/p/{row.slug}", rows, offers, chosen)
    related = []
    if with_related:
        values = {"id": row.id, "category_id": row.category_id}
        related = [card_of(near) for near in prepared.run(_related(), values)]
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
        changes_at=min((row.freed_at for row in rows if row.freed_at and row.available <= LOW), default=None),
    )


def _related() -> str:
    return RELATED_CARDS.format(
        for_sale=for_sale(), card=CARD, offer=OFFER, most=RELATED + 1, walked=WALKED, related=RELATED
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
        specs=[Spec(*it) for it in row.specs or ()],
        brand=Step(row.brand_name, f"/brands/{row.brand_slug}") if row.brand_slug else None,
        is_on_sale=bool(row.is_on_sale),
        status=row.status,
        published_at=row.published_at,
        id=row.id,
        meta_title=row.meta_title,
        meta_description=row.meta_description,
    )


def _offer(row: Row[Any], places: Mapping[int, int], on_sale_since: datetime | None) -> OfferView:
    was = row.compare_at_minor
    lowest = _lowest_before(row.price_events or (), on_sale_since)
    later = min(row.later, row.available)
    return OfferView(
        sku=row.sku,
        price=Money(row.price_minor, row.currency),
        compare_at=None if was is None else Money(was, row.currency),
        words=row.options_text,
        available=row.available,
        later=later,
        supply=row.supply,
        ships=ships_words(row.supply, row.ships_on, late=1, quantity=1),
        quantities=Quantities(row.min_quantity, row.max_quantity, row.quantity_step),
        lowest_before=None if lowest is None else Money(lowest, row.currency),
        options={option[0]: option[2] for option in row.options or ()},
        image_id=places.get(row.image_id),
        sale_ends_at=row.sale_ends_at,
    )


def _lowest_before(rows: Sequence[Any], on_sale_since: datetime | None) -> int | None:
    def moment(at: str | None) -> datetime | None:
        return None if at is None else datetime.fromisoformat(at)

    events = [
        Set(datetime.fromisoformat(at), price, sale, moment(starts), moment(ends))
        for at, price, sale, starts, ends in rows
    ]
    return lowest_before(periods(events, datetime.now(UTC), on_sale_since))


def _images(rows: Sequence[Any], chosen: OfferView | None) -> list[Picture]:
    """The gallery, the chosen variant's picture first; ids stay those of the gallery's own order."""
    made = [picture(key, widths, alt, number, formats) for number, (_, key, widths, alt, formats) in enumerate(rows, 1)]
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
    return max(offers, key=lambda offer: (offer.stock != "out", offer.stock != "later"))


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
    sold_out = exact is not None and exact.stock == "out"
    if not is_last:
        sold_out = all(offer.stock == "out" for offer in having)
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
        return same, offer.stock != "out"

    return max(having, key=kept, default=None)
