"""What a shopper may narrow a listing by: any of the values of one kind, all of the kinds."""

from dataclasses import dataclass, replace
from typing import Any

SORTS = {
    "relevance": "Best match",
    "featured": "Featured",
    "newest": "Newest",
    "price": "Price, low to high",
    "-price": "Price, high to low",
    "best": "Best sellers",
}

KINDS = ("category", "brand", "size", "colour")


@dataclass(frozen=True, slots=True)
class Filters:
    """Chosen values by kind, prices in minor units of the shop's currency."""

    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    colour: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    sort: str = "featured"

    def without(self, kind: str, value: str | None = None) -> "Filters":
        """The same without one value of a kind, or without the whole kind."""
        if kind == "in_stock":
            return replace(self, in_stock=False)
        if kind in ("price_min", "price_max"):
            nothing: dict[str, Any] = {kind: None}
            return replace(self, **nothing)
        kept = () if value is None else tuple(each for each in getattr(self, kind) if each != value)
        fewer: dict[str, Any] = {kind: kept}
        return replace(self, **fewer)

    def values(self) -> dict[str, Any]:
        """Named parameters of the conditions below; codes are compared in lower case."""
        return {kind: [value.lower() for value in getattr(self, kind)] for kind in KINDS} | {
            "price_min": self.price_min,
            "price_max": self.price_max,
        }


def conditions(filters: Filters) -> dict[str, str]:
    """SQL for each kind that is chosen, over product `p`, category `c`, brand `b` and variant `v`.

    Size, colour, price and stock speak of one variant, so a red M is found only where a red M exists.
    """
    found = {}
    if filters.category:
        found["category"] = """EXISTS (
            SELECT FROM categories above WHERE above.path @> c.path AND above.slug = ANY(:category))"""
    if filters.brand:
        found["brand"] = "b.slug = ANY(:brand)"
    for kind in ("size", "colour"):
        if getattr(filters, kind):
            found[kind] = f"""EXISTS (
                SELECT FROM variant_values
                JOIN option_values value ON value.id = variant_values.option_value_id
                JOIN options o ON o.id = value.option_id AND o.code = '{kind}'
                WHERE variant_values.variant_id = v.id
                  AND (lower(value.code) = ANY(:{kind}) OR lower(value.name) = ANY(:{kind})))"""
    if filters.price_min is not None:
        found["price"] = "v.price_minor >= :price_min"
    if filters.price_max is not None:
        upper = "v.price_minor <= :price_max"
        found["price"] = f"{found['price']} AND {upper}" if "price" in found else upper
    return found
