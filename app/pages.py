"""Pages that only say something: the terms, the privacy notice, delivery."""

from flask import Blueprint, Response, make_response, render_template

from app import shipping
from app.lib import runtime

bp = Blueprint("pages", __name__)


@bp.get("/terms")
def terms() -> Response:
    return make_response(render_template("pages/terms.html", version=runtime.settings().terms_version))


@bp.get("/privacy")
def privacy() -> Response:
    return make_response(render_template("pages/privacy.html"))


@bp.get("/delivery")
def delivery() -> Response:
    return make_response(render_template("pages/delivery.html", methods=shipping.methods()))
