"""One order, and everything staff do to it."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, current_app, request, url_for
from flask_login import current_user

from app.admin.blueprint import actor, bp
from app.admin.history import history
from app.admin.order_forms import CancelForm, NoteForm, RefundForm, ShipForm
from app.admin.order_parts import found, titles
from app.auth import staff
from app.checkout import services as checkout
from app.invoices.queries import papers_of
from app.lib.errors import Invalid, NotAllowed, NotFound, ShopError, TooMany
from app.lib.htmx import respond, wants_fragment
from app.lib.money import Money
from app.orders import services
from app.orders.models import Order
from app.orders.staff_queries import regular
from app.payments import parcels, staff_queries, staff_services
from app.payments import services as payments
from app.payments.credits import Account, credits_of, in_words
from app.payments.models import Attempt
from app.payments.promises import sends_back
from app.payments.providers.base import ProviderError
from app.payments.providers.by_hand import BY_HAND
from app.payments.queries import attempts_of, issues_of, summary
from app.payments.refund_queries import disputes_of, state_of, to_be_done


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
    parcels.pack(number, actor(), anyway=bool(request.form.get("anyway")))
    return _done(number, f"Order {number} is packed.")


@bp.post("/orders/<number>/ship")
def ship(number: str) -> Response:
    form = ShipForm()
    if not form.validate():
        return _refused(number, "ship", form)
    try:
        parcels.ship(number, form.tracking_number.data or "", actor(), anyway=form.anyway.data)
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
    form = CancelForm(asks_password=bool(staff_queries.left_to_refund(attempts_of(found(number).id))))
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
    """All that is left of the order's money, or what was paid too much. A second click finds nothing left."""
    form = RefundForm()
    if not form.validate():
        return _refused(number, "refund", form)
    send = staff_services.refund_excess if form.kind.data == "excess" else staff_services.refund_rest
    try:
        staff.confirm_password(current_user.id, form.password.data)
        sent = send(number, form.seen.data, _reason(form), actor())
    except (Invalid, TooMany) as error:
        return _refused(number, "refund", form, error)
    words = staff_services.in_words(sent)
    return _done(number, f"{words} goes back to the shopper." if sent else "This was refunded already.")


@bp.post("/orders/<number>/check")
def check(number: str) -> Response:
    """Ask the provider what became of one of the order's attempts."""
    attempts = {attempt.reference: attempt.provider for attempt in attempts_of(found(number).id)}
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


def _reason(form: RefundForm) -> str:
    return (form.reason.data or "").strip() or "Refunded by staff"


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
    order = found(number)
    money = summary(order)
    left = staff_queries.left_to_refund(money.attempts)
    books = Account(order, money.attempts[::-1], credits_of(order.id))
    blank: dict[str, Callable[..., Any]] = {
        "ship_form": ShipForm,
        "note_form": NoteForm,
        "cancel_form": CancelForm,
        "refund_form": RefundForm,
    }
    return {
        "order": order,
        "money": money,
        "books": books,
        "left": staff_services.in_words(left),
        "excess": order.money(books.excess),
        "is_unpaid_again": parcels.is_unpaid_again(order, money),
        "disputes": disputes_of(order.id),
        "given_back": [(credit, in_words(order, credit), state_of(credit)) for credit in books.credits],
        "to_be_done": [refund for attempt in money.attempts for refund in to_be_done(attempt)],
        "papers": papers_of(order.id),
        "issues": issues_of(order.id),
        "messages": staff_queries.webhook_events(money.attempts),
        "history": history(order),
        "regular": regular(order),
        "titles": titles(),
        "nobody_to_ask": BY_HAND,
        "paid_by": _paid_by(money.attempts),
        "by_hand": _paid_by([attempt for attempt in money.attempts if not sends_back(attempt.provider)]),
        "effects": _effects(order, left, books),
        "units": sum(line.quantity for line in order.lines),
        **{name: forms.get(name) or make(formdata=None) for name, make in blank.items()},
    }


def _paid_by(attempts: Sequence[Attempt]) -> str:
    """The providers whose money is still here, in words."""
    names = titles()
    return " and ".join(
        dict.fromkeys(names.get(attempt.provider, attempt.provider) for attempt in attempts if attempt.left)
    )


def _effects(order: Order, left: tuple[Money, ...], books: Account) -> list[str]:
    """What cancelling does, as sentences for the dialog."""
    restocked = sum(line.restocked for credit in books.credits for line in credit.lines)
    units = sum(line.quantity for line in order.lines) - restocked
    things = "1 unit" if units == 1 else f"{units} units"
    return [
        f"{things} held for this order can be bought again."
        if order.status == "pending"
        else f"{things} go back on the shelf.",
        f"{staff_services.in_words(left)} goes back to the shopper."
        if left
        else "Nothing of what was paid is left to send back."
        if any(attempt.captured_minor for attempt in books.attempts)
        else "Nothing was paid, and open payment pages are closed.",
        *[f"{order.money(books.disputed)} stays until the bank has decided the dispute."] * bool(books.disputed),
        f"{order.email} gets a mail about it.",
    ]
