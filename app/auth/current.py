"""Who is signed in, and what only they may open."""

import functools
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from blinker import Namespace
from flask import Response, current_app, g, request, session
from flask_login import current_user, login_user, logout_user

from app.auth.models import User
from app.lib.errors import Forbidden
from app.lib.htmx import local_path, respond

__all__ = [
    "begin",
    "current_user",
    "end",
    "private",
    "renew",
    "signed_in",
    "signed_in_signal",
    "signed_out_signal",
    "staff_only",
]

log = logging.getLogger(__name__)

# Sent inside the request, after somebody signed in: receivers get (app, user=…). Also before they leave.
_signals = Namespace()
signed_in_signal = _signals.signal("signed in")
signed_out_signal = _signals.signal("signed out")

View = Callable[..., Any]


def begin(user: User) -> None:
    """Sign them in: a session with a new name, holding nothing of somebody else's."""
    if session.get("user_row") not in (None, user.id):
        session.clear()
    session.pop("csrf_token", None)
    session["user_row"] = user.id
    session["version"] = user.session_version
    session.new_token()  # type: ignore[attr-defined]
    login_user(user)
    signed_in_signal.send(current_app._get_current_object(), user=user)  # type: ignore[attr-defined]


def renew(user: User) -> None:
    """The same person after a new password or role: their session goes on under a new name."""
    session["version"] = user.session_version
    session.new_token()  # type: ignore[attr-defined]


def end() -> None:
    """Sign them out; the session's row goes with the answer, so a copied cookie opens nothing."""
    if current_user.is_authenticated:
        signed_out_signal.send(current_app._get_current_object(), user=current_user)  # type: ignore[attr-defined]
    logout_user()
    session.clear()


def private(view: View) -> View:
    """The page is one person's: no cache keeps it, so Back after logging out shows nothing."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.is_private = True
        return view(*args, **kwargs)

    return guarded


def signed_in(view: View) -> View:
    """Only for somebody signed in, whose address is therefore proved; others are sent to log in, and back."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.is_private = True
        if not current_user.is_authenticated:
            return to_login()
        return view(*args, **kwargs)

    return guarded


def staff_only(view: View) -> View:
    """Only for staff and owners. Raises Forbidden for a shopper."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.is_private = True
        if not current_user.is_authenticated:
            return to_login()
        if not current_user.is_staff:
            log.warning("User %s may not open %s", current_user.public_id, request.endpoint)
            raise Forbidden("This page is for the people who work here. Log in with a staff account.")
        return view(*args, **kwargs)

    return guarded


def to_login() -> Response:
    """To the login page, which leads back to this page; after a POST to the page it was sent from."""
    here = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else _sent_from()
    target = local_path(here, "")
    return respond(then="/auth/login" + (f"?{urlencode({'next': target})}" if target else ""))


def _sent_from() -> str:
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    except ValueError:  # such as http://[
        return ""
    if parts.netloc != request.host:
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")
