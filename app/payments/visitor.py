"""Who presses Pay, read from the request."""

from flask import request, session
from flask_login import current_user

from app.cart import cookie
from app.lib.ratelimit import network_of
from app.payments.payers import Payer


def payer(phone: str = "") -> Payer:
    """The shopper of this request; `phone` is the number to be charged, as it was typed."""
    return Payer(phone=phone, session=_session(), network=network_of(request.remote_addr or ""))


def _session() -> str:
    """The account, else the browser: its cart's name outlives the purchase, its session begins with it."""
    if current_user.is_authenticated:
        return f"user {current_user.id}"
    found = cookie.read()
    return found.token if found else str(getattr(session, "token", None) or "")
