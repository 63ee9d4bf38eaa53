"""Forms of staff that may carry more than the rest of the shop takes; everybody else's stay as small as they are."""

from flask import Flask, request
from flask_login import current_user

from app.catalog.csv.services import MOST_BYTES

LONG = {"admin.bring_file": MOST_BYTES + 1024 * 1024}
ROLES = ("staff", "owner")


def init_app(app: Flask) -> None:
    """Asked before anything reads the form, because that is when it would be refused."""

    @app.before_request
    def allow() -> None:
        most = LONG.get(request.endpoint or "")
        if most and getattr(current_user, "role", "") in ROLES:
            request.max_content_length = most
