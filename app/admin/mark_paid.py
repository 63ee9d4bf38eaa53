"""Writing down money that somebody saw come."""

from typing import Any

from flask import Response, url_for
from flask_login import current_user
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, Length

from app.admin.blueprint import actor, bp
from app.admin.order_forms import LONGEST_PASSWORD
from app.admin.order_parts import found, titles
from app.auth import staff
from app.auth.forms import Form
from app.lib.errors import Invalid, NotAllowed, ShopError, TooMany
from app.lib.htmx import respond
from app.lib.money import Money
from app.orders.models import Order
from app.payments import marking
from app.payments.providers.by_hand import BANK_TRANSFER, BY_HAND, CASH_ON_DELIVERY
from app.payments.queries import PaymentSummary, summary

LONGEST = Length(max=marking.LONGEST, message=f"Use at most {marking.LONGEST} characters.")


class MarkPaidForm(Form):
    """`what` is one of the order's attempts, or a way to pay that no provider tells about."""

    what = SelectField("How it was paid", [DataRequired("Choose how it was paid.")], validate_choice=True)
    amount = StringField(
        "Amount that came",
        [DataRequired("Enter the amount."), Length(max=20, message="An amount is shorter than that.")],
    )
    receipt = StringField("Reference", [LONGEST])
    reason = StringField("How you know", [DataRequired("Write how you know that the money came."), LONGEST])
    password = PasswordField("Your password", [DataRequired("Enter your password."), LONGEST_PASSWORD])


@bp.get("/orders/<number>/mark-paid")
def new_mark(number: str) -> Response:
    order = found(number)
    money = summary(order)
    form = _form(money, formdata=None)
    form.what.data = CASH_ON_DELIVERY if order.is_due_at_the_door else BANK_TRANSFER
    form.amount.data = money.balance.plain() if money.balance else ""
    return _page(order, money, form)


@bp.post("/orders/<number>/mark-paid")
def mark_paid(number: str) -> Response:
    """A second click finds the same money, and changes nothing."""
    order = found(number)
    form = _form(summary(order))
    if not form.validate():
        return _page(order, summary(order), form, status=422)
    receipt, reason = form.receipt.data or "", form.reason.data or ""
    try:
        staff.confirm_password(current_user.id, form.password.data)
        amount = _amount(form, order)
        is_new = marking.mark_paid(number, form.what.data, amount, receipt, reason, actor())
    except (Invalid, TooMany, NotAllowed) as error:
        form.refuse(error)
        return _page(found(number), summary(found(number)), form, error=error)
    say = f"{amount} is written down." if is_new else "This was written down before; nothing changed."
    return respond(then=url_for(".order", number=number), say=say)


def _amount(form: MarkPaidForm, order: Order) -> Money:
    try:
        return Money.parse(form.amount.data or "", order.currency)
    except Invalid as error:
        raise Invalid(error.sentence, "amount") from None


def _form(money: PaymentSummary, **kwargs: Any) -> MarkPaidForm:
    form = MarkPaidForm(**kwargs)
    names = titles()
    form.what.choices = [(BANK_TRANSFER, "Bank transfer"), (CASH_ON_DELIVERY, "Cash")] + [
        (attempt.reference, f"{names.get(attempt.provider, attempt.provider)}, asked for {attempt.amount}")
        for attempt in money.attempts
        if attempt.provider not in BY_HAND and not attempt.captured_minor
    ]
    return form


def _page(
    order: Order, money: PaymentSummary, form: MarkPaidForm, *, error: ShopError | None = None, status: int = 200
) -> Response:
    answer = respond(
        "admin/orders/_mark_paid.html",
        page="admin/orders/mark_paid.html",
        status=error.status if error is not None else status,
        order=order,
        money=money,
        form=form,
    )
    if error is not None:
        answer.headers.update(error.headers())
    return answer
