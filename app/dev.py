"""For developers only: the letters that would have been sent."""

from email.message import EmailMessage

from flask import Blueprint, Response, abort, g, make_response

from app.lib import runtime
from app.lib.htmx import respond
from app.lib.mail import captured

bp = Blueprint("dev", __name__)


@bp.before_request
def only_in_development() -> None:
    g.is_private = True
    if runtime.settings().is_production:
        abort(404)


@bp.get("/dev/mail")
def mail() -> Response:
    return respond("dev/_mail.html", page="dev/mail.html", letters=list(enumerate(captured()))[::-1])


@bp.get("/dev/mail/<int:number>")
def letter(number: int) -> Response:
    """One letter's HTML as a mail program would show it; its own policy allows the styles inside it."""
    part = _letter(number).get_body(("html",))
    if part is None:
        abort(404)
    answer = make_response(part.get_content())
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"
    return answer


@bp.get("/dev/mail/<int:number>/text")
def letter_text(number: int) -> Response:
    part = _letter(number).get_body(("plain",))
    if part is None:
        abort(404)
    answer = make_response(part.get_content())
    answer.mimetype = "text/plain"
    return answer


@bp.get("/dev/mail/<int:number>/attached/<name>")
def letter_attachment(number: int, name: str) -> Response:
    part = next((part for part in _letter(number).iter_attachments() if part.get_filename() == name), None)
    if part is None:
        abort(404)
    answer = make_response(part.get_content())
    answer.mimetype = part.get_content_type()
    return answer


def _letter(number: int) -> EmailMessage:
    letters = captured()
    if number >= len(letters):
        abort(404)
    return letters[number]
