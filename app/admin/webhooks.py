"""What providers sent: the inbox, each message as it came, and handling it again."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, request, url_for

from app.admin.blueprint import bp
from app.admin.order import NoAnswer
from app.admin.order_parts import titles
from app.admin.payment_tabs import PaymentTabs
from app.lib.errors import NotFound
from app.lib.htmx import respond, wants_fragment
from app.payments import inbox_queries, webhooks
from app.payments.inbox_queries import STATES, Filters
from app.payments.models import WebhookEvent
from app.payments.providers.base import ProviderError
from app.payments.raw import readable

LARGEST_ID = 2**63 - 1


@bp.get("/payments/webhooks")
def webhooks_inbox() -> Response:
    asked = _asked(request.args)
    found = inbox_queries.page(asked)
    args = asked.as_args()
    return respond(
        "admin/payments/_messages.html",
        page="admin/payments/messages.html",
        tabs=PaymentTabs("messages"),
        asked=asked,
        found=found,
        titles=titles(),
        providers=inbox_queries.providers() if not wants_fragment() else (),
        newer_url=url_for(".webhooks_inbox", **args, newer=found.newer) if found.newer else None,
        older_url=url_for(".webhooks_inbox", **args, older=found.older) if found.older else None,
    )


@bp.get("/payments/webhooks/<int:event_id>")
def webhook_event(event_id: int) -> Response:
    return respond("admin/payments/_message.html", page="admin/payments/message.html", **_context(event_id))


@bp.post("/payments/webhooks/<int:event_id>/replay")
def replay_webhook(event_id: int) -> Response:
    event = _found(event_id)
    title = titles().get(event.provider, event.provider)
    try:
        state = webhooks.replay(event_id, in_a_job=False)
    except ProviderError as error:
        current_app.logger.warning("Message %s could not be handled again: %s", event_id, type(error).__name__)
        raise NoAnswer(title) from error
    context = _context(event_id) if wants_fragment() else {}
    say = {
        "processed": "Handled again: the payment is as the provider says.",
        "orphan": "It still speaks of a payment this shop does not know.",
    }.get(state, "Looked at again: this shop does not use such messages.")
    return respond(
        "admin/payments/_message.html", then=url_for(".webhook_event", event_id=event_id), say=say, **context
    )


def _asked(args: Mapping[str, str]) -> Filters:
    """Fields that mean nothing are left out: an old bookmark still opens a list."""
    newer = _id(args.get("newer"))
    state, provider = args.get("state", ""), args.get("provider", "")
    return Filters(
        state=state if state in STATES else "",
        provider=provider if provider.isidentifier() and len(provider) <= 40 else "",
        newer=newer,
        older=0 if newer else _id(args.get("older")),
    )


def _id(typed: str | None) -> int:
    return int(typed) if typed and typed.isascii() and typed.isdigit() and int(typed[:20]) <= LARGEST_ID else 0


def _found(event_id: int) -> WebhookEvent:
    event = inbox_queries.event(event_id) if event_id <= LARGEST_ID else None
    if event is None:
        raise NotFound("There is no such message. Messages are kept for some weeks.")
    return event


def _context(event_id: int) -> dict[str, Any]:
    event = _found(event_id)
    return {
        "event": event,
        "title": titles().get(event.provider, event.provider),
        "shown": readable(event.body),
        "job": inbox_queries.job_of(event) if event.state == "received" else None,
        "number": inbox_queries.orders_of([event]).get(event.id),
    }
