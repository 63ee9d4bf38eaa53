"""Registering, logging in and out, mailed links, and the account page."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request, url_for

from app.auth import services
from app.auth.current import begin, current_user, end, renew, signed_in
from app.auth.forms import (
    ClaimForm,
    EmailForm,
    Form,
    LoginForm,
    NameForm,
    OwnerForm,
    PasswordForm,
    RegisterForm,
    ResetForm,
)
from app.auth.links import DeadLink
from app.auth.models import User
from app.lib.errors import Invalid, ShopError, TooMany
from app.lib.htmx import local_path, respond

bp = Blueprint("auth", __name__)


@bp.before_request
def keep_out_of_caches() -> None:
    g.is_private = True


@bp.errorhandler(DeadLink)
def dead_link(error: DeadLink) -> Response:
    """For links opened from a letter: what to do next differs with what the link was for."""
    purpose = request.path.removeprefix("/auth/").partition("/")[0]
    return _show("dead_link", status=410, error=error, purpose=purpose)


# Registering


@bp.get("/auth/register")
def register() -> Response:
    if current_user.is_authenticated:
        return respond(then=url_for(".account"))
    return _show("register", form=RegisterForm())


@bp.post("/auth/register")
def register_post() -> Response:
    form = RegisterForm()
    if not form.validate():
        return _show("register", status=422, form=form)
    refusal = _tried(
        form,
        lambda: services.register(form.email.data, form.name.data, form.password.data, address=_address()),
    )
    if refusal:
        return _refused("register", refusal, form)
    return respond("auth/_check_mail.html", then=url_for(".check_mail"), form=EmailForm(), sent_to=form.email.data)


@bp.post("/auth/claim")
def claim() -> Response:
    """An account from an order's page; the order follows when the address is proved."""
    form = ClaimForm()
    if not form.validate():
        return _show("claim", status=422, claim_form=form)
    name = form.name.data or form.email.data.partition("@")[0]
    refusal = _tried(form, lambda: services.register(form.email.data, name, form.password.data, address=_address()))
    if refusal:
        return _refused("claim", refusal, form, claim_form=form)
    return respond("auth/_claimed.html", then=url_for(".check_mail"), sent_to=form.email.data)


@bp.get("/auth/verify")
def check_mail() -> Response:
    return _show("check_mail", form=EmailForm(formdata=None))


@bp.post("/auth/verify")
def resend() -> Response:
    form = EmailForm()
    if not form.validate():
        return _show("check_mail", status=422, form=form)
    refusal = _tried(form, lambda: services.resend(form.email.data, address=_address()))
    if refusal:
        return _refused("check_mail", refusal, form)
    say = "If an account waits for that address, another link is on its way."
    return respond("auth/_check_mail.html", then=url_for(".check_mail"), say=say, form=form, sent_to=form.email.data)


@bp.get("/auth/verify/<token>")
def verify(token: str) -> Response:
    """A page with one button: scanners of mail open every link, and a GET must not use it up."""
    email = services.check_link(token, "verify")
    return _show("verify", token=token, email=email)


@bp.post("/auth/verify/<token>")
def verify_post(token: str) -> Response:
    services.verify(token)
    return respond(then=url_for(".login"), say="Your email is confirmed. Log in to see your orders.")


# Logging in and out


@bp.get("/auth/login")
def login() -> Response:
    after = request.args.get("next")
    if current_user.is_authenticated:
        return respond(then=_after_login(after, current_user))
    form = LoginForm(formdata=None, next=local_path(after, ""))
    return _show("login", form=form)


@bp.post("/auth/login")
def login_post() -> Response:
    form = LoginForm()
    if not form.validate():
        return _show("login", status=422, form=form)
    try:
        user = services.sign_in(form.email.data, form.password.data, _address())
    except services.Unverified as refusal:
        return respond(
            "auth/_check_mail.html",
            page="auth/check_mail.html",
            status=refusal.status,
            form=EmailForm(),
            sent_to=refusal.email,
            error=refusal,
        )
    except (Invalid, TooMany) as refusal:
        return _refused("login", refusal, form)
    begin(user)
    return respond(then=_after_login(form.next.data, user))


@bp.post("/auth/logout")
def logout() -> Response:
    end()
    return respond(then="/", say="You are logged out.")


# Forgotten passwords


@bp.get("/auth/forgot")
def forgot() -> Response:
    if "sent" in request.args:
        return _show("forgot_sent")
    return _show("forgot", form=EmailForm(formdata=None))


@bp.post("/auth/forgot")
def forgot_post() -> Response:
    form = EmailForm()
    if not form.validate():
        return _show("forgot", status=422, form=form)
    refusal = _tried(form, lambda: services.ask_reset(form.email.data, address=_address()))
    if refusal:
        return _refused("forgot", refusal, form)
    return respond("auth/_forgot_sent.html", then=url_for(".forgot", sent=1))


@bp.get("/auth/reset/<token>")
def reset(token: str) -> Response:
    services.check_link(token, "reset")
    return _show("reset", token=token, form=ResetForm())


@bp.post("/auth/reset/<token>")
def reset_post(token: str) -> Response:
    form = ResetForm()
    services.check_link(token, "reset")
    if not form.validate():
        return _show("reset", status=422, form=form, token=token)
    refusal = _tried(form, lambda: services.reset(token, form.password.data))
    if refusal:
        return _refused("reset", refusal, form, token=token)
    end()
    return respond(then=url_for(".login"), say="Your new password is set. Log in with it.")


# The owner


@bp.get("/auth/owner/<token>")
def owner(token: str) -> Response:
    named = services.check_link(token, "owner")
    form = OwnerForm(formdata=None, email=named)
    return _show("owner", form=form, token=token, named=named)


@bp.post("/auth/owner/<token>")
def owner_post(token: str) -> Response:
    named = services.check_link(token, "owner")
    form = OwnerForm()
    if named:
        form.email.process_data(named)
    if not form.validate():
        return _show("owner", status=422, form=form, token=token, named=named)
    try:
        user = services.claim_owner(token, form.name.data, form.email.data, form.password.data)
    except Invalid as refusal:
        return _refused("owner", refusal, form, token=token, named=named)
    begin(user)
    return respond(then="/admin/", say="The shop is yours.")


# The account


@bp.get("/account")
@signed_in
def account() -> Response:
    return respond(page="account/show.html", fragment="account/_name.html", **_account())


@bp.post("/account")
@signed_in
def rename() -> Response:
    form = NameForm()
    if not form.validate():
        return respond("account/_name.html", page="account/show.html", status=422, **_account(name_form=form))
    user = services.change_name(current_user.id, form.name.data)
    return respond(
        "account/_name.html",
        then=url_for(".account"),
        say="Your name is saved.",
        **_account(NameForm(obj=user)),
    )


@bp.post("/account/password")
@signed_in
def change_password() -> Response:
    form = PasswordForm()
    if not form.validate():
        return respond("account/_password.html", page="account/show.html", status=422, **_account(password_form=form))
    try:
        user = services.change_password(current_user.id, form.current.data, form.password.data)
    except (Invalid, TooMany) as refusal:
        form.refuse(refusal)
        answer = respond(
            "account/_password.html",
            page="account/show.html",
            status=refusal.status,
            **_account(password_form=form),
        )
        answer.headers.update(refusal.headers())
        return answer
    renew(user)
    say = "Your password is changed. Every other device is logged out."
    return respond("account/_password.html", then=url_for(".account"), say=say, **_account())


def _account(name_form: Form | None = None, password_form: Form | None = None) -> dict[str, Any]:
    return {
        "user": current_user,
        "name_form": name_form or NameForm(formdata=None, name=current_user.name),
        "password_form": password_form or PasswordForm(formdata=None),
    }


def _after_login(target: str | None, user: User) -> str:
    return local_path(target, "/admin/" if user.is_staff else url_for(".account"))


def _address() -> str:
    return request.remote_addr or ""


def _tried(form: Form, act: Callable[[], object]) -> ShopError | None:
    """Do it; what comes back is the refusal to show in the form."""
    try:
        act()
    except (Invalid, TooMany) as refusal:
        return refusal
    return None


def _show(name: str, **context: Any) -> Response:
    """A form of templates/auth: for htmx alone, else on its page."""
    return respond(f"auth/_{name}.html", page=f"auth/{name}.html", **context)


def _refused(name: str, refusal: ShopError, form: Form, **context: Any) -> Response:
    """The form again, with the refusal beside its field, or above them all."""
    form.refuse(refusal)
    answer = _show(name, status=refusal.status, **{"form": form, **context})
    answer.headers.update(refusal.headers())
    return answer
