"""Product cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.lib.money import Money
from app.lib.storage import storage

FEW_LEFT = 4  # from here down a card says how many


class Source(NamedTuple):
    """What `<source>` wants: a type such as image/avif, and the addresses with their widths."""

    type: str
    srcset: str


class Picture(NamedTuple):
    """A picture as `<picture>` wants it: `sources` from the smallest files on, `src` and `srcset` for everybody.

    `id` is its place in the gallery, from 1; 0 outside of one.
    """

    src: str
    srcset: str
    alt: str
    id: int = 0
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class CardView:
    """One product in a grid: the figures of its cheapest variant, and what is left of all of them."""

    name: str
    url: str
    image: Picture | None
    price: Money
    compare_at: Money | None
    has_many_prices: bool
    is_sold_out: bool
    left: int | None
    is_new: bool
    swatches: tuple[str, ...]
    colours: int
    only_sku: str | None
    badge: str | None = None
    id: int = 0


# Smaller files first, because a browser takes the first it knows; the last one there is for everybody.
PREFERRED = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}


def picture(
    key: str | None,
    widths: Sequence[int] | None,
    alt: str | None,
    number: int = 0,
    formats: Sequence[str] | None = None,
) -> Picture | None:
    """The addresses of a picture's files; none when there is no picture. `formats` None means WebP alone."""
    if not key or not widths:
        return None
    there = [ending for ending in PREFERRED if ending in (formats or ("webp",))]
    base = storage().url(f"{key}-{widths[0]}.webp").removesuffix(f"{widths[0]}.webp")
    sets = {ending: ", ".join(f"{base}{width}.{ending} {width}w" for width in widths) for ending in there}
    *better, last = there
    middle = min(widths, key=lambda width: abs(width - 800))
    return Picture(
        src=f"{base}{middle}.{last}",
        srcset=sets[last],
        alt=alt or "",
        id=number,
        sources=tuple(Source(PREFERRED[ending], sets[ending]) for ending in better),
    )


def picture_of(image: Mapping[str, Any] | None, alt: str | None = None) -> Picture | None:
    """The first picture of a product, as its search document has it; with its own words for those who cannot see it."""
    if image is None:
        return None
    return picture(image["key"], image["widths"], image["alt"] if alt is None else alt, formats=image["formats"])


def card_of(row: Sequence[Any]) -> CardView:
    """A card from what CARD of app/catalog/queries/fragments.py selects."""
    product_id, name, slug, image, price, top, was, currency, available, is_new, swatches, colours, only_sku = row
    return CardView(
        name=name,
        url=f"/p/{slug}",
        image=picture_of(image),
        price=Money(price, currency),
        compare_at=None if was is None else Money(was, currency),
        has_many_prices=top != price,
        is_sold_out=available <= 0,
        left=available if 0 < available <= FEW_LEFT else None,
        is_new=is_new,
        swatches=tuple(swatches),
        colours=colours,
        only_sku=only_sku,
        id=product_id,
    )
