"""What a page tells search engines and whoever shares it: title, description, its one address, a picture, facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.lib import runtime

LONGEST_DESCRIPTION = 155  # characters a search engine shows


class Alternate(NamedTuple):
    """The same page in another language."""

    language: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """`path` is the page's one address, without host and query; `page` of a list is part of that address from 2 on.

    `robots` is empty for a page that may be found. `image` is the address of a picture, `facts` are schema.org.
    """

    title: str
    description: str
    path: str
    page: int = 1
    has_more: bool = False
    robots: str = ""
    image: str | None = None
    image_alt: str = ""
    kind: str = "website"
    facts: Sequence[dict[str, Any]] = ()

    @property
    def site(self) -> str:
        return str(runtime.settings().shop_name)

    @property
    def canonical(self) -> str:
        return self._numbered(self.page)

    @property
    def before(self) -> str | None:
        return self._numbered(self.page - 1) if self.page > 1 else None

    @property
    def after(self) -> str | None:
        return self._numbered(self.page + 1) if self.has_more else None

    @property
    def image_url(self) -> str | None:
        return absolute(self.image) if self.image else None

    @property
    def alternates(self) -> list[Alternate]:
        """The one place that knows in which languages a page exists: today in the shop's own, so there is none."""
        return []

    def _numbered(self, page: int) -> str:
        return absolute(self.path if page == 1 else f"{self.path}?page={page}")


def absolute(path: str) -> str:
    """An address with the shop's host; one that has a host already, such as a picture on a CDN, stays."""
    return path if path.startswith(("http://", "https://")) else runtime.settings().shop_url + path


def summary(text: str) -> str:
    """The first words of a text, as many as a search engine shows."""
    words = " ".join(text.split())
    if len(words) <= LONGEST_DESCRIPTION:
        return words
    return words[: LONGEST_DESCRIPTION - 1].rsplit(" ", 1)[0] + "…"
