"""What of a page is each shopper's own: the number on the badge of the cart, from the signed cookie."""

from functools import lru_cache

from flask import Flask

from app.cart import cookie
from app.lib import notices
from app.lib.http_headers import PRIVATE_COOKIES
from app.lib.pagecache import Shell

MARK = b'id="cart-badge"'


def shell(app: Flask) -> Shell:
    """For the pages that are kept. Who has a notice to read gets a page of their own."""
    template = app.jinja_env.get_template("cart/_badge.html")

    @lru_cache(maxsize=1024)
    def badge(quantity: int) -> bytes:
        return template.render(cart_quantity=quantity).encode()

    def fill(header: str) -> bytes:
        return badge(cookie.quantity_in(header, str(app.secret_key)))

    return Shell(badge(0), MARK, fill, cookies=PRIVATE_COOKIES, refused=[notices.COOKIE])
