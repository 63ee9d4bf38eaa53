"""What people type about their accounts.

Visitors' forms carry no token, because it would cost a session: lib/forgery.py guards them.
"""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from app.auth import emails, passwords
from app.lib.errors import Invalid, ShopError


def _usable_email(_form: FlaskForm, field: Field) -> None:
    try:
        emails.normal_email(field.data)
    except Invalid as error:
        raise ValidationError(error.sentence) from error


def _strong(form: FlaskForm, field: Field) -> None:
    try:
        typed = form.email.data if "email" in form else None
        passwords.refuse_weak(field.data, (typed or "").lower())
    except Invalid as error:
        raise ValidationError(error.sentence) from error


def _email() -> Field:
    return EmailField(
        "Email",
        [
            DataRequired("Enter your email."),
            Length(max=emails.LONGEST, message="An email address is shorter than that."),
            _usable_email,
        ],
    )


def _name() -> Field:
    return StringField(
        "Name", [DataRequired("Enter your name."), Length(max=100, message="Use at most 100 characters.")]
    )


def _new_password(label: str = "Password") -> Field:
    return PasswordField(label, [DataRequired("Choose a password."), _strong])


def _old_password(label: str = "Password") -> Field:
    most = Length(max=passwords.LONGEST, message="A password is shorter than that.")
    return PasswordField(label, [DataRequired("Enter your password."), most])


class Form(FlaskForm):
    """A form that can take a service's refusal to the field it speaks of."""

    class Meta:
        def wrap_formdata(self, _form: FlaskForm, formdata: Any) -> Any:
            """Only what a browser's form sends; Flask-WTF would read JSON too, whose values are no text."""
            return None if formdata is None or request.method != "POST" else request.form

    def refuse(self, error: ShopError) -> None:
        field = error.field if isinstance(error, Invalid) else None
        if field and field in self:
            self[field].errors = [error.sentence]
        else:
            self.form_errors = [error.sentence]


class VisitorForm(Form):
    class Meta:
        csrf = False


class AccountForm(Form):
    """Carries Flask-WTF's token: the page is private anyway."""

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        is_fine: bool = super().validate(*args, **kwargs)
        if self.csrf_token.errors:
            self.csrf_token.errors = []
            self.form_errors = ["This page was open for too long. Look it over and send it again."]
        return is_fine


class RegisterForm(VisitorForm):
    name = _name()
    email = _email()
    password = _new_password()


class LoginForm(VisitorForm):
    email = _email()
    password = _old_password()
    next = HiddenField()


class EmailForm(VisitorForm):
    email = _email()


class ResetForm(VisitorForm):
    password = _new_password("New password")


class OwnerForm(VisitorForm):
    name = _name()
    email = _email()
    password = _new_password()


class ClaimForm(VisitorForm):
    email = _email()
    name = StringField("Name", [Length(max=100, message="Use at most 100 characters.")])
    password = _new_password()


class NameForm(AccountForm):
    name = _name()


class PasswordForm(AccountForm):
    current = _old_password("Current password")
    password = _new_password("New password")
