"""Attempts: opened before anybody is asked, and asked about until they end."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from app.lib import outbox, ratelimit
from app.lib.db import retrying, transaction
from app.lib.errors import NotAllowed, NotFound, ShopError, TooMany
from app.lib.money import Money
from app.lib.ratelimit import Limit
from app.orders.models import Order
from app.payments import agreed
from app.payments.attempts import locked, move_attempt
from app.payments.models import Attempt
from app.payments.opening import Opened, hold_margin, open_attempt, open_one, request_of, serves
from app.payments.payers import NOBODY, Payer
from app.payments.providers.base import (
    DisputeState,
    NextStep,
    NotConfigured,
    Patience,
    PaymentRequest,
    PaymentState,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from app.payments.providers.by_hand import CASH_ON_DELIVERY
from app.payments.queries import attempts_of, summarise
from app.payments.registry import IN_A_JOB, ON_A_PAGE, provider_named, provider_of_old
from app.payments.settlement import settle

log = logging.getLogger(__name__)

__all__ = [
    "Opened",
    "check",
    "close_others",
    "hold_margin",
    "open_all_the_same",
    "open_unless_others",
    "record_answer",
    "request_of",
    "settle",
    "start",
]

CLOSED_BY_US = ("expired", "cancelled")
BEGUN_BEFORE = "duplicate_reference"  # the code of a provider that takes a name once: the other click has the page
AGAIN_AFTER = 15  # seconds until a start that got no answer is tried again
PUSHES = Limit("push", most=5, seconds=3600)  # requests sent to one telephone number


class PaymentNotStarted(ShopError):
    """The provider said no, or said nothing; the order stays and can be paid another way."""

    status = 409
    title = "The payment could not be started"


def open_unless_others(order: Order, provider_name: str, hold_until: datetime, payer: Payer) -> Opened | None:
    """The attempt of a locked order at this provider; None, and nothing written, while other pages have to be closed.

    `hold_until` is how long the stock is held; the payment page ends before that. Raises NotFound, NotAllowed, and
    Invalid for a telephone number the provider does not take.
    """
    provider = provider_named(provider_name)
    attempts = attempts_of(order.id)
    if _others(order, attempts, provider):
        return None
    return open_one(order, attempts, provider, hold_until, payer)


def open_all_the_same(number: str, provider_name: str, hold_until: datetime, payer: Payer = NOBODY) -> Opened:
    """The attempt of an order at this provider, when the others were closed as far as they could be.

    Raises what open_unless_others raises.
    """
    return open_attempt(number, provider_named(provider_name), hold_until, payer)


def start(number: str, opened: Opened, provider_name: str) -> str:
    """Have the provider open its page; gives back the address where the shopper pays, "" for our page of the order.

    Called again for the same attempt it leads to the same payment. Raises PaymentNotStarted and NotAllowed.
    """
    provider = provider_named(provider_name)
    request, next_url = opened
    if next_url is not None:
        return next_url
    try:
        _spare_the_phone(provider, request)
        answer = provider.start(request)
    except ProviderUnavailable as silence:
        # Another click may have opened the same payment meanwhile; its answer serves both.
        there = _opened_by_another(request.reference)
        if there is not None:
            return there
        _no_answer(request.reference, silence, repeats=provider.start_repeats)
        if silence.outcome_unknown and not provider.start_repeats:
            # It may have worked, so it is not tried again; our page says what to look for.
            return ""
        raise PaymentNotStarted(
            f"{provider.title} does not answer right now. Your order is safe: try again, or choose another way to pay."
        ) from silence
    except TooMany as limit:
        record_refusal(request.reference, ProviderRefused("too_many", limit.sentence))
        raise PaymentNotStarted(
            f"This telephone number was asked {PUSHES.most} times within an hour. {limit.sentence}"
        ) from limit
    except (ProviderRefused, NotConfigured) as no:
        # Refused perhaps because another click was quicker.
        there = _opened_by_another(request.reference)
        if there is not None:
            return there
        record_refusal(request.reference, no)
        raise PaymentNotStarted(
            f"{provider.title} cannot take this payment. Your order is safe: choose another way to pay."
        ) from no
    url = record_answer(request.reference, answer)
    if url is None:
        close_at_once(request.reference, provider_name, answer.provider_ref or None)
        raise NotAllowed(f"Order {number} was paid, cancelled or begun in another way at this moment.")
    return url


def _spare_the_phone(provider: Provider, request: PaymentRequest) -> None:
    """Whoever can make a stranger's telephone ring must not do it all day. Raises TooMany."""
    if provider.needs_phone:
        ratelimit.hit(PUSHES, request.phone)


def _opened_by_another(reference: str) -> str | None:
    with transaction() as current:
        return current.scalar(select(Attempt.next_url).where(Attempt.reference == reference))


@retrying
def record_answer(reference: str, answer: NextStep) -> str | None:
    """Write down where the shopper goes; gives back the address, or None when nothing is to be paid there by now.

    The address is empty when the shopper stays with us, and reads the answer's message there. Nothing is to be paid
    when the order does not await money any more, or when this attempt was closed meanwhile to pay in another way.
    """
    with transaction():
        order, attempt = locked(reference)
        begun_twice = (attempt.state, attempt.error_code) == ("failed", BEGUN_BEFORE)
        if attempt.state in ("created", "unknown") or begun_twice:
            move_attempt(order, attempt, "pending", "", "start")
        attempt.provider_ref = attempt.provider_ref or answer.provider_ref or None
        attempt.next_url, attempt.next_message = answer.url, answer.message
        attempt.error_code = attempt.error_message = None
        if attempt.state in CLOSED_BY_US:
            return None
        if answer.kind == "none":
            agreed.agree(order, attempt, answer)
        return answer.url if order.awaits_money else None


def close_at_once(reference: str, provider_name: str, provider_ref: str | None) -> None:
    """Nobody was led to this page yet. Money that comes through it all the same is sent back by settle()."""
    try:
        state = _closed(reference, provider_name, provider_ref, ON_A_PAGE)
    except ProviderError as error:
        log.warning("A payment page of an order that ended could not be closed: %s", error)
        return
    settle(reference, state, channel="closed")


@retrying
def _no_answer(reference: str, silence: ProviderUnavailable, *, repeats: bool) -> None:
    """What may be asked twice stays open, and is asked again by itself; see `starting`."""
    with transaction():
        order, attempt = locked(reference)
        if attempt.state == "created" and (silence.outcome_unknown or not repeats):
            move_attempt(order, attempt, "unknown" if silence.outcome_unknown else "failed", "", "start")
        attempt.error_code, attempt.error_message = "no_answer", str(silence)[:500]
        if repeats and attempt.is_open:
            key = f"start-again:{attempt.id}:1"
            outbox.send("payments.start_again", key=key, due_in=AGAIN_AFTER, reference=reference, tries=1)


@retrying
def record_refusal(reference: str, no: ProviderRefused | NotConfigured) -> None:
    """Write down that there will be no page, unless another click has led to one meanwhile."""
    log.warning("A payment was refused at its start: %s", getattr(no, "detail", "") or no)
    with transaction():
        order, attempt = locked(reference)
        if attempt.next_url is not None:
            return
        if attempt.is_open:
            move_attempt(order, attempt, "failed", "The payment could not be started.", "start")
        attempt.error_code, attempt.error_message = getattr(no, "code", "not_configured"), str(no)[:500]


def open_references(order_id: int, *, but_provider: str | None = None) -> list[tuple[str, str, str | None]]:
    """(reference, provider, provider's reference) of every attempt of the order that could still be paid.

    `but_provider` is about to be used: its page is left out, if there is one that can serve. Raises NotFound when the
    shop does not have it.
    """
    chosen = provider_named(but_provider) if but_provider is not None else None
    with transaction() as current:
        attempts = attempts_of(order_id)
        if not any(attempt.is_open for attempt in attempts):
            return []
        order = current.get_one(Order, order_id, populate_existing=True)
        return [
            (attempt.reference, attempt.provider, attempt.provider_ref) for attempt in _others(order, attempts, chosen)
        ]


def _others(order: Order, attempts: tuple[Attempt, ...], chosen: Provider | None) -> list[Attempt]:
    """Those that could still be paid, but for what may stay beside a page of `chosen`."""
    due = summarise(order, attempts).balance
    return [
        attempt
        for attempt in attempts
        if attempt.is_open and (chosen is None or not _stays(order, attempt, due, chosen))
    ]


def _stays(order: Order, attempt: Attempt, due: Money, chosen: Provider) -> bool:
    """What is to be paid at the door may be paid there until it was paid some other way; a page that serves is used
    again. Whether a telephone still rings is known only by asking."""
    if attempt.provider == CASH_ON_DELIVERY and order.is_due_at_the_door:
        return True
    return attempt.provider == chosen.name and serves(attempt, due) and chosen.start_repeats


def close_others(order_id: int, *, but_provider: str | None = None, in_a_job: bool = False) -> set[str]:
    """Close the order's open payment pages at their providers, and apply what really happened to each.

    Gives back the providers through whom money is on its way, which nobody can stop any more. When there are none,
    raises ProviderUnavailable if a provider could not be asked, after all others were: its page may still be paid.
    Raises NotFound, before anything is closed, for a `but_provider` the shop does not have.
    """
    patience = IN_A_JOB if in_a_job else ON_A_PAGE
    on_its_way, not_closed = set(), set()
    for reference, name, provider_ref in open_references(order_id, but_provider=but_provider):
        try:
            state = _closed(reference, name, provider_ref, patience)
        except ProviderError as error:
            log.warning("A payment page at %s could not be closed: %s", name, error)
            not_closed.add(name)
            continue
        settle(reference, state, channel="closed")
        if state.awaits_money:
            on_its_way.add(name)
    if not_closed and not on_its_way:
        raise ProviderUnavailable(f"Not asked, so perhaps still open: pages at {', '.join(sorted(not_closed))}.")
    return on_its_way


def _closed(reference: str, name: str, provider_ref: str | None, patience: Patience) -> PaymentState:
    provider = provider_of_old(name, patience)
    if provider_ref is not None:
        return provider.expire(reference, provider_ref)
    state = provider.look_up(reference, None)
    return provider.expire(reference, state.provider_ref) if state.provider_ref is not None else state


@dataclass(frozen=True)
class Told:
    """What a verified message says that the provider's own answer may not."""

    provider_ref: str | None = None
    provider_payment_ref: str | None = None
    disputes: tuple[DisputeState, ...] = ()


NOTHING_TOLD = Told()


def check(reference: str, *, channel: str, in_a_job: bool = True, told: Told = NOTHING_TOLD) -> PaymentState:
    """Ask the provider what became of an attempt, and apply the answer, which is given back.

    Raises ProviderError when it does not answer or cannot be asked, NotFound for an unknown reference.
    """
    with transaction() as current:
        row = current.execute(
            select(Attempt.provider, Attempt.provider_ref).where(Attempt.reference == reference)
        ).one_or_none()
    if row is None:
        raise NotFound("There is no such payment.")
    provider = provider_of_old(row.provider, IN_A_JOB if in_a_job else ON_A_PAGE)
    provider_ref = row.provider_ref or told.provider_ref
    state = provider.look_up(reference, provider_ref)
    if state.state == "authorised":
        take = _may_take(reference, state.amount)
        state = provider.capture(reference, provider_ref) if take else provider.expire(reference, provider_ref or "")
    state = _with(state, provider_ref, told)
    settle(reference, state, channel=channel)
    return state


def _may_take(reference: str, amount: Money | None) -> bool:
    """Whether money the shopper agreed to is still wanted: of an order that ended, or was paid, it is left alone.

    So is another amount than was asked for.
    """
    with transaction():
        order, attempt = locked(reference)
        due = summarise(order, attempts_of(order.id)).balance
        is_wanted = attempt.is_open and order.awaits_money and attempt.amount_minor <= due.minor
        return is_wanted and amount in (None, attempt.amount)


def _with(state: PaymentState, provider_ref: str | None, told: Told) -> PaymentState:
    if state.error_code == "other_reference":
        # Whoever spoke of it meant another payment: none of its names is this one's.
        return state
    return replace(
        state,
        provider_ref=state.provider_ref or provider_ref,
        provider_payment_ref=state.provider_payment_ref or told.provider_payment_ref,
        disputes=state.disputes + told.disputes,
    )
