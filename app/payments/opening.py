"""Opening an attempt: what is written down before any provider is asked."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select

from app.inventory import services as inventory
from app.lib import runtime
from app.lib.db import retrying, session, transaction
from app.lib.errors import Invalid, NotAllowed
from app.lib.money import Money
from app.lib.tokens import random_key
from app.orders import services as orders
from app.orders.models import Order
from app.payments import callbacks, pace
from app.payments.models import Attempt, Payment
from app.payments.payers import NOBODY, Payer
from app.payments.providers.base import PaymentRequest, Provider, RequestLine
from app.payments.queries import attempts_of, summarise

TIME_TO_PAY = timedelta(seconds=30)  # a page that ends sooner serves nobody any more


class Opened(NamedTuple):
    """What to ask the provider for, and the address when it is known: then there is nothing to ask."""

    request: PaymentRequest
    next_url: str | None


@retrying
def open_attempt(number: str, provider: Provider, hold_until: datetime, payer: Payer = NOBODY) -> Opened:
    """Write down what we are about to try: to get what is still due of the order.

    The order is locked, so two clicks find the same attempt. Raises NotAllowed unless the order awaits money and this
    is offered for it, and Invalid.
    """
    with transaction():
        order = orders.locked(number)
        return open_one(order, attempts_of(order.id), provider, hold_until, payer)


def open_one(
    order: Order, attempts: tuple[Attempt, ...], provider: Provider, hold_until: datetime, payer: Payer
) -> Opened:
    """Find or add the attempt of a locked order, whose attempts these are; inside the caller's transaction.

    Raises NotAllowed and Invalid as open_attempt does.
    """
    phone = _phone(provider, payer)
    due = summarise(order, attempts).balance
    if not order.awaits_money or not due:
        raise NotAllowed(f"Order {order.number} is {order.status}; there is nothing to pay.")
    if not provider.supports(due, order.country):
        # A page only shows what is offered, but anybody can send anything.
        raise NotAllowed(f"{provider.title} is not offered for this order. Choose another way to pay.")
    attempt = _usable(attempts, provider, due)
    is_new = attempt is None
    if attempt is None:
        attempt = Attempt(
            payment_id=payment_of(order).id,
            reference=f"att-{random_key()}",
            provider=provider.name,
            state="created",
            amount_minor=due.minor,
            currency=due.currency,
            expires_at=_ends_at(provider, hold_until),
            check_at=datetime.now(UTC) + pace.first_pause(on_the_phone=provider.needs_phone),
            payer_phone=phone or (order.phone if provider.needs_phone else ""),
            network_digest=payer.network_digest,
            session_digest=payer.session_digest,
        )
        session().add(attempt)
        session().flush()
    _hold_beyond(order, hold_until, (attempt, *attempts))
    if is_new or provider.start_repeats:
        return Opened(request_of(order, attempt), attempt.next_url)
    # Somebody else is asking, or has asked; asked twice, it would be done twice.
    return Opened(request_of(order, attempt), attempt.next_url or "")


def _phone(provider: Provider, payer: Payer) -> str:
    """The number to be charged as the provider takes it; empty for the order's own."""
    if not provider.needs_phone or not payer.phone:
        return ""
    try:
        return provider.payer_phone(payer.phone)
    except ValueError as error:
        raise Invalid(str(error), "payer_phone") from None


def payment_of(order: Order) -> Payment:
    """The row that says what a locked order is owed."""
    payment = session().scalar(select(Payment).where(Payment.order_id == order.id))
    if payment is None:
        payment = Payment(order_id=order.id, amount_minor=order.total_minor, currency=order.currency)
        session().add(payment)
        session().flush()
    return payment


def _usable(attempts: Iterable[Attempt], provider: Provider, due: Money) -> Attempt | None:
    """The latest attempt at this provider that can still be paid, so that nobody pays twice."""
    ours = [
        attempt
        for attempt in attempts
        if attempt.provider == provider.name and serves(attempt, due) and not _came_to_nothing(attempt, provider)
    ]
    return ours[-1] if ours else None


def _came_to_nothing(attempt: Attempt, provider: Provider) -> bool:
    """It was never started, perhaps because the provider was away, and by now it would be refused.

    Should there be a page after all, nobody was told its address. A telephone may ring without our knowing.
    """
    return provider.start_repeats and attempt.next_url is None and not can_be_started(attempt, provider)


def can_be_started(attempt: Attempt, provider: Provider) -> bool:
    """Whether the provider still opens a page that ends so soon."""
    ends = datetime.now(UTC) + provider.min_lifetime - timedelta(minutes=1)
    return attempt.expires_at is None or attempt.expires_at >= ends


def serves(attempt: Attempt, due: Money) -> bool:
    """Whether its page asks for what is due, and is open long enough to be paid."""
    if not attempt.is_open or attempt.amount != due:
        return False
    return attempt.expires_at is None or attempt.expires_at > datetime.now(UTC) + TIME_TO_PAY


def _ends_at(provider: Provider, hold_until: datetime) -> datetime:
    """Before the stock hold ends, but as long as the provider keeps it open at least, and at most."""
    now = datetime.now(UTC)
    ends = max(hold_until - hold_margin(), now + provider.min_lifetime + timedelta(minutes=1))
    return ends if provider.max_lifetime is None else min(ends, now + provider.max_lifetime)


def hold_margin() -> timedelta:
    """By how much the stock hold outlives the payment page: 10 minutes, less when the hold itself is short."""
    return min(timedelta(minutes=10), timedelta(minutes=runtime.settings().hold_minutes) / 6)


def _hold_beyond(order: Order, hold_until: datetime, attempts: Iterable[Attempt]) -> None:
    """The stock is held as long as a page can be paid, and a little longer; no longer for a page that was closed."""
    if not order.is_pending:
        return
    ends = [attempt.expires_at + hold_margin() for attempt in attempts if attempt.is_open and attempt.expires_at]
    until = max([hold_until, *ends])
    if order.hold_expires_at != until:
        order.hold_expires_at = until
        inventory.prolong(order.id, until)


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
