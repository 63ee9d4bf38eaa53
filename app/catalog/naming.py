"""Names, texts and slugs as every part of the catalogue takes them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.catalog.addresses import not_free
from app.catalog.models import Brand, Category, Product
from app.lib.db import violated
from app.lib.errors import Busy, Invalid
from app.lib.slugs import free_slug, slug_of

LONGEST_NAME = 200
LONGEST_TEXT = 20_000
LONGEST_TAG = 40
MOST_TAGS = 30
TRIES = 100
M = TypeVar("M", Category, Brand, Product)


def name_of(typed: str) -> str:
    """One line without needless spaces. Raises Invalid when nothing is left or it is too long."""
    name = " ".join(typed.split())
    if not name:
        raise Invalid("Give it a name.", "name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"The name is longer than {LONGEST_NAME} characters. Shorten it.", "name")
    return name


def text_of(typed: str, field: str) -> str:
    """Lines ended in one way. Raises Invalid with the field when it is too long."""
    kept = typed.replace("\r\n", "\n").strip()
    if len(kept) > LONGEST_TEXT:
        raise Invalid(f"The text is longer than {LONGEST_TEXT:,} characters. Shorten it.", field)
    return kept


def tags_of(typed: Sequence[str]) -> list[str]:
    """In lower case, each once, in order. Raises Invalid for too many or too long ones."""
    tags = list(dict.fromkeys(" ".join(tag.lower().split()) for tag in typed if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise Invalid(f"A product has at most {MOST_TAGS} tags of at most {LONGEST_TAG} characters each.", "tags")
    return tags


def with_free_slug(current: Session, model: type[M], name: str, make: Callable[[str], M]) -> M:
    """Insert with the first free slug. When two want one at once, the unique key says who retries."""
    base = slug_of(name)
    for _ in range(TRIES):
        alike = select(model.slug).where((model.slug == base) | model.slug.regexp_match(f"^{base}-[0-9]+$"))
        taken = set(current.scalars(alike)) | not_free(current, model, base)
        row = make(free_slug(name, taken.__contains__))
        try:
            with current.begin_nested():
                current.add(row)
                current.flush()
            return row
        except IntegrityError as error:
            if violated(error) != f"uq_{model.__tablename__}_slug":
                raise
    raise Busy()
