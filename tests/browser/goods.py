"""A small shop to walk through: real pictures, a product with options, one without, one on its last piece."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.catalog import services
from app.catalog.demo import catalogue as demo
from app.catalog.gallery import add_picture
from app.catalog.queries import forget_menu
from app.catalog.variants import OptionChoice, add_variant
from app.content.home import keep_picture, lay_out
from app.content.sections import FIRST, Section
from app.inventory.services import receive
from app.lib.db import session, transaction
from app.lib.images import Picture
from app.lib.money import Money

LARGEST = 1200  # pixels; screens of the stories need less

MOSS = OptionChoice("Colour", "Moss", "#66764f")
RUST = OptionChoice("Colour", "Rust", "#a5532f")


@dataclass(frozen=True)
class Goods:
    """What the stories name."""

    jacket: str = "Field chore jacket"
    jacket_url: str = "/p/field-chore-jacket"
    mug: str = "Speckled mug"
    mug_url: str = "/p/speckled-mug"
    mug_sku: str = "MUG"
    rug_url: str = "/p/flat-weave-rug"
    category_url: str = "/c/clothing"


def stock_the_shop() -> Goods:
    """Three categories deep, four products, a hero on the home page."""
    with transaction():
        clothing = services.create_category("Clothing", description="Canvas, wool and linen.").id
        women = services.create_category("Women", parent_id=clothing).id
        jackets = services.create_category("Jackets and coats", parent_id=women).id
        home = services.create_category("Home").id
        brand = services.create_brand("Pike Works").id
        _jacket(jackets, brand)
        _plain("Speckled mug", home, brand, "MUG", 2200, 20, "speckled-stoneware-mug-speckle")
        _plain("Flat weave rug", home, brand, "RUG", 8900, 1, "flat-weave-rug-rust")
        _plain("Reading chair", home, brand, "CHAIR", 24900, 0, "reading-chair-sage")
        _hero()
    session().rollback()
    forget_menu()
    return Goods()


def _jacket(category: int, brand: int) -> None:
    product = services.create_product(
        "Field chore jacket",
        category_id=category,
        brand_id=brand,
        description="Waxed canvas that softens with wear.\n\nFour pockets, and buttons that stay on.",
        details=[{"title": "Materials", "lines": ["Cotton canvas, 12 oz", "Horn buttons"]}],
        is_featured=True,
    )
    for colour in (MOSS, RUST):
        stem = f"field-chore-jacket-{colour.value.lower()}"
        image = add_picture(product.id, _picture(stem), alt=f"Chore jacket in {colour.value.lower()}")
        for size, stock in (("S", 8), ("M", 8), ("L", 0)):
            made = add_variant(
                product.id,
                sku=f"JACKET-{colour.value.upper()}-{size}",
                price=Money(12800, "USD"),
                compare_at=Money(16000, "USD"),
                options=[colour, OptionChoice("Size", size)],
                image_id=image.id,
            )
            if stock:
                receive(made.id, stock)
    services.publish(product.id, at=datetime.now(UTC) - timedelta(days=1))


def _plain(name: str, category: int, brand: int, sku: str, price: int, stock: int, stem: str) -> None:
    product = services.create_product(name, category_id=category, brand_id=brand, description="Made to last.")
    image = add_picture(product.id, _picture(stem), alt=name)
    made = add_variant(product.id, sku=sku, price=Money(price, "USD"), image_id=image.id)
    if stock:
        receive(made.id, stock)
    services.publish(product.id, at=datetime.now(UTC) - timedelta(days=60))


def _hero() -> None:
    hero = Section(
        title="Made to be worn, mended and kept.",
        text="Waxed canvas and lambswool.",
        url="/c/clothing",
        action="Shop clothing",
        picture=keep_picture(_picture("hero")),
        alt="A jacket on a rail",
    )
    lay_out([("hero", hero), *FIRST])


@functools.cache
def _picture(stem: str) -> Picture:
    """As the shop's own pipeline left it: scaling again would take longer than a story."""
    files = {width: file.read_bytes() for width, file in demo.stem_files(stem).items() if width < LARGEST}
    width, height = demo.SIZE_OF.get(stem, demo.PORTRAIT)
    named = {f"{width}.webp": content for width, content in files.items()}
    return Picture(width=width, height=height, widths=tuple(files), formats=("webp",), files=named)
