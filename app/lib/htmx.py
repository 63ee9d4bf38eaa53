"""Pages and fragments: one answer for a browser without htmx, and a smaller one for htmx."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request

from app.lib.notices import notice


def wants_fragment() -> bool:
    """Whether htmx asked for a piece of the page; boosted links and history want the whole page."""
    headers = request.headers
    if headers.get("HX-Request") != "true":
        return False
    return headers.get("HX-Boosted") != "true" and headers.get("HX-History-Restore-Request") != "true"


def moved(url: str) -> Response:
    """The same question stands at another address, for good (301)."""
    query = request.query_string.decode("ascii", "ignore")
    return make_response(redirect(f"{url}?{query}" if query else url, 301))


def respond(
    fragment: str | None = None,
    *,
    page: str | None = None,
    then: str | None = None,
    status: int = 200,
    also: Iterable[str] = (),
    trigger: dict[str, Any] | None = None,
    say: str | None = None,
    **context: Any,
) -> Response:
    """Answer with `fragment` for htmx, else with `page` or a redirect to `then`.

    `also` names fragments that ride along out of band. `say` is a notice: a toast for htmx, else shown on
    the page that follows. Without a `fragment`, `then` is followed by htmx as well.
    """
    if wants_fragment():
        answer = _fragment(fragment, then, status, also, trigger, say, context)
    elif then is not None and status < 400:
        if say:
            notice(say)
        answer = make_response(redirect(then, 303))
    elif page is not None:
        answer = make_response(render_template(page, **context), status)
    else:
        raise ValueError("respond() needs a page or a place to go.")
    answer.vary.add("HX-Request")
    return answer


def _fragment(
    fragment: str | None,
    then: str | None,
    status: int,
    also: Iterable[str],
    trigger: dict[str, Any] | None,
    say: str | None,
    context: dict[str, Any],
) -> Response:
    if fragment is None:
        if then is None:
            raise ValueError("respond() needs a fragment or a place to go.")
        if say:
            notice(say)
        answer = make_response("", 200)
        answer.headers["HX-Redirect"] = then
        return answer
    body = render_template(fragment, **context)
    body += "".join(render_template(name, **{**context, "oob": True}) for name in also)
    answer = make_response(body, status)
    events = dict(trigger or {})
    if say:
        events["toast"] = {"text": say}
    if events:
        answer.headers["HX-Trigger"] = json.dumps(events)
    return answer


def local_path(target: str | None, default: str) -> str:
    """`target` when it is a path of this site, else `default`: no redirect leaves the shop."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return default
    if any(ord(letter) < 33 or letter == "\\" for letter in target):
        return default
    parts = urlsplit(target)
    # A double slash further in, as in /..//evil.example, leaves the site once somebody on the way tidies the path.
    return default if parts.scheme or parts.netloc or "//" in parts.path else target
