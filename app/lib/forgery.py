"""Refuses unsafe requests that another site caused, without a token in every form."""

from urllib.parse import urlsplit

from flask import Flask, current_app, request

from app.lib import runtime
from app.lib.errors import Forbidden

SAFE = {"GET", "HEAD", "OPTIONS"}
_exempt: set[str] = set()


def exempt(endpoint: str) -> None:
    """For endpoints that prove their sender another way: signed webhooks, bearer tokens."""
    _exempt.add(endpoint)


def is_exempt(endpoint: str | None) -> bool:
    return endpoint in _exempt


def init_app(app: Flask) -> None:
    app.before_request(check)


def check() -> None:
    """Raises Forbidden unless the request comes from a page of this shop.

    Source: Fetch Metadata (W3C): a browser sends Sec-Fetch-Site itself and no script can forge it; browsers
    too old for it send Origin with every POST.
    """
    if request.method in SAFE or is_exempt(request.endpoint):
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site == "same-origin":
            return
    elif request.headers.get("Origin") in own_origins():
        return
    current_app.logger.warning("Refused a request from elsewhere to %s", request.path)
    raise Forbidden("This request did not come from a page of this shop. Open the page again and retry.")


def own_origins() -> set[str]:
    """The configured address; in development also the address the browser used (localhost, 127.0.0.1)."""
    parts = urlsplit(runtime.settings().shop_url)
    origins = {f"{parts.scheme}://{parts.netloc}"}
    if not runtime.settings().is_production:
        origins.add(request.host_url.rstrip("/"))
    return origins
