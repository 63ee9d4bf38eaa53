"""Attributes and related products as staff see them."""

from typing import NamedTuple

from sqlalchemy import select, text

from app.catalog.models import Attribute
from app.catalog.overtaken import mark_of
from app.catalog.shown import AttributeFields
from app.catalog.staff_queries import LIKE_SPECIAL
from app.lib.db import session


class AttributeRow(NamedTuple):
    """An attribute, how many products have it, and its values."""

    id: int
    code: str
    name: str
    is_filterable: bool
    position: int
    products: int
    values: list[str]

    @property
    def seen(self) -> str:
        """The mark of what its form shows."""
        return mark_of(AttributeFields(self.name, self.is_filterable, self.position))


ATTRIBUTES = text("""
    SELECT a.id, a.code, a.name, a.is_filterable, a.position,
        (SELECT count(DISTINCT p.product_id) FROM product_attributes p
         JOIN attribute_values v ON v.id = p.attribute_value_id WHERE v.attribute_id = a.id) AS products,
        (SELECT coalesce(json_agg(v.name ORDER BY v.position, v.id), '[]') FROM attribute_values v
         WHERE v.attribute_id = a.id) AS values
    FROM attributes a ORDER BY a.position, a.name, a.id
""")


def attributes() -> list[AttributeRow]:
    return [AttributeRow(*row) for row in session().execute(ATTRIBUTES)]


def attribute_id(code: str) -> int | None:
    return session().scalar(select(Attribute.id).where(Attribute.code == code))


class Fact(NamedTuple):
    """An attribute with a product's values, and those other products have."""

    code: str
    name: str
    words: str
    known: list[str]


FACTS = text("""
    SELECT a.code, a.name,
        coalesce(string_agg(v.name, ', ' ORDER BY v.position, v.id) FILTER (WHERE p.product_id IS NOT NULL), '')
            AS words,
        coalesce((
            SELECT json_agg(k.name) FROM (
                SELECT name FROM attribute_values WHERE attribute_id = a.id ORDER BY position, id LIMIT 50
            ) k), '[]') AS known
    FROM attributes a
    LEFT JOIN attribute_values v ON v.attribute_id = a.id
    LEFT JOIN product_attributes p ON p.attribute_value_id = v.id AND p.product_id = :id
    GROUP BY a.id ORDER BY a.position, a.name, a.id
""")


def facts_of(product_id: int) -> list[Fact]:
    """Every attribute, with what it is for this product."""
    return [Fact(*row) for row in session().execute(FACTS, {"id": product_id})]


class Chosen(NamedTuple):
    id: int
    name: str
    slug: str
    status: str


RELATED = text("""
    SELECT p.id, p.name, p.slug, p.status FROM related_products r JOIN products p ON p.id = r.related_id
    WHERE r.product_id = :id ORDER BY r.position, p.id
""")

# An exact SKU is the answer; else the names that hold the words.
FIND = text("""
    SELECT p.id, p.name, p.slug, p.status FROM products p
    WHERE p.id <> :id AND p.status <> 'archived' AND (
        p.id IN (SELECT product_id FROM variants WHERE upper(sku) = upper(:typed))
        OR p.name ILIKE '%' || :part || '%' ESCAPE '\\')
    ORDER BY p.id NOT IN (SELECT product_id FROM variants WHERE upper(sku) = upper(:typed)),
        lower(p.name) <> lower(:typed), p.name, p.id LIMIT 10
""")


def related_to(product_id: int) -> list[Chosen]:
    return [Chosen(*row) for row in session().execute(RELATED, {"id": product_id})]


def find_related(product_id: int, typed: str) -> list[Chosen]:
    """Products that could be meant, the likeliest first; at most ten."""
    values = {"id": product_id, "typed": typed, "part": typed.translate(LIKE_SPECIAL)}
    return [Chosen(*row) for row in session().execute(FIND, values)]
