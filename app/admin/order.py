"""One order, and everything staff do to it."""

from collections.abc import Callable
from typing import Any

from flask import Response, current_app, request, url_for
from flask_login import current_user

from app.admin.blueprint import actor, bp
from app.admin.history import history
from app.admin.order_forms import CancelForm, NoteForm, RefundForm, ShipForm
from app.auth import staff
from app.checkout import services as checkout
from app.lib.errors import Invalid, NotAllowed, NotFound, ShopError, TooMany
from app.lib.htmx import respond, wants_fragment
from app.lib.money import Money
from app.orders import queries, services
from app.orders.models import Order
from app.orders.staff_queries import regular
from app.payments import services as payments
from app.payments import staff_queries, staff_services
from app.payments.providers.base import ProviderError
from app.payments.queries import attempts_of, issues_of, summary
from app.payments.registry import all_providers


class NoAnswer(NotAllowed):
    """The page stays as it is; only the notice says why nothing happened."""

    title = "No answer"

    def __init__(self, provider: str):
        super().__init__(f"{provider} gives no usable answer right now. Try again in a few minutes.")


@bp.get("/orders/<number>")
def order(number: str) -> Response:
    opened = request.args.get("open", "")
    return respond("admin/orders/_order.html", page="admin/orders/show.html", opened=opened, **_context(number))


@bp.post("/orders/<number>/pack")
def pack(number: str) -> Response:
    services.pack(number, actor())
    return _done(number, f"Order {number} is packed.")


@bp.post("/orders/<number>/ship")
def ship(number: str) -> Response:
    form = ShipForm()
    if not form.validate():
        return _refused(number, "ship", form)
    try:
        services.ship(number, form.tracking_number.data or "", actor())
    except Invalid as error:
        return _refused(number, "ship", form, error)
    return _done(number, f"Order {number} is shipped.")


@bp.post("/orders/<number>/deliver")
def deliver(number: str) -> Response:
    services.deliver(number, actor())
    return _done(number, f"Order {number} is delivered.")


@bp.post("/orders/<number>/notes")
def add_note(number: str) -> Response:
    form = NoteForm()
    if not form.validate():
        return _refused(number, "note", form)
    services.note(number, form.note.data, actor())
    return _done(number, "Note added.")


@bp.post("/orders/<number>/cancel")
def cancel(number: str) -> Response:
    form = CancelForm(asks_password=bool(staff_queries.left_to_refund(attempts_of(_found(number).id))))
    if not form.validate():
        return _refused(number, "cancel", form)
    try:
        if form.password.data:
            staff.confirm_password(current_user.id, form.password.data)
        checkout.cancel(number, actor=actor(), reason=form.reason.data.strip(), by_shopper=False)
    except (Invalid, TooMany) as error:
        return _refused(number, "cancel", form, error)
    return _done(number, f"Order {number} is cancelled.")


@bp.post("/orders/<number>/refund")
def refund(number: str) -> Response:
    """All that is left of the order's money. A second click finds nothing left, and says so."""
    form = RefundForm()
    if not form.validate():
        return _refused(number, "refund", form)
    try:
        staff.confirm_password(current_user.id, form.password.data)
        sent = staff_services.refund_rest(number, form.seen.data, _reason(form), actor())
    except (Invalid, TooMany) as error:
        return _refused(number, "refund", form, error)
    words = staff_services.in_words(sent)
    return _done(number, f"{words} goes back to the shopper." if sent else "This was refunded already.")


@bp.post("/orders/<number>/check")
def check(number: str) -> Response:
    """Ask the provider what became of one of the order's attempts."""
    attempts = {attempt.reference: attempt.provider for attempt in attempts_of(_found(number).id)}
    reference = request.form.get("reference", "")
    if reference not in attempts:
        raise NotFound("There is no such payment.")
    ask_provider(reference, attempts[reference])
    return _done(number, "The provider was asked; the page shows what it said.")


def ask_provider(reference: str, provider: str) -> None:
    """Check an attempt while somebody waits. Raises NoAnswer."""
    title = titles().get(provider, provider)
    try:
        payments.check(reference, channel="staff", in_a_job=False)
    except ProviderError as error:
        current_app.logger.warning("No answer about %s for staff: %s", reference, type(error).__name__)
        raise NoAnswer(title) from error


def titles() -> dict[str, str]:
    return {provider.name: provider.title for provider in all_providers().values()}


def _reason(form: RefundForm) -> str:
    return (form.reason.data or "").strip() or "Refunded by staff"


def _found(number: str) -> Order:
    found = queries.by_number(number) if queries.is_number(number) else None
    if found is None:
        raise NotFound("There is no such order.")
    return found


def _done(number: str, say: str) -> Response:
    context = _context(number) if wants_fragment() else {}
    return respond("admin/orders/_order.html", then=url_for(".order", number=number), say=say, **context)


def _refused(number: str, dialog: str, form: Any, error: ShopError | None = None) -> Response:
    """The fields again, with the sentence beside the one it speaks of, in the dialog that is still open."""
    if isinstance(error, Invalid):
        form.refuse(error)
    elif error is not None:
        form.form_errors = [error.sentence]
    forms = {f"{dialog}_form": form}
    answer = respond(
        f"admin/orders/_{dialog}_fields.html",
        page="admin/orders/show.html",
        status=error.status if error else 422,
        opened=dialog,
        **_context(number, **forms),
    )
    answer.headers["HX-Retarget"] = f"#{dialog}-fields"
    answer.headers["HX-Reswap"] = "outerHTML"
    if error is not None:
        answer.headers.update(error.headers())
    return answer


def _context(number: str, **forms: Any) -> dict[str, Any]:
    found = _found(number)
    money = summary(found)
    left = staff_queries.left_to_refund(money.attempts)
    blank: dict[str, Callable[..., Any]] = {
        "ship_form": ShipForm,
        "note_form": NoteForm,
        "cancel_form": CancelForm,
        "refund_form": RefundForm,
    }
    return {
        "order": found,
        "money": money,
        "left": staff_services.in_words(left),
        "issues": issues_of(found.id),
        "messages": staff_queries.webhook_events(money.attempts),
        "history": history(found),
        "regular": regular(found),
        "titles": titles(),
        "paid_by": _paid_by(money.attempts),
        "effects": _effects(found, left),
        "units": sum(line.quantity for line in found.lines),
        **{name: forms.get(name) or make(formdata=None) for name, make in blank.items()},
    }


def _paid_by(attempts: tuple[Any, ...]) -> str:
    """The providers whose money is still here, in words."""
    names = titles()
    return " and ".join(
        dict.fromkeys(names.get(attempt.provider, attempt.provider) for attempt in attempts if attempt.left)
    )


def _effects(order: Order, left: tuple[Money, ...]) -> list[str]:
    """What cancelling does, as sentences for the dialog."""
    units = sum(line.quantity for line in order.lines)
    things = "1 unit" if units == 1 else f"{units} units"
    return [
        f"{things} held for this order can be bought again."
        if order.status == "pending"
        else f"{things} go back on the shelf.",
        f"{staff_services.in_words(left)} goes back to the shopper."
        if left
        else "Nothing was paid, and open payment pages are closed.",
        f"{order.email} gets a mail about it.",
    ]
