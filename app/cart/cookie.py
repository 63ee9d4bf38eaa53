"""The cart cookie: which cart, and how many units, signed, so that the badge costs no SQL."""

from dataclasses import dataclass
from functools import lru_cache

from flask import Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.sansio.http import parse_cookie

COOKIE = "cart"
DAYS = 90
SALT = "cart"


@dataclass(frozen=True)
class CartCookie:
    token: str
    quantity: int


def read() -> CartCookie | None:
    """What the browser brought, when it is ours and unaltered."""
    raw = request.cookies.get(COOKIE)
    return _read(raw, _serializer()) if raw else None


def _read(raw: str, serializer: URLSafeSerializer) -> CartCookie | None:
    if len(raw) > 300:
        return None
    try:
        token, quantity = serializer.loads(raw)
        return CartCookie(str(token), int(quantity))
    except (BadSignature, ValueError, TypeError):
        return None


def quantity_in(header: str, secret_key: str) -> int:
    """The number on the badge for a Cookie header, without a request; 0 without a cookie of ours."""
    raw = parse_cookie(header).get(COOKIE)
    return _quantity(raw, secret_key) if raw else 0


@lru_cache(maxsize=4096)
def _quantity(raw: str, secret_key: str) -> int:
    found = _read(raw, URLSafeSerializer(secret_key, salt=SALT))
    return found.quantity if found else 0


def cart_quantity() -> int:
    """The number on the badge: what this request changed it to, else what the cookie says."""
    if "cart_cookie" in g:
        return g.cart_cookie.quantity if g.cart_cookie else 0
    found = read()
    return found.quantity if found else 0


def remember(token: str, quantity: int) -> None:
    """Write the cookie with the answer to this request."""
    g.cart_cookie = CartCookie(token, quantity)


def forget() -> None:
    g.cart_cookie = None


def write(answer: Response) -> Response:
    """After each request: the cookie, when the cart changed."""
    if "cart_cookie" not in g:
        return answer
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    if g.cart_cookie is None:
        answer.delete_cookie(COOKIE, secure=secure, samesite="Lax", httponly=True)
        return answer
    found = read()
    if found == g.cart_cookie:
        return answer
    answer.set_cookie(
        COOKIE,
        str(_serializer().dumps([g.cart_cookie.token, g.cart_cookie.quantity])),
        max_age=DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=secure,
    )
    return answer


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt=SALT)
