"""The token with which everything is asked at Daraja, fetched with the shop's keys."""

from app.payments.providers.base import NotConfigured, ProviderUnavailable
from app.payments.providers.http import Answer, Caller
from app.payments.providers.oauth import Fetched

PATH = "/oauth/v1/generate"


def fetch(caller: Caller, keys: tuple[str, str]) -> Fetched:
    """Raises ProviderUnavailable, never with an unknown outcome, and NotConfigured for keys that are not taken."""
    try:
        answer = caller.ask("GET", PATH, params={"grant_type": "client_credentials"}, auth=keys)
    except ProviderUnavailable as silence:
        raise ProviderUnavailable(str(silence), outcome_unknown=False) from None
    if 400 <= answer.status < 500:
        raise NotConfigured("M-Pesa does not accept MPESA_CONSUMER_KEY with MPESA_CONSUMER_SECRET.")
    value, lives = answer.body.get("access_token"), _seconds(answer)
    if not answer.is_fine or not isinstance(value, str) or not value or lives is None:
        raise ProviderUnavailable(f"M-Pesa answered {answer.status} without a token.", outcome_unknown=False)
    return Fetched(value, lives)


def _seconds(answer: Answer) -> int | None:
    said = str(answer.body.get("expires_in", ""))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else None
