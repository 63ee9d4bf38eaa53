"""Addresses made of words."""

from collections.abc import Callable

from slugify import slugify

LONGEST = 80


def slug_of(name: str) -> str:
    """A non-empty ASCII slug: "Café Tür" is `cafe-tur`; a name without letters becomes `x`."""
    return slugify(name, max_length=LONGEST, word_boundary=True) or "x"


def free_slug(name: str, is_taken: Callable[[str], bool]) -> str:
    """The first of `red-shoe`, `red-shoe-2`, `red-shoe-3`, … that is not taken."""
    base = slug_of(name)
    candidate, number = base, 1
    while is_taken(candidate):
        number += 1
        candidate = f"{base}-{number}"
    return candidate
