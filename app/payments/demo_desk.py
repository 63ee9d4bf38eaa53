"""The demo provider's other end: what its page's buttons do, and its signed messages to our own webhook."""

from typing import cast

from app.lib import outbox
from app.lib.db import transaction
from app.payments import webhooks
from app.payments.providers.demo import DemoPayment, DemoProvider, Outcome
from app.payments.registry import provider_named


def choose(reference: str, outcome: Outcome) -> str:
    """Press a button; gives back where the shopper goes. Raises ProviderRefused when that is over."""
    desk = cast(DemoProvider, provider_named("demo"))
    with transaction():
        answer = desk.choose(reference, outcome)
        if answer.message_in is not None:
            outbox.send("payments.demo_message", due_in=answer.message_in, reference=reference)
    return answer.redirect_to


def payment(reference: str) -> DemoPayment | None:
    """What the demo provider's books say."""
    return cast(DemoProvider, provider_named("demo")).payment(reference)


def post_message(reference: str) -> None:
    """Send the message about a payment as it is now, signed like any provider's."""
    event = cast(DemoProvider, provider_named("demo")).signed_event(reference)
    webhooks.receive("demo", event.headers, event.body)
