"""What staff type about an order. The token is checked at the door of the desk, for every form at once."""

from typing import Any

from wtforms import BooleanField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length, Optional

from app.auth.forms import Form

LONGEST_PASSWORD = Length(max=1000, message="A password is shorter than that.")


class ShipForm(Form):
    """`anyway` sends goods whose money went back."""

    tracking_number = StringField("Tracking number", [Optional(), Length(max=60, message="Use at most 60 characters.")])
    anyway = BooleanField("Send it although all of its money went back")


class NoteForm(Form):
    note = StringField(
        "Note for staff",
        [DataRequired("Write the note first."), Length(max=2000, message="Use at most 2,000 characters.")],
    )


class CancelForm(Form):
    """The password is asked for when cancelling sends money back."""

    reason = StringField(
        "Reason",
        [DataRequired("Say why: the shopper reads it."), Length(max=200, message="Use at most 200 characters.")],
    )
    password = PasswordField("Your password", [LONGEST_PASSWORD])

    def __init__(self, *args: Any, asks_password: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if asks_password:
            self.password.validators = [DataRequired("Enter your password."), LONGEST_PASSWORD]


class RefundForm(Form):
    """`seen` is the amount the page showed: nothing else is agreed to. `kind` names the issue it answers, if one.

    At an order it is "excess" when only what was paid too much goes back.
    """

    reason = StringField("Reason", [Length(max=200, message="Use at most 200 characters.")])
    password = PasswordField("Your password", [DataRequired("Enter your password."), LONGEST_PASSWORD])
    seen = HiddenField()
    kind = HiddenField()


class DealtWithForm(Form):
    note = StringField(
        "What was done",
        [DataRequired("Write what was done about it."), Length(max=500, message="Use at most 500 characters.")],
    )


class SentByHandForm(Form):
    """Its two limits are the service's."""

    reference = StringField("Reference")
    note = StringField("Note")
