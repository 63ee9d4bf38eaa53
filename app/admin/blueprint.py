"""The door to the staff desk: every page under /admin passes here, so none can forget to ask who it is."""

import functools
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, request
from flask_login import current_user

from app.admin import menu
from app.auth.current import staff_only
from app.lib import pagecache
from app.lib.errors import Forbidden
from app.orders.services import Actor

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.before_request
@staff_only
def gate() -> None:
    """Visitors are sent to log in, shoppers away; what changes something carries the page's token as well."""
    current_app.extensions["csrf"].protect()


@bp.after_request
def tell_everybody(answer: Response) -> Response:
    """Whoever looks at the shop after an edit sees it, whichever process answers them."""
    if request.method == "POST" and answer.status_code < 400:
        pagecache.wait_until_known()
    return answer


@bp.context_processor
def frame() -> dict[str, Any]:
    """What layouts/admin.html wants. Error pages are made with it too, before anybody knows who is there."""
    return {"staff_menu": menu.Menu(current_user), "staff": menu.Badge(current_user)}


def owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Only for owners. Raises Forbidden for other staff."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user.role != "owner":
            raise Forbidden("Only an owner of the shop may open this page.")
        return view(*args, **kwargs)

    return guarded


def actor() -> Actor:
    """Who does it, for the events."""
    return Actor.of(current_user)
