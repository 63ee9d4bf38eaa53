"""A provider's messages: verified, kept raw, answered at once; understood by a job that asks for the truth."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.lib import outbox
from app.lib.db import session, transaction
from app.lib.errors import NotFound
from app.lib.money import Money
from app.payments import callbacks
from app.payments.attempts import locked
from app.payments.models import Attempt, WebhookEvent
from app.payments.providers.base import DisputeState, PaymentState
from app.payments.registry import provider_named
from app.payments.services import Told, check
from app.payments.settlement import doubt


def receive(provider_name: str, headers: Mapping[str, str], body: bytes, reference: str = "") -> None:
    """Verify a message and keep it; a repeat changes nothing.

    `reference` is of the attempt whose own secret address was called, if it was one. Raises WebhookRejected for a
    message that is not to be believed, NotConfigured without a secret, NotFound.
    """
    event = provider_named(provider_name).read_webhook(headers, body, reference)
    with transaction() as current:
        new_id = current.scalar(
            upsert(WebhookEvent)
            .values(
                provider=provider_name,
                event_key=event.event_key,
                type=event.type,
                subject=event.subject,
                reference=event.reference,
                provider_ref=event.provider_ref,
                provider_payment_ref=event.provider_payment_ref,
                claims=_claims(event.claims) | _dispute(event.dispute),
                headers={"content-type": headers.get("Content-Type", "")},
                body=body,
            )
            .on_conflict_do_nothing()
            .returning(WebhookEvent.id)
        )
        if new_id is not None:
            outbox.send("payments.read_webhook", key=f"webhook:{new_id}", event_id=new_id)


def _claims(claims: PaymentState | None) -> dict[str, Any]:
    if claims is None or claims.amount is None:
        return {}
    return {"state": claims.state, "minor": claims.amount.minor, "currency": claims.amount.currency}


def _dispute(dispute: DisputeState | None) -> dict[str, Any]:
    if dispute is None:
        return {}
    return {
        "dispute": {
            "state": dispute.state,
            "provider_ref": dispute.provider_ref,
            "minor": dispute.amount.minor,
            "currency": dispute.amount.currency,
            "reason": dispute.reason,
            "answer_by": dispute.answer_by.isoformat() if dispute.answer_by else None,
        }
    }


def _disputes(claims: dict[str, Any]) -> tuple[DisputeState, ...]:
    told = claims.get("dispute")
    if told is None:
        return ()
    return (
        DisputeState(
            state=told["state"],
            provider_ref=told["provider_ref"],
            amount=Money(told["minor"], told["currency"]),
            reason=told["reason"],
            answer_by=datetime.fromisoformat(told["answer_by"]) if told["answer_by"] else None,
        ),
    )


def read(event_id: int) -> None:
    """Understand a kept message: find its attempt, ask the provider for the truth, apply it.

    Raises ProviderUnavailable when the provider does not answer, so that the job is tried again.
    """
    with transaction() as current:
        state = current.scalar(select(WebhookEvent.state).where(WebhookEvent.id == event_id))
    if state not in (None, "processed", "ignored"):
        _handle(event_id, in_a_job=True)


def replay(event_id: int, *, in_a_job: bool = True) -> str:
    """Handle a kept message again, as if it had just come; gives back its state then. What is known changes nothing.

    Raises NotFound, and ProviderError when the provider does not answer; then the message stays as it was.
    """
    with transaction() as current:
        if current.get(WebhookEvent, event_id) is None:
            raise NotFound("There is no such event.")
    return _handle(event_id, in_a_job=in_a_job)


def _handle(event_id: int, *, in_a_job: bool) -> str:
    with transaction() as current:
        event = current.get_one(WebhookEvent, event_id, populate_existing=True)
        attempt = _attempt_of(event)
        verdict = _verdict(event, attempt)
        if verdict:
            return _end(event, *verdict)
        assert attempt is not None
        _compare(event, attempt)
        reference = attempt.reference
        told = Told(event.provider_ref, event.provider_payment_ref, _disputes(event.claims))
    truth = check(reference, channel="webhook", told=told, in_a_job=in_a_job)
    with transaction() as current:
        event = current.get_one(WebhookEvent, event_id)
        return _end(event, *_outcome(event, truth))


def _outcome(event: WebhookEvent, truth: PaymentState) -> tuple[str, str]:
    """Money is believed when the provider itself says so. That one of its messages says more, a person should know."""
    if event.claims.get("state") == "paid" and truth.state in ("failed", "expired", "cancelled", "unknown"):
        return "failed", f"It says that money came; asked about it, the provider says: {truth.state}."
    return "processed", ""


def _end(event: WebhookEvent, state: str, note: str) -> str:
    # A job that was given up before needs nobody any more.
    outbox.settle(f"webhook:{event.id}")
    if event.processed_at is not None:
        outbox.settle(f"webhook:{event.id}:{int(event.processed_at.timestamp())}")
    event.state, event.note, event.processed_at = state, note, datetime.now(UTC)
    return state


def _verdict(event: WebhookEvent, attempt: Attempt | None) -> tuple[str, str] | None:
    if event.subject == "none":
        return "ignored", "A kind of message this shop does not use."
    if attempt is None:
        return "orphan", "It speaks of a payment this shop does not know."
    return None


def _attempt_of(event: WebhookEvent) -> Attempt | None:
    names = (
        (Attempt.provider_ref, event.provider_ref),
        (Attempt.reference, event.reference),
        (Attempt.provider_payment_ref, event.provider_payment_ref),
    )
    for column, value in names:
        if value:
            found: Attempt | None = session().scalar(
                select(Attempt).where(column == value, Attempt.provider == event.provider).limit(1)
            )
            if found is not None:
                return found if _is_meant(event, found) else None
    return None


def _is_meant(event: WebhookEvent, attempt: Attempt) -> bool:
    """A message that names two attempts, by the provider's name and by ours, speaks of neither."""
    if event.provider in callbacks.UNSIGNED and attempt.provider_ref not in (None, event.provider_ref):
        return False
    return not event.reference or event.reference == attempt.reference


def _compare(event: WebhookEvent, attempt: Attempt) -> None:
    """A signed message about another amount deserves a person, even when the provider's books agree with ours."""
    claims = event.claims
    if claims.get("state") != "paid":
        return
    if (claims["currency"], claims["minor"]) == (attempt.currency, attempt.amount_minor):
        return
    # Only now the lock: somebody else may have settled it since it was read, and doubt comes before the money.
    _, attempt = locked(attempt.reference)
    if attempt.state == "paid":
        return
    if claims["currency"] != attempt.currency:
        doubt(attempt, "currency", f"A message spoke of {claims['currency']}; {attempt.amount} was asked.")
    else:
        doubt(
            attempt,
            "amount",
            f"A message spoke of {claims['minor']} minor units; {attempt.amount} was asked.",
        )
