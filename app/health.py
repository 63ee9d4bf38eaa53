"""For monitors: is the process alive, and may it take traffic?"""

from flask import Blueprint, Response, jsonify, make_response

from app.lib.db import database_is_up

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    return jsonify(status="alive")


@bp.get("/readyz")
def ready() -> Response:
    if database_is_up():
        return jsonify(status="ready")
    return make_response(jsonify(status="no database"), 503)
