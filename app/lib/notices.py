"""One sentence for the next page: in a short-lived signed cookie, so that a visitor needs no session for it."""

from typing import Any

from flask import Flask, Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "notice"
SECONDS = 60


def notice(sentence: str, tone: str = "info") -> None:
    """Show `sentence` on the next page. Tones: info, ok, warn, bad."""
    g.setdefault("notices_to_send", []).append((sentence, tone))


def notices() -> list[tuple[str, str]]:
    """What the page before this one wanted to say: (sentence, tone) each; asked once, it is gone."""
    if "notices_read" in g:
        return []
    g.notices_read = True
    found = _read()
    if found:
        g.notices_shown = True
    return found


def has_notices() -> bool:
    """Whether this request carries a notice, so that its answer is nobody else's."""
    return COOKIE in request.cookies


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="notice")


def _read() -> list[tuple[str, str]]:
    raw = request.cookies.get(COOKIE)
    if not raw:
        return []
    try:
        rows: list[Any] = _serializer().loads(raw, max_age=SECONDS)
    except BadSignature:
        return []
    return [(str(sentence), str(tone)) for sentence, tone in rows]


def init_app(app: Flask) -> None:
    app.jinja_env.globals["notices"] = notices

    @app.after_request
    def write(answer: Response) -> Response:
        waiting = g.get("notices_to_send")
        if waiting:
            answer.set_cookie(
                COOKIE,
                _serializer().dumps(waiting),
                max_age=SECONDS,
                httponly=True,
                samesite="Lax",
                secure=app.config["SESSION_COOKIE_SECURE"],
            )
        elif g.get("notices_shown"):
            answer.delete_cookie(COOKIE)
        return answer
