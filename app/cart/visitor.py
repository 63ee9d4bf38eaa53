"""Whose cart this request is about, and its cookie."""

from flask import Flask, g
from flask_login import current_user

from app.auth.current import signed_in_signal, signed_out_signal
from app.cart import cookie, queries, services
from app.cart.queries import CartView, Whose
from app.lib.notices import notice


def whose() -> Whose:
    """The signed-in shopper's cart, else the one this browser's cookie names."""
    found = cookie.read()
    user_id = current_user.id if current_user.is_authenticated else None
    return Whose(found.token if found else None, user_id)


def show() -> CartView:
    """The cart as it is; the badge is corrected when another device changed it."""
    person = whose()
    view = queries.view(person)
    if cookie.read() and person.token and "cart_cookie" not in g:
        cookie.remember(person.token, view.quantity)
    return view


def remember(token: str | None, quantity: int) -> None:
    """The badge shows `quantity` from now on."""
    cookie.remember(token or "signed-in", quantity)


def init_app(app: Flask) -> None:
    app.after_request(cookie.write)
    signed_in_signal.connect(_merge, weak=False)
    signed_out_signal.connect(_leave, weak=False)


def _leave(_sender: object, user: object) -> None:
    """The cart stays in the account; a shared computer shows nothing of it."""
    cookie.forget()


def _merge(_sender: object, user: object) -> None:
    """Signing in brings the browser's cart along, and says what came of it."""
    found = cookie.read()
    merged = services.merge(found.token if found else None, user.id)  # type: ignore[attr-defined]
    if merged.quantity:
        remember(found.token if found else None, merged.quantity)
    elif found:
        cookie.forget()
    if merged.sentences:
        notice("Your carts are one now: " + "; ".join(merged.sentences) + ".")
