"""Who works here. Only owners come in."""

import uuid
from typing import Any

from flask import Response, request, url_for
from flask_login import current_user
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired, Length

from app.admin.blueprint import bp, owner_only
from app.auth import staff as services
from app.auth.forms import Form
from app.lib.errors import Invalid, ShopError, TooMany
from app.lib.htmx import respond, wants_fragment


class MemberForm(Form):
    email = EmailField(
        "Email", [DataRequired("Enter the email of their account."), Length(max=254, message="That is too long.")]
    )
    password = PasswordField("Your password", [DataRequired("Enter your password."), Length(max=1000)])


class RoleForm(Form):
    password = PasswordField("Your password", [DataRequired("Enter your password."), Length(max=1000)])


@bp.get("/staff")
@owner_only
def staff() -> Response:
    return respond("admin/staff/_staff.html", page="admin/staff/index.html", **_context())


@bp.post("/staff")
@owner_only
def add_staff() -> Response:
    form = MemberForm()
    if not form.validate():
        return _refused("new", form)
    try:
        services.confirm_password(current_user.id, form.password.data)
        user = services.add_member(form.email.data, current_user.id)
    except (Invalid, TooMany) as error:
        return _refused("new", form, error)
    return _done(f"{user.name} works here now.")


@bp.post("/staff/<uuid:public_id>/role")
@owner_only
def set_role(public_id: uuid.UUID) -> Response:
    form = RoleForm()
    if not form.validate():
        return _refused(str(public_id), form)
    try:
        services.confirm_password(current_user.id, form.password.data)
        user = services.set_role(public_id, request.form.get("role", ""), current_user.id)
    except (Invalid, TooMany) as error:
        return _refused(str(public_id), form, error)
    return _done(f"{user.name} is {user.role} now.")


def _done(say: str) -> Response:
    context = _context() if wants_fragment() else {}
    return respond("admin/staff/_staff.html", then=url_for(".staff"), say=say, **context)


def _refused(key: str, form: Any, error: ShopError | None = None) -> Response:
    """The page again with the sentence in the form it belongs to; `key` is new, or somebody's id."""
    if isinstance(error, Invalid):
        form.refuse(error)
    elif error is not None:
        form.form_errors = [error.sentence]
    is_new = key == "new"
    answer = respond(
        "admin/staff/_staff.html" if is_new else "admin/staff/_role_fields.html",
        page="admin/staff/index.html",
        status=error.status if error else 422,
        key=key,
        **_context(failed=key, failed_form=form),
    )
    if not is_new:
        answer.headers["HX-Retarget"] = f"#role-fields-{key}"
        answer.headers["HX-Reswap"] = "outerHTML"
    if error is not None:
        answer.headers.update(error.headers())
    return answer


def _context(failed: str = "", failed_form: Any = None) -> dict[str, Any]:
    return {
        "members": services.members(),
        "failed": failed,
        "opened": request.args.get("open", ""),
        "member_form": failed_form if failed == "new" else MemberForm(formdata=None),
        "role_form": failed_form if failed and failed != "new" else RoleForm(formdata=None),
    }
