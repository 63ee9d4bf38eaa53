"""The built-in provider: a play-money payment page of our own, so that a shop without any keys can sell.

It behaves like the real ones: it keeps its own books behind `DemoStore`, tells the truth when asked, and
sends signed messages to the same webhook address. `choose` is what the buttons of its page do.
"""

import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, Protocol, cast

from app.lib.money import Money
from app.payments.providers import signatures
from app.payments.providers.base import (
    ListedPayment,
    MalformedEvent,
    NextStep,
    PaymentRequest,
    PaymentState,
    PaymentStates,
    Provider,
    ProviderEvent,
    ProviderRefused,
    RefundRequest,
    RefundState,
)

LATE_BY = 5  # seconds between the shopper's return and the money, after "late"

Outcome = Literal["pay", "decline", "late", "leave", "refund"]


@dataclass(frozen=True)
class DemoRefund:
    provider_ref: str
    reference: str | None
    minor: int


@dataclass(frozen=True)
class DemoPayment:
    """One payment in the demo provider's books; times are unix seconds, the amount in minor units."""

    reference: str
    order_number: str
    minor: int
    currency: str
    return_url: str
    cancel_url: str
    expires_at: float
    state: Literal["open", "late", "paid", "declined", "closed"] = "open"
    paid_at: float = 0.0
    refunds: tuple[DemoRefund, ...] = ()

    @property
    def amount(self) -> Money:
        return Money(self.minor, self.currency)

    @property
    def refunded(self) -> Money:
        return Money(sum(refund.minor for refund in self.refunds), self.currency)

    def as_json(self) -> dict[str, Any]:
        """For keeping; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "DemoPayment":
        refunds = tuple(DemoRefund(**refund) for refund in kept["refunds"])
        return cls(**{**kept, "refunds": refunds})


class DemoStore(Protocol):
    """Where the demo provider keeps its books, the same for every process."""

    def get(self, reference: str) -> DemoPayment | None: ...

    def put(self, payment: DemoPayment) -> None: ...

    def paid_between(self, since: float, until: float) -> Sequence[DemoPayment]:
        """Whatever has its money's time in [since, until), in unix seconds."""
        ...

    def alone(self) -> AbstractContextManager[object]:
        """Inside, what was read stays as it is until it is put back: two who write take turns."""
        ...


class MemoryDemoStore:
    """Books for one process, for tests."""

    def __init__(self) -> None:
        self._payments: dict[str, DemoPayment] = {}
        self._lock = threading.RLock()

    def alone(self) -> AbstractContextManager[object]:
        return self._lock

    def get(self, reference: str) -> DemoPayment | None:
        return self._payments.get(reference)

    def put(self, payment: DemoPayment) -> None:
        self._payments[payment.reference] = payment

    def paid_between(self, since: float, until: float) -> Sequence[DemoPayment]:
        return [payment for payment in self._payments.values() if payment.paid_at and since <= payment.paid_at < until]


@dataclass(frozen=True)
class DemoAnswer:
    """What pressing a button leads to: where the shopper goes, and in how many seconds a message is due."""

    redirect_to: str
    message_in: int | None


@dataclass(frozen=True)
class SignedEvent:
    """A message ready to be posted to the webhook address."""

    headers: dict[str, str]
    body: bytes


class DemoProvider(Provider):
    """Needs nothing but a store and the shop's secret key, from which it derives its own."""

    name = "demo"
    title = "Demo payment"
    test = True
    form_action_origins = ()
    min_lifetime = timedelta(minutes=1)

    def __init__(self, store: DemoStore, secret_key: str, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._signing_key = hmac.new(secret_key.encode(), b"demo payment webhooks", sha256).hexdigest()
        self._now = now

    def supports(self, amount: Money, country: str) -> bool:
        return amount.minor > 0

    def start(self, request: PaymentRequest) -> NextStep:
        with self._store.alone():
            return self._start(request)

    def _start(self, request: PaymentRequest) -> NextStep:
        payment = self._store.get(request.reference) or DemoPayment(
            reference=request.reference,
            order_number=request.order_number,
            minor=request.amount.minor,
            currency=request.amount.currency,
            return_url=request.return_url,
            cancel_url=request.cancel_url,
            expires_at=request.expires_at.timestamp(),
        )
        if payment.amount != request.amount:
            raise ProviderRefused("idempotency_error", "This payment was started before with other content.")
        self._store.put(payment)
        return NextStep(
            kind="redirect",
            url=f"/payments/demo/{payment.reference}",
            provider_ref=_provider_ref(payment.reference),
            expires_at=datetime.fromtimestamp(payment.expires_at, UTC),
        )

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        payment = self._store.get(reference)
        if payment is None:
            return PaymentState("unknown", error_code="not_found", test=True)
        return self._state(payment)

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        with self._store.alone():
            payment = self._store.get(reference)
            if payment is not None and payment.state == "open":
                self._store.put(replace(payment, state="closed"))
            return self.look_up(reference, provider_ref)

    def refund(self, request: RefundRequest) -> RefundState:
        with self._store.alone():
            payment = self._existing(request.attempt_reference)
            if (known := self.look_up_refund(request, None)) is not None:
                return known
            payment = self._refunded(payment, request.reference, request.amount)
            return self._refund_state(payment, payment.refunds[-1])

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        payment = self._store.get(request.attempt_reference)
        for refund in payment.refunds if payment else ():
            if refund.reference == request.reference:
                return self._refund_state(cast(DemoPayment, payment), refund)
        return None

    def read_webhook(self, headers: Mapping[str, str], body: bytes, reference: str = "") -> ProviderEvent:
        header = signatures.header_named(headers, "Demo-Signature")
        signatures.verify(header, body, (self._signing_key,), now=self._now())
        try:
            message = json.loads(body)
            money = Money(int(message["amount"]), str(message["currency"]))
            refunded = Money(int(message["refunded"]), money.currency)
            reference = str(message["reference"])
            return ProviderEvent(
                event_key=str(message["id"]),
                type=str(message["type"]),
                subject="refund" if message["type"] == "payment.refunded" else "payment",
                occurred_at=datetime.fromtimestamp(int(message["created"]), UTC),
                reference=reference,
                provider_ref=_provider_ref(reference),
                provider_payment_ref=_payment_ref(reference),
                claims=PaymentState(
                    state=cast(PaymentStates, message["state"]),
                    amount=money,
                    provider_ref=_provider_ref(reference),
                    provider_payment_ref=_payment_ref(reference),
                    refunded=refunded,
                    test=True,
                ),
                test=True,
            )
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            raise MalformedEvent("The message is signed but is not one of ours.") from None

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        """By when the money came."""
        for payment in self._store.paid_between(since.timestamp(), min(until.timestamp(), self._now())):
            at = datetime.fromtimestamp(payment.paid_at, UTC)
            yield ListedPayment(payment.reference, self._state(payment), at)

    def choose(self, reference: str, outcome: Outcome) -> DemoAnswer:
        """What a button of the demo page does. Raises ProviderRefused when that is not possible any more."""
        with self._store.alone():
            return self._choose(reference, outcome)

    def _choose(self, reference: str, outcome: Outcome) -> DemoAnswer:
        payment = self._existing(reference)
        if outcome == "leave":
            return DemoAnswer(payment.cancel_url, message_in=None)
        if outcome == "refund":
            self._refunded(payment, None, payment.amount - payment.refunded)
            return DemoAnswer(payment.return_url, message_in=0)
        if payment.state != "open" or self._now() >= payment.expires_at:
            raise ProviderRefused("not_open", "This demo payment is finished; it cannot be paid any more.")
        if outcome == "decline":
            self._store.put(replace(payment, state="declined"))
            return DemoAnswer(payment.return_url, message_in=0)
        late = outcome == "late"
        paid_at = self._now() + (LATE_BY if late else 0)
        self._store.put(replace(payment, state="late" if late else "paid", paid_at=paid_at))
        # A second later than the money, so that the message finds it there.
        return DemoAnswer(payment.return_url, message_in=LATE_BY + 1 if late else 0)

    def payment(self, reference: str) -> DemoPayment | None:
        """What the books say, for the page."""
        return self._store.get(reference)

    def signed_event(self, reference: str) -> SignedEvent:
        """The message about a payment as it is now; the same state always has the same event key."""
        payment = self._existing(reference)
        state = self._state(payment)
        kind = "refunded" if payment.refunds else state.state
        body = json.dumps(
            {
                "id": f"demo-{reference}-{kind}-{payment.refunded.minor}",
                "type": f"payment.{kind}",
                "created": int(self._now()),
                "reference": reference,
                "state": state.state,
                "amount": payment.minor,
                "currency": payment.currency,
                "refunded": payment.refunded.minor,
            }
        ).encode()
        signature = signatures.sign(body, self._signing_key, int(self._now()))
        return SignedEvent({"Content-Type": "application/json", "Demo-Signature": signature}, body)

    def _existing(self, reference: str) -> DemoPayment:
        payment = self._store.get(reference)
        if payment is None:
            raise ProviderRefused("not_found", "There is no such demo payment.")
        return payment

    def _refunded(self, payment: DemoPayment, reference: str | None, amount: Money) -> DemoPayment:
        left = payment.amount - payment.refunded
        if self._state(payment).state != "paid":
            raise ProviderRefused("not_paid", "This demo payment has not been paid, so nothing can go back.")
        if amount.currency != payment.currency or not 0 < amount.minor <= left.minor:
            raise ProviderRefused("amount_too_large", f"Only {left} of this payment is left to refund.")
        refund = DemoRefund(_refund_ref(payment), reference, amount.minor)
        refunded = replace(payment, refunds=(*payment.refunds, refund))
        self._store.put(refunded)
        return refunded

    def _state(self, payment: DemoPayment) -> PaymentState:
        state, awaits_money = self._now_is(payment)
        declined = state == "failed"
        return PaymentState(
            state=state,
            amount=payment.amount,
            provider_ref=_provider_ref(payment.reference),
            provider_payment_ref=_payment_ref(payment.reference),
            refunded=payment.refunded,
            error_code="card_declined" if declined else "",
            error_message="The bank declined this payment." if declined else "",
            refunds=tuple(self._refund_state(payment, refund) for refund in payment.refunds),
            test=True,
            awaits_money=awaits_money,
        )

    def _now_is(self, payment: DemoPayment) -> tuple[PaymentStates, bool]:
        match payment.state:
            case "paid":
                return "paid", False
            case "late":
                return ("paid", False) if self._now() >= payment.paid_at else ("pending", True)
            case "declined":
                return "failed", False
            case "closed":
                return "expired", False
        return ("pending" if self._now() < payment.expires_at else "expired"), False

    def _refund_state(self, payment: DemoPayment, refund: DemoRefund) -> RefundState:
        amount = Money(refund.minor, payment.currency)
        return RefundState("succeeded", refund.provider_ref, refund.reference, amount)


def _provider_ref(reference: str) -> str:
    return f"demo-{reference}"


def _payment_ref(reference: str) -> str:
    return f"demo-payment-{reference}"


def _refund_ref(payment: DemoPayment) -> str:
    return f"demo-refund-{payment.reference}-{len(payment.refunds) + 1}"
