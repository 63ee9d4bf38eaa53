"""What a collection or a shelf is made of: a rule, so that a new product that fits appears by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.catalog.prices import NOW, WAS


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


def matching(rule: Rule, prefix: str = "rule_") -> tuple[str, dict[str, Any]]:
    """SQL over product `p` for what fits, and its parameters, whose names begin with `prefix`."""
    conditions = ["true"]
    values: dict[str, Any] = {}

    def also(sql: str, name: str = "", value: Any = None) -> None:
        conditions.append(sql)
        if name:
            values[f"{prefix}{name}"] = value

    if rule.brands:
        also(
            f"p.brand_id IN (SELECT id FROM brands WHERE slug = ANY(:{prefix}brands))",  # noqa: S608
            "brands",
            list(rule.brands),
        )
    if rule.categories:
        also(
            f"""p.category_id IN (
                SELECT below.id FROM categories above JOIN categories below ON below.path <@ above.path
                WHERE above.slug = ANY(:{prefix}categories))""",  # noqa: S608
            "categories",
            list(rule.categories),
        )
    if rule.tags:
        also(f"p.tags && CAST(:{prefix}tags AS text[])", "tags", list(rule.tags))
    if rule.price_min is not None:
        also(_variant(f"{NOW} >= :{prefix}price_min"), "price_min", rule.price_min)
    if rule.price_max is not None:
        also(_variant(f"{NOW} <= :{prefix}price_max"), "price_max", rule.price_max)
    if rule.new_days is not None:
        also(f"p.published_at > now() - make_interval(days => :{prefix}new_days)", "new_days", rule.new_days)
    if rule.is_reduced:
        # As a set, because few are: asked of each product in turn it took four times as long on 100,000.
        also(
            f"""p.id IN (
                SELECT v.product_id FROM variants v
                WHERE v.is_active AND (v.compare_at_minor IS NOT NULL OR v.sale_minor IS NOT NULL) AND {WAS} > {NOW})"""  # noqa: S608
        )
    if rule.is_featured:
        also("p.is_featured")
    return " AND ".join(conditions), values


def _variant(sql: str) -> str:
    return f"EXISTS (SELECT FROM variants v WHERE v.product_id = p.id AND v.is_active AND {sql})"
