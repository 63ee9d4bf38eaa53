"""Goods made through the services staff use. Say only what matters to a test."""

import io
import itertools
from typing import Any

from PIL import Image

from app.catalog import services
from app.catalog.models import Category, Product, Variant
from app.catalog.services import OptionChoice
from app.inventory.services import receive
from app.lib.money import Money

SWATCHES = {"Moss": "#66764f", "Navy": "#3e506b", "Rust": "#b0613f"}
_count = itertools.count(1)


def money(minor: int) -> Money:
    return Money(minor, "USD")


def a_shelf(name: str = "Jackets", below: Category | None = None) -> Category:
    return services.create_category(name, parent_id=below.id if below else None)


def a_draft(name: str = "Field jacket", *, shelf: Category | None = None, **values: Any) -> Product:
    return services.create_product(name, category_id=(shelf or a_shelf()).id, **values)


def a_variant(
    product: Product,
    *,
    sku: str = "",
    price: int = 1999,
    compare_at: int | None = None,
    colour: str = "",
    size: str = "",
    on_hand: int = 10,
    **values: Any,
) -> Variant:
    options = [OptionChoice("Colour", colour, SWATCHES.get(colour, ""))] if colour else []
    options += [OptionChoice("Size", size)] if size else []
    variant = services.add_variant(
        product.id,
        sku=sku or f"SKU-{next(_count)}",
        price=money(price),
        compare_at=money(compare_at) if compare_at else None,
        options=options,
        **values,
    )
    if on_hand:
        receive(variant.id, on_hand)
    return variant


def a_product(
    name: str = "Field jacket",
    *,
    shelf: Category | None = None,
    variants: list[dict[str, Any]] | None = None,
    **values: Any,
) -> Product:
    """On sale, with one plain variant unless `variants` says which."""
    product = a_draft(name, shelf=shelf, **values)
    for variant in variants or [{}]:
        a_variant(product, **variant)
    return services.publish(product.id)


def a_picture(kind: str = "JPEG", size: tuple[int, int] = (900, 1125), **save: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (102, 118, 79)).save(out, kind, **save)
    return out.getvalue()
