"""Chapa's messages: whose they are, and what they say. They have no name of their own: the bytes are their key."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from app.payments.providers.base import BadSignature, MalformedEvent, PaymentState, ProviderEvent
from app.payments.providers.chapa_objects import payment_state
from app.payments.providers.reading import Unreadable, moment, text
from app.payments.providers.signatures import header_named


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Raise BadSignature unless a header proves that somebody with the secret wrote this content.

    Chapa's messages carry in `chapa-signature` the secret signed with itself: the same in every message, so whoever
    saw one could write any other. It proves nothing and is never compared with; only messages of a custom webhook
    have a signature of their content there, which is as good as the one in `x-chapa-signature`.
    """
    said = [header_named(headers, name).encode("utf-8", "replace") for name in ("x-chapa-signature", "chapa-signature")]
    for content in _contents(body):
        for secret in secrets:
            expected = hmac.new(secret.encode(), content, sha256).hexdigest().encode()
            if any(hmac.compare_digest(expected, one) for one in said):
                return
    raise BadSignature("No signature in the headers matches this content.")


def _contents(body: bytes) -> list[bytes]:
    """The bytes as they came, and as JavaScript would write them again, which is what Chapa's own sample signs."""
    try:
        again = json.dumps(
            json.loads(body.decode("utf-8"), parse_float=_as_javascript, parse_constant=_refuse),
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
    except (ValueError, OverflowError, RecursionError):
        return [body]
    return [body] if again == body else [body, again]


def _as_javascript(number: str) -> float | int:
    value = float(number)  # only to be written again for the signature; amounts are never read from here
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")


def read_event(body: bytes, *, test: bool, now: datetime) -> ProviderEvent:
    """What a verified message is about. Raises MalformedEvent, also for the other mode (test or live)."""
    try:
        message = json.loads(body.decode("utf-8"), parse_float=str)
    except (ValueError, RecursionError):
        raise MalformedEvent("The message is signed but is not JSON.") from None
    if not isinstance(message, Mapping) or not text(message.get("event")):
        raise MalformedEvent("The message is signed but is not an event.")
    event = ProviderEvent(
        event_key=sha256(body).hexdigest(),
        type=message["event"],
        subject="none",
        occurred_at=moment(message.get("updated_at")) or moment(message.get("created_at")) or now,
        test=test,
    )
    if message.get("type") == "Payout" or not event.type.startswith("charge."):
        return event
    if message.get("mode") != ("test" if test else "live"):
        raise MalformedEvent("The message comes from the other mode, test or live, than our key.")
    return _about_payment(event, message)


def _about_payment(event: ProviderEvent, message: Mapping[str, Any]) -> ProviderEvent:
    reference = text(message.get("tx_ref"))
    try:
        claims: PaymentState | None = payment_state(message)
    except Unreadable:
        claims = None
    return replace(
        event,
        subject="refund" if event.type in ("charge.refunded", "charge.reversed") else "payment",
        reference=reference,
        provider_ref=reference,
        provider_payment_ref=text(message.get("reference")),
        claims=claims,
    )
