"""Attempts: opened before anybody is asked, and asked about until they end."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, not_, or_, select

from app.inventory import services as inventory
from app.lib import outbox, ratelimit, runtime
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed, NotFound, ShopError, TooMany
from app.lib.ratelimit import Limit
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.payments import callbacks, pace
from app.payments.attempts import locked, move_attempt
from app.payments.models import OPEN_STATES, Attempt, Payment
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
    RequestLine,
)
from app.payments.registry import IN_A_JOB, ON_A_PAGE, provider_named, provider_of_old
from app.payments.settlement import settle

log = logging.getLogger(__name__)

__all__ = ["check", "close_others", "open_attempt", "record_answer", "settle", "start"]

AGAIN_AFTER = 15  # seconds until a start that got no answer is tried again
PUSHES = Limit("push", most=5, seconds=3600)  # requests sent to one telephone number


class PaymentNotStarted(ShopError):
    """The provider said no, or said nothing; the order stays and can be paid another way."""

    status = 409
    title = "The payment could not be started"


def start(number: str, provider_name: str, hold_until: datetime, payer: Payer = NOBODY) -> str:
    """Open the payment at the provider and give back the address where the shopper pays, "" for our page of the order.

    A second call for the same order and provider leads to the same payment. `hold_until` is how long the
    stock is held; the payment page ends before that. Raises PaymentNotStarted, NotAllowed, NotFound, and Invalid
    for a telephone number the provider does not take.
    """
    provider = provider_named(provider_name)
    request, next_url = open_attempt(number, provider, hold_until, payer)
    if next_url is not None:
        return next_url
    try:
        _spare_the_phone(provider, request)
        answer = provider.start(request)
    except ProviderUnavailable as silence:
        # Another click may have opened the same payment meanwhile; its answer serves both.
        opened = _opened_by_another(request.reference)
        if opened is not None:
            return opened
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
        record_refusal(request.reference, no)
        raise PaymentNotStarted(
            f"{provider.title} cannot take this payment. Your order is safe: choose another way to pay."
        ) from no
    url = record_answer(request.reference, answer)
    if url is None:
        close_at_once(request.reference, provider_name, answer.provider_ref or None)
        raise NotAllowed(f"Order {number} was paid or cancelled at this moment; there is nothing to pay.")
    return url


def _spare_the_phone(provider: Provider, request: PaymentRequest) -> None:
    """Whoever can make a stranger's telephone ring must not do it all day. Raises TooMany."""
    if provider.needs_phone:
        ratelimit.hit(PUSHES, request.phone)


def _opened_by_another(reference: str) -> str | None:
    with transaction() as current:
        return current.scalar(select(Attempt.next_url).where(Attempt.reference == reference))


@retrying
def open_attempt(
    number: str, provider: Provider, hold_until: datetime, payer: Payer = NOBODY
) -> tuple[PaymentRequest, str | None]:
    """Write down what we are about to try; gives back the request, and the address unless it is to be asked for.

    The order is locked, so two clicks find the same attempt. Raises NotAllowed unless the order awaits payment, and
    Invalid.
    """
    phone = _phone(provider, payer)
    with transaction() as current:
        order = orders.locked(number)
        if order.status != "pending":
            raise NotAllowed(f"Order {order.number} is {order.status}; there is nothing to pay.")
        payment = _payment_of(order)
        attempt = _open_one(payment, provider.name)
        is_new = attempt is None
        if attempt is None:
            attempt = Attempt(
                payment_id=payment.id,
                reference=f"att-{random_key()}",
                provider=provider.name,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
                expires_at=_ends_at(provider, hold_until),
                check_at=datetime.now(UTC) + pace.first_pause(on_the_phone=provider.needs_phone),
                payer_phone=phone,
                network_digest=payer.network_digest,
                session_digest=payer.session_digest,
            )
            current.add(attempt)
            current.flush()
        _hold_beyond(order, attempt)
        if is_new or provider.start_repeats:
            return request_of(order, attempt), attempt.next_url
        # Somebody else is asking, or has asked; asked twice, it would be done twice.
        return request_of(order, attempt), attempt.next_url or ""


def _phone(provider: Provider, payer: Payer) -> str:
    """The number to be charged as the provider takes it; empty for the order's own."""
    if not provider.needs_phone or not payer.phone:
        return ""
    try:
        return provider.payer_phone(payer.phone)
    except ValueError as error:
        raise Invalid(str(error), "payer_phone") from None


def _ends_at(provider: Provider, hold_until: datetime) -> datetime:
    """Before the stock hold ends, but as long as the provider keeps it open at least, and at most."""
    now = datetime.now(UTC)
    ends = max(hold_until - hold_margin(), now + provider.min_lifetime + timedelta(minutes=1))
    return ends if provider.max_lifetime is None else min(ends, now + provider.max_lifetime)


def _hold_beyond(order: Order, attempt: Attempt) -> None:
    """The stock is held as long as the page can be paid, and a little longer."""
    assert attempt.expires_at is not None
    until = attempt.expires_at + hold_margin()
    if order.hold_expires_at < until:
        order.hold_expires_at = until
        inventory.prolong(order.id, until)


def hold_margin() -> timedelta:
    """By how much the stock hold outlives the payment page: 10 minutes, less when the hold itself is short."""
    return min(timedelta(minutes=10), timedelta(minutes=runtime.settings().hold_minutes) / 6)


def _payment_of(order: Order) -> Payment:
    payment = session().scalar(select(Payment).where(Payment.order_id == order.id))
    if payment is None:
        payment = Payment(order_id=order.id, amount_minor=order.total_minor, currency=order.currency)
        session().add(payment)
        session().flush()
    return payment


def _open_one(payment: Payment, provider_name: str) -> Attempt | None:
    """An attempt that can still be paid, so that nobody pays twice."""
    return session().scalar(
        select(Attempt)
        .where(
            Attempt.payment_id == payment.id,
            Attempt.provider == provider_name,
            Attempt.state.in_(OPEN_STATES),
            _page_lives_on(),
        )
        .order_by(Attempt.id.desc())
        .limit(1)
    )


def _page_lives_on() -> ColumnElement[bool]:
    """SQL for an attempt whose page is open long enough to be paid."""
    return or_(Attempt.expires_at.is_(None), Attempt.expires_at > datetime.now(UTC) + timedelta(seconds=30))


def request_of(order: Order, attempt: Attempt) -> PaymentRequest:
    """Made from the order's snapshot and the attempt's row alone, so the same attempt always asks the same."""
    base = runtime.settings().shop_url
    back = f"{base}/payments/{attempt.provider}/return?reference={attempt.reference}"
    assert attempt.expires_at is not None
    return PaymentRequest(
        reference=attempt.reference,
        version=1,
        order_number=order.number,
        amount=attempt.amount,
        email=order.email,
        name=order.name,
        phone=attempt.payer_phone or order.phone,
        country=order.country,
        description=f"Order {order.number}",
        return_url=back,
        cancel_url=f"{back}&left=1",
        lines=tuple(RequestLine(line.name, line.quantity, order.money(line.unit_price_minor)) for line in order.lines),
        expires_at=attempt.expires_at,
        callback_url=callbacks.url_of(attempt.provider, attempt.reference),
    )


@retrying
def record_answer(reference: str, answer: NextStep) -> str | None:
    """Write down where the shopper goes; gives back the address, or None when nothing is to be paid by now.

    The address is empty when the shopper stays with us, and reads the answer's message there.
    """
    with transaction():
        order, attempt = locked(reference)
        if attempt.state in ("created", "unknown"):
            move_attempt(order, attempt, "pending", "", "start")
        attempt.provider_ref = attempt.provider_ref or answer.provider_ref or None
        attempt.next_url, attempt.next_message = answer.url, answer.message
        attempt.error_code = attempt.error_message = None
        return answer.url if order.status == "pending" else None


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
    log.warning("A payment was refused at its start: %s", getattr(no, "detail", "") or no)
    with transaction():
        order, attempt = locked(reference)
        if attempt.is_open:
            move_attempt(order, attempt, "failed", "The payment could not be started.", "start")
        attempt.error_code, attempt.error_message = getattr(no, "code", "not_configured"), str(no)[:500]


def open_references(order_id: int, *, but_provider: str | None = None) -> list[tuple[str, str, str | None]]:
    """(reference, provider, provider's reference) of every attempt of the order that could still be paid.

    `but_provider` is about to be used again: its page is left out, if there is one that can serve.
    """
    statement = (
        select(Attempt.reference, Attempt.provider, Attempt.provider_ref)
        .join(Payment)
        .where(Payment.order_id == order_id, Attempt.state.in_(OPEN_STATES))
    )
    if but_provider is not None:
        statement = statement.where(not_(and_(Attempt.provider == but_provider, _page_lives_on())))
    with transaction() as current:
        return [(reference, provider, ref) for reference, provider, ref in current.execute(statement)]


def close_others(order_id: int, *, but_provider: str | None = None, in_a_job: bool = False) -> bool:
    """Close the order's open payment pages at their providers, and apply what really happened to each.

    Gives back whether money is on its way through one of them, which nobody can stop any more. Raises
    ProviderUnavailable when a provider cannot be asked, after all others were: its page may still be paid.
    """
    patience = IN_A_JOB if in_a_job else ON_A_PAGE
    on_its_way, not_closed = False, set()
    for reference, name, provider_ref in open_references(order_id, but_provider=but_provider):
        try:
            state = _closed(reference, name, provider_ref, patience)
        except ProviderError as error:
            log.warning("A payment page at %s could not be closed: %s", name, error)
            not_closed.add(name)
            continue
        settle(reference, state, channel="closed")
        on_its_way = on_its_way or state.awaits_money
    if not_closed:
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
        state = provider.capture(reference, provider_ref)
    state = _with(state, provider_ref, told)
    settle(reference, state, channel=channel)
    return state


def _with(state: PaymentState, provider_ref: str | None, told: Told) -> PaymentState:
    return replace(
        state,
        provider_ref=state.provider_ref or provider_ref,
        provider_payment_ref=state.provider_payment_ref or told.provider_payment_ref,
        disputes=state.disputes + told.disputes,
    )
