"""Pages of a list: a number from an address, checked."""

from dataclasses import dataclass

LAST_PAGE = 1000


@dataclass(frozen=True)
class Page:
    """Page `number` (from 1) of `size` rows; `has_more` once the rows are known.

    `after` is the cursor of the page before, in lists that have one.
    """

    number: int
    size: int
    has_more: bool = False
    after: str = ""

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def page_from(text: str | None, size: int) -> Page:
    """Anything that is not a page number from 1 to 1000 means the first page."""
    if text and text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LAST_PAGE:
        return Page(int(text[:9]), size)
    return Page(1, size)
