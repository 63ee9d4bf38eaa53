"""Pages that only say something: the terms, the privacy notice, delivery."""

from flask import Blueprint, Response, make_response, render_template

from app import shipping
from app.lib import pagecache, runtime

bp = Blueprint("pages", __name__)


@bp.get("/terms")
@pagecache.cached(ignores_others=True)
def terms() -> Response:
    pagecache.shows()
    return make_response(render_template("pages/terms.html", version=runtime.settings().terms_version))


@bp.get("/privacy")
@pagecache.cached(ignores_others=True)
def privacy() -> Response:
    pagecache.shows()
    return make_response(render_template("pages/privacy.html"))


@bp.get("/delivery")
@pagecache.cached(ignores_others=True)
def delivery() -> Response:
    pagecache.shows()
    return make_response(render_template("pages/delivery.html", methods=shipping.methods()))
