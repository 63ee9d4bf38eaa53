"""Giving a part of an order back, and what to do about a refund that did not go by itself."""

from typing import Any

from flask import Response, request, url_for
from flask_login import current_user

from app.admin.blueprint import actor, bp
from app.admin.order_forms import SentByHandForm
from app.admin.order_parts import found, how_it_goes, titles
from app.admin.refund_form import GiveBackForm
from app.auth import staff
from app.inventory import queries as stock
from app.lib.errors import Invalid, NotAllowed, ShopError, TooMany
from app.lib.htmx import respond
from app.lib.tokens import random_key
from app.orders.models import Order
from app.payments import credits, staff_refunds
from app.payments.credit_plan import Amounts, plan
from app.payments.credits import Account
from app.payments.refund_queries import refund_named, state_of


@bp.get("/orders/<number>/refunds")
def new_refund(number: str) -> Response:
    """`?all=1` starts with everything that is left."""
    order, books, form = _opened(number)
    form.key.data = random_key()
    amounts, _ = _worked_out(form, books)
    return _answer(order, books, form, amounts)


@bp.post("/orders/<number>/refunds/sum")
def refund_sum(number: str) -> Response:
    """What the choice comes to; nothing is decided."""
    order, books, form = _opened(number)
    amounts, error = _worked_out(form, books)
    if error is not None:
        form.refuse(error)
    return _answer(order, books, form, amounts, error, is_preview=True)


@bp.post("/orders/<number>/refunds")
def give_back(number: str) -> Response:
    """A second click with the same key finds its credit and sends nothing more."""
    order, books, form = _opened(number)
    if not form.validate():
        amounts, _ = _worked_out(form, books)
        return _answer(order, books, form, amounts, status=422)
    try:
        staff.confirm_password(current_user.id, form.password.data)
        credit = credits.refund(
            number,
            form.wishes,
            key=form.key.data or random_key(),
            seen=form.seen.data or "",
            reason=(form.reason.data or "").strip() or "Refunded by staff",
            actor=actor(),
        )
    except (Invalid, TooMany, NotAllowed) as error:
        order, books, form = _opened(number)
        amounts, _ = _worked_out(form, books)
        form.refuse(error)
        return _answer(order, books, form, amounts, error)
    by_hand = " by hand: it waits in Payments for whoever sends it" if state_of(credit) == "by_hand" else ""
    say = f"{order.money(credit.amount_minor)} goes back to the shopper{by_hand}."
    return respond(then=url_for(".order", number=number, _anchor="credits"), say=say)


@bp.get("/refunds/<reference>")
def show_refund(reference: str) -> Response:
    return _refund_page(reference, SentByHandForm(formdata=None))


@bp.post("/refunds/<reference>/again")
def try_refund_again(reference: str) -> Response:
    again = staff_refunds.try_again(reference, actor())
    say = "It was sent by hand already." if again.kind == "by_hand" else f"{again.amount} is sent once more."
    return respond(then=url_for(".show_refund", reference=again.reference), say=say)


@bp.post("/refunds/<reference>/give-up")
def give_up_refund(reference: str) -> Response:
    staff_refunds.give_up(reference, actor())
    say = "Nobody waits for it any longer. Try again, or write down how it was sent."
    return respond(then=url_for(".show_refund", reference=reference), say=say)


@bp.post("/refunds/<reference>/sent")
def refund_sent(reference: str) -> Response:
    """A person sent the money some other way."""
    form = SentByHandForm()
    try:
        done = staff_refunds.sent_by_hand(reference, form.reference.data or "", form.note.data or "", actor())
    except Invalid as error:
        form.refuse(error)
        return _refund_page(reference, form, status=422)
    return respond(then=url_for(".show_refund", reference=done.reference), say=f"{done.amount} is noted as sent.")


def _refund_page(reference: str, form: SentByHandForm, status: int = 200) -> Response:
    return respond(
        "admin/refunds/_refund.html",
        page="admin/refunds/show.html",
        status=status,
        form=form,
        titles=titles(),
        it=refund_named(reference),
    )


def _opened(number: str) -> tuple[Order, Account, GiveBackForm]:
    """The order, its books, and the form as it was sent, if it was."""
    order = found(number)
    books = credits.account(order)
    form = GiveBackForm()
    form.take_lines(
        order.lines,
        books.left,
        stock.away(order.id),
        request.form,
        all_of_it=request.method == "GET" and bool(request.args.get("all")),
    )
    return order, books, form


def _worked_out(form: GiveBackForm, books: Account) -> tuple[Amounts | None, Invalid | None]:
    try:
        return plan(books.left, form.wishes), None
    except Invalid as error:
        return None, error


def _answer(
    order: Order,
    books: Account,
    form: GiveBackForm,
    amounts: Amounts | None,
    error: ShopError | None = None,
    *,
    is_preview: bool = False,
    status: int = 200,
) -> Response:
    context: dict[str, Any] = {
        "order": order,
        "books": books,
        "form": form,
        "amounts": amounts,
        "how": how_it_goes(books, amounts.amount_minor if amounts else 0),
        "sentence": error.sentence if error is not None and is_preview else "",
    }
    answer = respond(
        "admin/refunds/_sum.html" if is_preview else "admin/refunds/_form.html",
        page="admin/refunds/new.html",
        status=error.status if error is not None else status,
        also=["admin/refunds/_button.html"] if is_preview else [],
        **context,
    )
    if error is not None:
        answer.headers.update(error.headers())
    return answer
