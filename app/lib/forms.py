"""Forms that anybody may send."""

from flask_wtf import FlaskForm


class OpenForm(FlaskForm):
    """A form without a token, because a token would set a cookie on every product page; see lib/forgery.py."""

    class Meta:
        csrf = False
