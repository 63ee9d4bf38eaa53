"""Forms that anybody may send."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm


class OpenForm(FlaskForm):
    """A form without a token, because a token would set a cookie on every product page; see lib/forgery.py."""

    class Meta:
        csrf = False

        def wrap_formdata(self, _form: FlaskForm, formdata: Any) -> Any:
            """Only what a browser's form sends; Flask-WTF would read JSON too, whose values are no text."""
            return None if formdata is None or request.method != "POST" else request.form
