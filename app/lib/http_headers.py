"""What every answer says to the browser about itself."""

from collections.abc import Iterable

from flask import Flask, Response, g, request

from app.lib import runtime, storage
from app.lib.notices import has_notices

PRIVATE_COOKIES = ("session", "__Host-session", "cart")


def init_app(app: Flask) -> None:
    @app.after_request
    def add(answer: Response) -> Response:
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        answer.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        answer.headers.setdefault("Content-Security-Policy", policy())
        if runtime.settings().is_tls:
            answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if answer.mimetype == "text/html":
            answer.vary.add("HX-Request")
        if "Cache-Control" not in answer.headers:
            answer.headers["Cache-Control"] = "no-cache" if is_for_everybody() else "private, no-store"
        return answer


def policy() -> str:
    """The Content-Security-Policy: nothing inline, forms to ourselves and the providers that take payments.

    Pictures and static files may come from the bucket or the CDN that the settings name, and from nowhere else.
    """
    files = " ".join(["'self'", *sorted(storage.origins())])
    cdn = " ".join(filter(None, ["'self'", storage.origin_of(runtime.settings().cdn_url)]))
    form_action = " ".join(["'self'", *sorted(g.get("form_action", ()))])
    return (
        f"default-src 'self'; script-src {cdn}; style-src {cdn}; img-src {files} data:; font-src {cdn}; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {form_action}"
    )


def allow_forms_to(origins: Iterable[str]) -> None:
    """Let a form of this answer lead to other sites: a browser checks redirects after a POST as well."""
    g.form_action = set(g.get("form_action", ())) | set(origins)


def is_for_everybody() -> bool:
    """Whether the answer holds nothing of one person: a visitor without cookies of ours, only looking."""
    if request.method not in ("GET", "HEAD") or has_notices():
        return False
    return not any(name in request.cookies for name in PRIVATE_COOKIES) and not g.get("is_private")
