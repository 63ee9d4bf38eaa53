"""Facts that products have: staff say which there are, and what each product's are."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.catalog.models import Attribute, AttributeValue, Option, Product, product_attributes
from app.catalog.overtaken import refuse_other_mark
from app.catalog.shown import AttributeFields
from app.lib.db import transaction
from app.lib.errors import Busy, Invalid, NotAllowed, NotFound
from app.lib.slugs import free_slug

LONGEST = 60
MOST_ATTRIBUTES = 100
MOST_VALUES = 20  # of one attribute, for one product
MOST_POSITION = 100_000
TRIES = 20

# What an address of a listing says already; an attribute that is a facet may not be called the same.
TAKEN = {"q", "page", "after", "sort", "category", "brand", "price_min", "price_max", "in_stock", "sku", "tag"}


def create_attribute(name: str, *, is_filterable: bool = False) -> Attribute:
    """A new fact products can have, last in order. Raises Invalid for a name that cannot be used or is taken."""
    name = _name(name)
    with transaction() as current:
        for _ in range(TRIES):
            codes = TAKEN | set(current.scalars(select(Attribute.code))) | set(current.scalars(select(Option.code)))
            _check_name(current, name)
            last = current.scalar(select(func.count()).select_from(Attribute)) or 0
            if last >= MOST_ATTRIBUTES:
                raise Invalid(f"There are at most {MOST_ATTRIBUTES} attributes.", "name")
            code = free_slug(name, codes.__contains__)
            new = insert(Attribute).values(code=code, name=name, is_filterable=is_filterable, position=last)
            made = current.scalar(new.on_conflict_do_nothing(index_elements=["code"]).returning(Attribute.id))
            if made is not None:
                return current.get_one(Attribute, made)
    raise Busy()


def edit_attribute(attribute_id: int, *, name: str, is_filterable: bool, position: int, seen: str = "") -> Attribute:
    """Rename it, put it somewhere else, make it a facet of listings or none.

    `seen` is the mark of the AttributeFields that were shown. Raises Invalid, NotFound, and Overtaken when somebody
    else saved other ones meanwhile.
    """
    name = _name(name)
    if not 0 <= position <= MOST_POSITION:
        raise Invalid(f"Enter a place from 0 to {MOST_POSITION}.", "position")
    with transaction() as current:
        attribute = _attribute(current, attribute_id)
        typed = AttributeFields(name, is_filterable, position)
        refuse_other_mark(typed, seen, AttributeFields.of(attribute), "name")
        _check_name(current, name, but=attribute_id)
        attribute.name, attribute.is_filterable, attribute.position = name, is_filterable, position
    return attribute


def delete_attribute(attribute_id: int) -> None:
    """Remove one that no product has. Raises NotAllowed with the count otherwise, NotFound."""
    with transaction() as current:
        attribute = _attribute(current, attribute_id)
        having = (
            select(func.count(product_attributes.c.product_id.distinct()))
            .join(AttributeValue, AttributeValue.id == product_attributes.c.attribute_value_id)
            .where(AttributeValue.attribute_id == attribute_id)
        )
        count = current.scalar(having) or 0
        if count:
            products = "1 product says" if count == 1 else f"{count} products say"
            raise NotAllowed(f"{products} what its {attribute.name} is. Empty it there first.")
        current.delete(attribute)


def set_attributes(product_id: int, facts: Mapping[str, Sequence[str]]) -> None:
    """Say what a product's facts are, by the attribute's code; one without values has none any more.

    Values that do not exist yet are made. Raises Invalid with the code as its field, NotFound.
    """
    with transaction() as current:
        if current.scalar(select(Product.id).where(Product.id == product_id).with_for_update()) is None:
            raise NotFound("This product no longer exists.")
        known = {it.code: it for it in current.scalars(select(Attribute).where(Attribute.code.in_(facts)))}
        wanted: list[int] = []
        for code, names in facts.items():
            if code not in known:
                raise Invalid("This attribute no longer exists. Reload the page.", code)
            wanted += [value_of(current, known[code], name) for name in _values(names, code)]
        mine = select(AttributeValue.id).where(AttributeValue.attribute_id.in_([it.id for it in known.values()]))
        had = product_attributes.c
        current.execute(
            delete(product_attributes).where(had.product_id == product_id, had.attribute_value_id.in_(mine))
        )
        if wanted:
            rows = [{"product_id": product_id, "attribute_value_id": value_id} for value_id in dict.fromkeys(wanted)]
            current.execute(insert(product_attributes), rows)


def _name(typed: str) -> str:
    name = " ".join(typed.split())
    if not name or len(name) > LONGEST:
        raise Invalid(f"Give it a name of at most {LONGEST} characters.", "name")
    return name


def _check_name(current: Session, name: str, but: int = 0) -> None:
    same = select(Attribute.id).where(func.lower(Attribute.name) == name.lower(), Attribute.id != but)
    if current.scalar(same) is not None:
        raise Invalid(f"There is an attribute “{name}” already.", "name")


def _attribute(current: Session, attribute_id: int) -> Attribute:
    attribute = current.get(Attribute, attribute_id, with_for_update=True, populate_existing=True)
    if attribute is None:
        raise NotFound("This attribute no longer exists.")
    return attribute


def _values(names: Sequence[str], code: str) -> list[str]:
    kept = list(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
    if len(kept) > MOST_VALUES or any(len(name) > LONGEST for name in kept):
        raise Invalid(f"At most {MOST_VALUES} values of at most {LONGEST} characters each.", code)
    return kept


def value_of(current: Session, attribute: Attribute, name: str) -> int:
    """The value of that name, made where there is none. Two names may make one code ("Grün" and "Grun").

    The codes are read before the name is looked for: who names it meanwhile takes the code that would be ours.
    """
    by_name = select(AttributeValue.id).where(
        AttributeValue.attribute_id == attribute.id, func.lower(AttributeValue.name) == name.lower()
    )
    for _ in range(TRIES):
        codes = set(current.scalars(select(AttributeValue.code).where(AttributeValue.attribute_id == attribute.id)))
        found = current.scalar(by_name)
        if found is not None:
            return found
        new = insert(AttributeValue).values(
            attribute_id=attribute.id,
            code=free_slug(name, codes.__contains__),
            name=name,
            position=len(codes),
        )
        current.execute(new.on_conflict_do_nothing(index_elements=["attribute_id", "code"]))
    raise Busy()
