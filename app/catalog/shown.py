"""What the forms of categories, brands and attributes show and save, to be compared with what is there by now."""

from dataclasses import dataclass

from app.catalog.models import Attribute, Brand, Category


@dataclass(frozen=True, slots=True)
class CategoryFields:
    name: str
    slug: str
    parent_id: int | None
    description: str
    position: int

    @staticmethod
    def of(category: Category) -> "CategoryFields":
        return CategoryFields(category.name, category.slug, category.parent_id, category.description, category.position)


@dataclass(frozen=True, slots=True)
class BrandFields:
    name: str
    slug: str
    description: str

    @staticmethod
    def of(brand: Brand) -> "BrandFields":
        return BrandFields(brand.name, brand.slug, brand.description)


@dataclass(frozen=True, slots=True)
class AttributeFields:
    name: str
    is_filterable: bool
    position: int

    @staticmethod
    def of(attribute: Attribute) -> "AttributeFields":
        return AttributeFields(attribute.name, attribute.is_filterable, attribute.position)
