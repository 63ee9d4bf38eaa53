"""Asking providers by ourselves: a message that never comes costs minutes, never money."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import selectinload

from app.lib import outbox
from app.lib.db import transaction
from app.lib.money import Money
from app.payments import pace, services
from app.payments.issues import open_issue
from app.payments.models import OPEN_STATES, Attempt, Refund
from app.payments.promises import SEND, is_unheard_of
from app.payments.providers.base import PaymentState, Provider, ProviderError
from app.payments.providers.by_hand import BY_HAND
from app.payments.registry import all_providers

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
SOON = 60  # seconds
LONGEST_OPEN = timedelta(hours=24)  # where the provider sets no end of its own


def poll() -> int:
    """Have every attempt asked after that is open or has a refund on its way, when its time has come.

    Returns how many; several pollers share the work, and none is asked after twice. Those of a provider whose keys
    were taken out wait until they are back.
    """
    now = datetime.now(UTC)
    due = _unfinished().where(Attempt.check_at <= now, Attempt.provider.in_(list(all_providers())))
    due = due.order_by(Attempt.check_at).limit(MOST_AT_ONCE)
    with transaction() as current:
        attempts = list(current.scalars(due.options(selectinload(Attempt.refunds)).with_for_update(skip_locked=True)))
        phones = _on_the_phone()
        for attempt in attempts:
            _plan_next(attempt, now, on_the_phone=attempt.provider in phones)
            outbox.send("payments.check", key=f"check:{attempt.id}:{attempt.checks}", reference=attempt.reference)
            _send_again(attempt)
            _point_out_unheard(attempt)
        return len(attempts)


def _unfinished() -> Select[Attempt]:
    """Attempts somebody can be asked after. Two indexes, each of a few rows, instead of a look at all of them."""
    refunded = select(Refund.attempt_id).where(Refund.state == "pending", Refund.kind == "refund")
    is_open = select(Attempt.id).where(Attempt.state.in_(OPEN_STATES))
    return select(Attempt).where(Attempt.id.in_(is_open.union(refunded)), Attempt.provider.not_in(BY_HAND))


def _plan_next(attempt: Attempt, now: datetime, *, on_the_phone: bool) -> None:
    attempt.checks += 1
    began = max([attempt.created_at, *(refund.created_at for refund in attempt.refunds if refund.state == "pending")])
    attempt.check_at = now + pace.pause(began, attempt.expires_at, now, on_the_phone=on_the_phone)


def _on_the_phone() -> set[str]:
    return {provider.name for provider in all_providers().values() if provider.needs_phone}


def _send_again(attempt: Attempt) -> None:
    """A refund the provider never confirmed: its job may have been given up while the provider was away.

    `refunds.send` asks before it sends, and sends nothing that has the provider's name. While an earlier job is not
    done there is no second one: two workers would both ask, hear of nothing, and both send.
    """
    for refund in attempt.refunds:
        if refund.state == "pending" and refund.kind == "refund" and not outbox.waits(SEND, refund_id=refund.id):
            key = f"send-refund:{refund.id}:{attempt.checks}"
            outbox.send(SEND, key=key, refund_id=refund.id)


def _point_out_unheard(attempt: Attempt) -> None:
    unheard = [refund.amount for refund in attempt.refunds if is_unheard_of(refund)]
    if unheard:
        total = Money.total(unheard, attempt.captured.currency)
        note = f"Nobody heard what became of refunds of {total}. Look for them in the provider's dashboard."
        open_issue(attempt, "refund_unheard", note, renew=True)


def ask_in_turn(reference: str) -> None:
    """What `poll` planned. Who gets no answer is asked again soon while somebody may be paying, else in its turn."""
    try:
        ask(reference)
    except ProviderError as error:
        log.warning("No answer about %s: %s", reference, error)
        with transaction() as current:
            current.execute(SOONER, {"reference": reference, "seconds": SOON, "hours": pace.FIRST_HOURS})


SOONER = text("""
    UPDATE payment_attempts SET check_at = least(check_at, now() + make_interval(secs => :seconds))
    WHERE reference = :reference AND created_at > now() - :hours
""")


def ask(reference: str, *, channel: str = "poller") -> None:
    """Ask after one attempt, and stop when there is nothing to wait for any more. Raises ProviderError, NotFound."""
    state = services.check(reference, channel=channel)
    if state.state not in ("created", "pending", "unknown"):
        return
    with transaction() as current:
        row = current.execute(
            select(Attempt.provider, Attempt.created_at, Attempt.expires_at).where(Attempt.reference == reference)
        ).one()
    if _is_over(state, all_providers().get(row.provider), row.created_at, row.expires_at):
        over = replace(state, state="expired", error_code="not_paid", error_message="It was not paid in time.")
        services.settle(reference, over, channel=channel)


def _is_over(state: PaymentState, provider: Provider | None, created_at: datetime, expires_at: datetime | None) -> bool:
    """Nobody can pay any more, and the provider has no word for that.

    Money on its way is waited for as long as it takes, but not an answer from a telephone.
    """
    if state.awaits_money and not (provider and provider.needs_phone):
        return False
    longest = (provider.max_lifetime if provider else None) or LONGEST_OPEN
    return datetime.now(UTC) > max(created_at + longest, expires_at or created_at)


def open_now() -> list[tuple[str, str, int]]:
    """(reference, provider, times asked) of everything that has no end yet, oldest first, for `ask_once`."""
    with transaction() as current:
        rows = current.execute(
            _unfinished().with_only_columns(Attempt.reference, Attempt.provider, Attempt.checks).order_by(Attempt.id)
        )
        return [(reference, provider, checks) for reference, provider, checks in rows]


def claim(reference: str, checks: int) -> bool:
    """Whether it is ours to ask after this attempt: somebody who did it since `open_now` was quicker otherwise."""
    now = datetime.now(UTC)
    with transaction() as current:
        taken = current.scalar(
            update(Attempt)
            .where(Attempt.reference == reference, Attempt.checks == checks)
            .values(checks=Attempt.checks + 1, check_at=now + timedelta(seconds=pace.WHILE_OPEN))
            .returning(Attempt.id)
        )
        return taken is not None
