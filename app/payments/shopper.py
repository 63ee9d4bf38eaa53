"""What a shopper can do about a payment that is open: ask after it, and be told which telephone it rings on."""

import logging

from app.payments.providers.base import ProviderError
from app.payments.providers.mpesa import masked
from app.payments.queries import by_reference
from app.payments.services import check

log = logging.getLogger(__name__)

__all__ = ["ask_now", "masked"]


def ask_now(reference: str) -> str | None:
    """Ask the provider at once, because the shopper says it is paid; gives back a sentence when nothing is known."""
    try:
        check(reference, channel="return", in_a_job=False)
    except ProviderError as error:
        log.warning("No answer about %s when the shopper asked: %s", reference, type(error).__name__)
        return "There is no answer at the moment. We keep asking, and write to you when the money is here."
    attempt = by_reference(reference)
    still_open = attempt is not None and attempt.is_open
    return "There is no news of the payment yet. We keep looking." if still_open else None
