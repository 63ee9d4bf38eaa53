"""What a collection or a shelf is made of: a rule, so that a new product that fits appears by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """Any of the brands, any of the categories or what is below them, any of the tags, and all of the rest.

    Prices are minor units of the shop's currency; `new_days` counts back from now; `is_reduced` asks for a price
    that is struck through. An empty rule is every product.
    """

    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    new_days: int | None = None
    is_reduced: bool = False
    is_featured: bool = False

    @staticmethod
    def of(stored: Mapping[str, Any]) -> "Rule":
        """From JSON, as `stored()` wrote it; fields it does not know are left out."""
        known: dict[str, Any] = {name: stored[name] for name in Rule.__dataclass_fields__ if name in stored}
        fields: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in known.items()}
        return Rule(**fields)

    def stored(self) -> dict[str, Any]:
        """For a JSON column."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
