"""A payment that could not be started because its provider was away: started once, when it is back.

The page of the order waits for the address meanwhile. The attempt is the same and so is its key, so a provider that
had done the work all the same gives back what it made then.
"""

from dataclasses import replace

from app.lib import outbox
from app.lib.db import retrying, transaction
from app.orders.models import Order
from app.payments import services
from app.payments.attempts import locked, move_attempt
from app.payments.models import Attempt
from app.payments.opening import can_be_started, serves
from app.payments.providers.base import NotConfigured, PaymentRequest, Provider, ProviderRefused, ProviderUnavailable
from app.payments.providers.by_hand import BY_HAND
from app.payments.queries import attempts_of, summarise
from app.payments.registry import IN_A_JOB, provider_of_old


def start_again(reference: str, tries: int) -> None:
    """Start a payment that got no answer, unless there is no need for it any more; else have it tried again."""
    try:
        ready = _ready(reference)
        if ready is None:
            return
        provider, request = ready
        answer = provider.start(request)
    except ProviderUnavailable:
        _later(reference, tries + 1)
        return
    except (ProviderRefused, NotConfigured) as no:
        services.record_refusal(reference, no)
        return
    answer = replace(answer, message=answer.message or f"{provider.title} answers again.")
    if services.record_answer(reference, answer) is None:
        services.close_at_once(reference, provider.name, answer.provider_ref or None)


def _later(reference: str, tries: int) -> None:
    """A few seconds: somebody waits at the page, and a provider that is known to be away is not even asked."""
    with transaction():
        _, attempt = locked(reference)
        key = f"start-again:{attempt.id}:{tries}"
        wait = services.AGAIN_AFTER
        outbox.send("payments.start_again", key=key, due_in=wait, reference=reference, tries=tries)


@retrying
def _ready(reference: str) -> tuple[Provider, PaymentRequest] | None:
    """What to ask whom, or None when the order, the shopper or the clock has decided otherwise.

    Raises NotConfigured when the provider was taken out of the shop.
    """
    with transaction():
        order, attempt = locked(reference)
        if attempt.state not in ("created", "unknown") or attempt.next_url is not None:
            return None
        provider = provider_of_old(attempt.provider, IN_A_JOB)
        if _may_start(order, attempt, provider):
            return provider, services.request_of(order, attempt)
        _give_up(order, attempt)
        return None


def _may_start(order: Order, attempt: Attempt, provider: Provider) -> bool:
    """Whether it would still get what is due, in time, and the shopper has not gone on another way."""
    attempts = attempts_of(order.id)
    if not can_be_started(attempt, provider):
        return False
    if not order.awaits_money or not serves(attempt, summarise(order, attempts).balance):
        return False
    return not any(_goes_first(other, attempt) for other in attempts)


def _goes_first(other: Attempt, attempt: Attempt) -> bool:
    """A later choice, or a page that is open already. A transfer chosen before stays possible beside it."""
    if not other.is_open or other.id == attempt.id:
        return False
    return other.id > attempt.id or (other.state in ("pending", "authorised") and other.provider not in BY_HAND)


def _give_up(order: Order, attempt: Attempt) -> None:
    """What was certainly never done is over. What may have been done the poller finds out."""
    if attempt.state == "created":
        move_attempt(order, attempt, "cancelled", "", "start")
