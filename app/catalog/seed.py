"""The demo catalogue, brought in as a merchant's own would be: same services, same picture pipeline."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.catalog import services
from app.catalog.demo import catalogue as demo
from app.catalog.gallery import add_picture
from app.catalog.models import Option, OptionValue, Product
from app.catalog.queries import forget_menu
from app.catalog.queries.menu import category_url
from app.catalog.variants import OptionChoice
from app.content.home import keep_picture, lay_out
from app.content.sections import FIRST, Section
from app.inventory.services import receive
from app.lib import outbox, runtime
from app.lib.db import session, transaction
from app.lib.images import EVERY, QUICK, Picture, read_picture
from app.lib.money import Money, exponent
from app.lib.slugs import slug_of

# Filling takes longer than anything else waits for a lock or runs.
NO_LIMITS = text("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
ONE_SEEDER = text("SELECT pg_advisory_xact_lock(hashtext('catalog.seed'))")
NEW_SINCE = timedelta(days=3)
OLD_SINCE = timedelta(days=90)

# About what a dollar buys, so that demo prices look like prices. Any other currency counts like the dollar.
PER_DOLLAR: dict[str, int | Decimal] = {
    "KES": 130,
    "NGN": 1500,
    "ETB": 120,
    "UGX": 3700,
    "TZS": 2600,
    "GHS": 12,
    "ZAR": 18,
    "RWF": 1400,
    "JPY": 150,
    "KRW": 1400,
    "INR": 85,
    "VND": 25000,
    "IDR": 16000,
    "CLP": 950,
    "XOF": 600,
    "XAF": 600,
    "HUF": 360,
    "CZK": 23,
    "SEK": 10,
    "NOK": 11,
    "DKK": 7,
    "MXN": 18,
    "TRY": 35,
    "THB": 35,
    "KWD": Decimal("0.3"),
}
LOCAL_MONEY_STEP = 10  # whole units; prices in small units of money end in a zero


def seed_demo() -> int:
    """Fill an empty shop with the demo catalogue; returns how many products were made, 0 when there are some.

    All or nothing: a start that is interrupted leaves an empty shop, and the next one begins again.
    """
    if _has_products(session()):
        return 0
    session().rollback()  # pictures take seconds, and no transaction stays open meanwhile
    catalogue = demo.load()
    pictures = _read_pictures(catalogue)
    with transaction() as current:
        current.execute(NO_LIMITS)
        current.execute(ONE_SEEDER)
        if _has_products(current):
            return 0
        _make_all(current, catalogue, pictures)
        outbox.send("catalog.add_formats")
    forget_menu()
    return len(catalogue.products)


def _has_products(current: Session) -> bool:
    return bool(current.scalar(select(func.count()).select_from(select(Product.id).limit(1).subquery())))


def _read_pictures(catalogue: demo.Catalogue) -> dict[str, Picture]:
    """Every picture by its stem. Pillow works outside the interpreter's lock, so threads use every core."""
    stems = {picture.file for product in catalogue.products for picture in product.pictures}
    stems |= {catalogue.hero.file, catalogue.feature.file}
    there = sorted(stem for stem in stems if demo.stem_files(stem)[1200].exists())

    wide = {catalogue.hero.file, catalogue.feature.file}

    def read(stem: str) -> Picture:
        # AVIF would double the time until the shop can be looked at; a job adds it to the pictures of products.
        return read_picture(demo.stem_files(stem)[1200].read_bytes(), EVERY if stem in wide else QUICK)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return dict(zip(there, pool.map(read, there), strict=True))


def _make_all(current: Session, catalogue: demo.Catalogue, pictures: dict[str, Picture]) -> None:
    _make_options(current, catalogue)
    brands = {
        brand.slug: services.create_brand(brand.name, description=brand.description).id for brand in catalogue.brands
    }
    categories: dict[str, int] = {}
    for place, it in enumerate(catalogue.categories):
        parent = categories[it.parent] if it.parent else None
        made = services.create_category(it.name, parent_id=parent, description=it.description, position=place)
        categories[it.slug] = made.id
    now = datetime.now(UTC)
    for age, it_product in enumerate(catalogue.products):
        published = now - (NEW_SINCE if it_product.is_new else OLD_SINCE) - timedelta(hours=age)
        _make_product(catalogue, it_product, brands, categories, pictures, published)
    _make_front_page(catalogue, pictures)


def _make_options(current: Session, catalogue: demo.Catalogue) -> None:
    """In the catalogue's order, which is the order shoppers see: S before M."""
    for place, (name, values) in enumerate({"Colour": catalogue.colours, "Size": catalogue.sizes}.items()):
        option = Option(code=slug_of(name), name=name, position=place)
        current.add(option)
        current.flush()
        for position, value in enumerate(values.values()):
            current.add(
                OptionValue(
                    option_id=option.id,
                    code=slug_of(value.name),
                    name=value.name,
                    swatch=value.swatch,
                    position=position,
                )
            )


def _make_product(
    catalogue: demo.Catalogue,
    it: demo.Product,
    brands: dict[str, int],
    categories: dict[str, int],
    pictures: dict[str, Picture],
    published: datetime,
) -> None:
    product = services.create_product(
        it.name,
        category_id=categories[it.category],
        brand_id=brands[it.brand],
        description=it.description,
        details=it.details,
        is_featured=it.is_featured,
    )
    images = {
        picture.file: add_picture(product.id, pictures[picture.file], alt=picture.alt).id
        for picture in it.pictures
        if picture.file in pictures
    }
    for variant in it.variants:
        made = services.add_variant(
            product.id,
            sku=variant.sku,
            price=local_price(variant.price),
            compare_at=local_price(variant.compare_at) if variant.compare_at else None,
            options=_choices(catalogue, variant.options),
            weight_grams=variant.weight,
            image_id=images.get(variant.picture),
        )
        if variant.stock:
            receive(made.id, variant.stock, note="demo catalogue")
    services.publish(product.id, at=published)


def _choices(catalogue: demo.Catalogue, options: dict[str, str]) -> list[OptionChoice]:
    choices = []
    if "colour" in options:
        colour = catalogue.colours[options["colour"]]
        choices.append(OptionChoice("Colour", colour.name, colour.swatch))
    if "size" in options:
        choices.append(OptionChoice("Size", catalogue.sizes[options["size"]].name))
    return choices


def local_price(hundredths: int) -> Money:
    """A dollar price in hundredths, as a likely price in the shop's currency: 1999 is $19.99 or KES 2,600."""
    currency = runtime.settings().currency
    units = Decimal(hundredths) / 100 * PER_DOLLAR.get(currency, 1)
    if currency in PER_DOLLAR and PER_DOLLAR[currency] >= LOCAL_MONEY_STEP:
        units = (units / LOCAL_MONEY_STEP).quantize(Decimal(1), rounding=ROUND_HALF_UP) * LOCAL_MONEY_STEP
    minor = units.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return Money(int(minor), currency)


def _make_front_page(catalogue: demo.Catalogue, pictures: dict[str, Picture]) -> None:
    """The page every shop begins with, a hero above it and a feature in its middle."""
    parents = {it.slug: it.parent for it in catalogue.categories}

    def panel(it: demo.WidePicture) -> Section | None:
        if it.file not in pictures:
            return None
        return Section(
            title=it.title,
            text=it.text,
            url=category_url(it.category, parents[it.category]),
            action=it.action,
            picture=keep_picture(pictures[it.file]),
            alt=it.alt,
        )

    tiles, newest, *others = FIRST
    hero, feature = panel(catalogue.hero), panel(catalogue.feature)
    lay_out([("hero", hero), tiles, newest, ("feature", feature), *others])
