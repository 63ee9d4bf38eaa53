"""Scope, words and filters as SQL over a search document `d`. One array overlap for each kind, all inside one index."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.catalog.queries.filters import Filters
from app.catalog.queries.rules import Rule
from app.catalog.search import codes
from app.catalog.search.codes import code

SHELVES_CHOSEN = "ARRAY(SELECT unnest(search_scope(id)) FROM categories WHERE slug = ANY({}))"
BRANDS_CHOSEN = f"ARRAY(SELECT search_code({codes.BRAND}, id) FROM brands WHERE slug = ANY({{}}))"


@dataclass(frozen=True)
class Scope:
    """Which products a listing is about. `parent_id` is the category whose children are offered as a filter."""

    where: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    parent_id: int | None = None
    has_brands: bool = True

    @staticmethod
    def of_category(category_id: int) -> "Scope":
        """A category with everything below it, also while it is being moved."""
        where = ("d.codes && (SELECT search_scope(:scope_category))",)
        return Scope(where, {"scope_category": category_id}, parent_id=category_id)

    @staticmethod
    def of_brand(brand_id: int) -> "Scope":
        return Scope(("d.codes && :scope_brand",), {"scope_brand": [code(codes.BRAND, brand_id)]}, has_brands=False)

    @staticmethod
    def of_rule(rule: Rule, name: str = "rule") -> "Scope":
        """A collection or a shelf: what fits appears by itself. The parameters' names begin with `name`."""
        where: list[str] = []
        values: dict[str, Any] = {}

        def ask(sql: str, field: str, value: Any) -> None:
            where.append(sql.format(f":{name}_{field}"))
            values[f"{name}_{field}"] = value

        if rule.brands:
            ask(f"d.codes && {BRANDS_CHOSEN}", "brands", list(rule.brands))
        if rule.categories:
            ask(f"d.codes && {SHELVES_CHOSEN}", "categories", list(rule.categories))
        if rule.tags:
            ask("d.codes && ARRAY(SELECT search_tag(tag) FROM unnest(CAST({} AS text[])) tag)", "tags", list(rule.tags))
        if rule.price_min is not None or rule.price_max is not None:
            where.extend(prices(rule.price_min, rule.price_max, f"{name}_price"))
            values.update({f"{name}_price_min": rule.price_min or 0, f"{name}_price_max": rule.price_max})
        if rule.new_days is not None:
            ask("d.published_at > now() - make_interval(days => {})", "days", rule.new_days)
        if rule.is_reduced:
            where.append(f"d.codes && ARRAY[{code(codes.REDUCED)}::bigint]")
        if rule.is_featured:
            where.append(f"d.codes && ARRAY[{code(codes.FEATURED)}::bigint]")
        return Scope(tuple(where), values)

    @property
    def is_whole_shelf(self) -> bool:
        """Whether this is a category or the whole shop, whose figures are counted beforehand."""
        return not self.where or "scope_category" in self.values


def prices(least: int | None, most: int | None, name: str) -> list[str]:
    """From `:name_min` to `:name_max`: the steps find them in the index, the amounts say exactly which."""
    upper = f"search_price_step(:{name}_max)" if most is not None else str(codes.HIGHEST_STEP)
    steps = f"generate_series(search_price_step(:{name}_min), {upper})"
    found = [
        f"d.codes && ARRAY(SELECT search_code({codes.PRICE_STEP}, step) FROM {steps} step)",
        f"d.price_minor >= :{name}_min",
    ]
    return found if most is None else [*found, f"d.price_minor <= :{name}_max"]


class Chosen:
    """The chosen filters as conditions, all of them or all but those of one kind, and their parameters."""

    def __init__(self, filters: Filters):
        self.filters = filters
        self.kinds = [kind for kind in filters.chosen if kind in ("category", "brand") or kind in filters.attributes]
        self.options = filters.options
        self.has_price = filters.price_min is not None or filters.price_max is not None
        self.names = {kind: f"chosen_{place}" for place, kind in enumerate(filters.chosen)}

    def values(self) -> dict[str, Any]:
        """Named parameters; codes and names are compared in lower case."""
        found: dict[str, Any] = {}
        for kind, values in self.filters.chosen.items():
            found[self.names[kind]] = [value.lower() for value in values]
            found[f"{self.names[kind]}_kind"] = kind
        if self.has_price:
            found |= {"price_min": self.filters.price_min or 0, "price_max": self.filters.price_max}
        return found

    def all_kinds(self) -> list[str]:
        """Every kind whose values are counted without itself."""
        return [*self.kinds, *self.options]

    def where(self, but: str | None = None) -> list[str]:
        found = [f"d.codes && {self.codes_of(kind)}" for kind in self.kinds if kind != but]
        options = [kind for kind in self.options if kind != but]
        found += list(self._options(options))
        if self.has_price and but != "price":
            found += prices(self.filters.price_min, self.filters.price_max, "price")
        if self.filters.in_stock:
            found.append("d.in_stock")
        return found

    def codes_of(self, kind: str) -> str:
        """The codes of what is chosen of a kind, as an array."""
        slugs = f":{self.names[kind]}"
        if kind == "category":
            return SHELVES_CHOSEN.format(slugs)
        if kind == "brand":
            return BRANDS_CHOSEN.format(slugs)
        if kind in self.options:
            what = codes.OPTION_IN_STOCK if self.filters.in_stock else codes.OPTION
            return f"ARRAY(SELECT search_code({what}, value.id) {self.values_of(kind)})"
        return f"""ARRAY(SELECT search_code({codes.ATTRIBUTE}, value.id)
            FROM attribute_values value JOIN attributes a ON a.id = value.attribute_id
            WHERE a.code = :{self.names[kind]}_kind
              AND (lower(value.code) = ANY({slugs}) OR lower(value.name) = ANY({slugs})))"""

    def values_of(self, kind: str, alias: str = "value") -> str:
        """FROM and WHERE of an option's chosen values, by code or by name."""
        name = self.names[kind]
        return f"""FROM option_values {alias} JOIN options {alias}_option ON {alias}_option.id = {alias}.option_id
            WHERE {alias}_option.code = :{name}_kind
              AND (lower({alias}.code) = ANY(:{name}) OR lower({alias}.name) = ANY(:{name}))"""

    def _options(self, kinds: list[str]) -> Iterator[str]:
        """Of one variant: one kind by itself, two by the pairs that exist, three or more by looking at the variants."""
        if len(kinds) == 1:
            yield f"d.codes && {self.codes_of(kinds[0])}"
        for place, one in enumerate(kinds):
            for other in kinds[place + 1 :]:
                pair = codes.PAIR_IN_STOCK if self.filters.in_stock else codes.PAIR
                yield f"""d.codes && ARRAY(
                    SELECT search_pair({pair}, one.id, other.id)
                    FROM (SELECT one.id {self.values_of(one, "one")}) one
                    CROSS JOIN (SELECT other.id {self.values_of(other, "other")}) other)"""
        if len(kinds) > 2:
            stock = "AND s.on_hand - s.reserved + s.backorder_limit > 0" if self.filters.in_stock else ""
            each = " ".join(
                f"""AND EXISTS (SELECT FROM variant_values link WHERE link.variant_id = v.id
                    AND link.option_value_id IN (SELECT value.id {self.values_of(kind)}))"""
                for kind in kinds
            )
            yield f"""EXISTS (SELECT FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id
                WHERE v.product_id = d.product_id AND v.is_active {stock} {each})"""
