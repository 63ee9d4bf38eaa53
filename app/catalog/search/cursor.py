"""Where a page ended, for the page after it: bound to its question, so that one from another search says nothing."""

import base64
import binascii
import hashlib
from typing import NamedTuple

LONGEST = 100


class Cursor(NamedTuple):
    """The last row of a page: its sort key, its product, and whether it was in stock."""

    key: int
    product_id: int
    in_stock: bool

    @staticmethod
    def bound_to(*question: object) -> str:
        """A few letters that say which question a cursor belongs to; the same in every process."""
        return hashlib.blake2b(repr(question).encode(), digest_size=4).hexdigest()

    @staticmethod
    def read(typed: str, bound: str) -> "Cursor | None":
        """None for anything that is not a cursor of this question."""
        if not typed or len(typed) > LONGEST:
            return None
        try:
            key, product_id, in_stock, of = base64.urlsafe_b64decode(typed + "==").decode("ascii").split(".")
            found = Cursor(int(key), int(product_id), in_stock == "1")
        except (ValueError, binascii.Error):
            return None
        fits = all(-(1 << 63) <= number < 1 << 63 for number in found[:2])
        return found if of == bound and fits else None

    def written(self, bound: str) -> str:
        plain = f"{self.key}.{self.product_id}.{int(self.in_stock)}.{bound}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
