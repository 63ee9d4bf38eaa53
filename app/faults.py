"""Every error has three faces: a page, a fragment for htmx, problem JSON for programs (RFC 9457)."""

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.lib import forgery
from app.lib.db import db, sqlstate
from app.lib.errors import Busy, Invalid, ShopError
from app.lib.htmx import wants_fragment

SENTENCES = {
    400: ("That request was not understood", "Go back, reload the page and try again."),
    403: ("Not allowed", "This page is not yours to open. Sign in with another account, or go back."),
    404: ("Nothing here", "The page may have moved, or the address has a typo. Try the search."),
    405: ("Not like this", "This address does not take that kind of request."),
    409: ("Not possible now", "Something changed in between. Reload the page and look again."),
    410: ("Gone", "This is no longer here."),
    413: ("Too large", "What was sent is too large. Send less, or a smaller file."),
    422: ("That did not work", "Check what was typed and try again."),
    429: ("Too many tries", "Wait a moment, then try again."),
}
OURS = ("Something broke on our side", "Nothing was lost. Try again in a moment; we have been told.")
NO_DATABASE = "The shop cannot reach its records right now. Nothing was lost; try again in a few seconds."


def init_app(app: Flask) -> None:
    app.register_error_handler(ShopError, shop_error)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _pool)
    app.register_error_handler(Exception, _fault)
    app.before_request(refuse_junk)
    app.before_request(refuse_blind)


def refuse_junk() -> None:
    """PostgreSQL text cannot hold NUL and UTF-8 cannot hold lone surrogates: refused at the edge with 422."""
    fields = [*request.args.items(multi=True), *((request.view_args or {}).items())]
    is_form = request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
    # A provider's message is read by its view, raw and up to its own limit; it is no form whatever it calls itself.
    if is_form and not forgery.is_exempt(request.endpoint):
        fields += [*request.form.items(multi=True)]
    for name, value in fields:
        if any("\x00" in str(text) or not _is_unicode(str(text)) for text in (name, value)):
            raise Invalid("The request holds characters that no text has. Type it again.")


def refuse_blind() -> None:
    """While the records are out of reach nobody can say who this is; only monitors are answered."""
    if "session_is_unknown" in g and not (request.endpoint or "").startswith("health."):
        raise Busy(NO_DATABASE)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def answer(status: int, title: str, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """The error in the shape the client asked for."""
    if wants_json():
        body = jsonify(type="about:blank", title=title, status=status, detail=sentence)
        result = make_response(body, status)
        result.mimetype = "application/problem+json"
    elif wants_fragment():
        result = make_response(render_template("errors/_notice.html", title=title, sentence=sentence), status)
        result.headers["HX-Retarget"] = "#notices"
        result.headers["HX-Reswap"] = "beforeend"
    else:
        template = "errors/404.html" if status in (404, 410) else "errors/error.html"
        page = render_template(template, status=status, title=title, sentence=sentence)
        result = make_response(page, status)
    result.headers.update(headers or {})
    result.headers["Cache-Control"] = "no-store"
    result.vary.add("HX-Request")
    return result


def wants_json() -> bool:
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json"


def shop_error(error: ShopError) -> Response:
    """The answer to a ShopError nobody caught."""
    db.session.rollback()
    return answer(error.status, error.title, error.sentence, error.headers())


def _http(error: HTTPException) -> Response:
    lost = getattr(error, "original_exception", None)
    if isinstance(lost, DBAPIError):  # the database went away while the session was being written, after the view
        return _database(lost)
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    title, sentence = SENTENCES.get(error.code, (error.name, OURS[1]))
    keep = {"Allow", "Retry-After", "WWW-Authenticate"}
    headers = {name: value for name, value in error.get_headers() if name in keep}
    return answer(error.code, title, sentence, headers)


def _database(error: DBAPIError) -> Response:
    """A value PostgreSQL cannot hold is the sender's fault; a lost or slow database is ours, and passes."""
    db.session.rollback()
    if isinstance(error, DataError):
        return shop_error(Invalid("One of the values is out of range. Check it and try again."))
    if isinstance(error, OperationalError) or error.connection_invalidated or sqlstate(error) == "57014":
        return shop_error(Busy(NO_DATABASE))
    return _fault(error)


def _pool(error: PoolTimeout) -> Response:
    return shop_error(Busy())


def _fault(error: Exception) -> Response:
    current_app.logger.exception("A fault at %s", request.path)
    db.session.rollback()
    return answer(500, *OURS)
