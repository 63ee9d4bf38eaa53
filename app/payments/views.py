"""Where providers send people and messages."""

from datetime import UTC, datetime, timedelta
from typing import cast, get_args

from flask import Blueprint, Response, current_app, g, jsonify, make_response, request
from flask_login import current_user

from app.lib import forgery
from app.lib.errors import NotAllowed, NotFound
from app.lib.htmx import respond
from app.orders import access
from app.orders.queries import by_id
from app.payments import callbacks, demo_desk, services, webhooks
from app.payments.providers.base import (
    NotConfigured,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    WebhookRejected,
)
from app.payments.providers.demo import Outcome
from app.payments.queries import by_reference

bp = Blueprint("payments", __name__)
forgery.exempt("payments.webhook")
forgery.exempt("payments.callback")

MOST_BYTES = 256 * 1024
OPENS_FOR = timedelta(days=1)  # how long after an attempt was made its return address opens the order


@bp.before_request
def is_private() -> None:
    g.is_private = True


@bp.get("/payments/<provider>/return")
def came_back(provider: str) -> Response:
    """The shopper is back. Nothing in the address is believed: the provider is asked, and the order page tells.

    The reference is random and known to the shopper alone, so it opens the order even without a session. After a day
    it opens nothing any more, for addresses are kept by browsers and by providers: the link in the mail does.
    """
    attempt = by_reference(request.args.get("reference", ""))
    if attempt is None or attempt.provider != provider:
        raise NotFound("There is no such payment. Use the link from your mail to find your order.")
    order_id, reference = attempt.payment.order_id, attempt.reference
    if attempt.created_at < datetime.now(UTC) - OPENS_FOR:
        return respond(then=access.url_of(by_id(order_id)))
    say = "You left before paying. Your order is kept: pay now, or change it." if "left" in request.args else None
    try:
        state = services.check(reference, channel="return", in_a_job=False)
        # It can still be paid at the provider's page, by another card perhaps.
        say = say or (state.error_message if state.state == "pending" else None)
    except ProviderError as error:
        # The webhook and the poller will tell; the page says that we are still waiting.
        current_app.logger.warning("No answer about %s on return: %s", reference, type(error).__name__)
    order = by_id(order_id)
    mine = current_user.is_authenticated and current_user.id == order.user_id
    if order.user_id is None:
        access.remember(order.number)
    return respond(then=access.url_of(order, with_key=not mine), say=say)


@bp.post("/payments/<provider>/webhook")
def webhook(provider: str) -> Response:
    """Verify, keep, answer. 400 for what is not to be believed, 503 while there is no secret to check it with."""
    return _received(provider)


@bp.post("/payments/<provider>/webhook/<reference>/<token>")
def callback(provider: str, reference: str, token: str) -> Response:
    """The address of one attempt, known to its provider alone: that is the proof. Nobody learns what exists here."""
    if not callbacks.is_right(provider, reference, token):
        raise NotFound("There is no such page.")
    answer = _received(provider, reference)
    return jsonify(ResultCode=0, ResultDesc="Accepted") if answer.status_code == 200 else answer


def _received(provider: str, reference: str = "") -> Response:
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    try:
        webhooks.receive(provider, dict(request.headers), body, reference)
    except WebhookRejected as error:
        current_app.logger.warning("A %s message was refused: %s", provider, error)
        return make_response("refused", 400)
    except NotConfigured as error:
        current_app.logger.error("A %s message cannot be checked: %s", provider, error)
        return make_response("not configured", 503)
    except ProviderUnavailable as error:
        # Who signed it can only be told by asking; it is sent again.
        current_app.logger.warning("A %s message cannot be checked now: %s", provider, error)
        return make_response("not now", 503)
    return make_response("", 200)


@bp.get("/payments/demo/<string(length=30):reference>")
def demo(reference: str) -> Response:
    payment = demo_desk.payment(reference)
    if payment is None:
        raise NotFound("There is no such demo payment.")
    return respond("payments/_demo.html", page="payments/demo.html", payment=payment)


@bp.post("/payments/demo/<string(length=30):reference>")
def demo_choice(reference: str) -> Response:
    outcome = request.form.get("outcome", "")
    if outcome not in get_args(Outcome):
        raise NotAllowed("Choose one of the buttons.")
    try:
        return respond(then=demo_desk.choose(reference, cast(Outcome, outcome)))
    except ProviderRefused as no:
        raise NotAllowed(no.sentence) from no
