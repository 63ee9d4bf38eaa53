"""Every provider together with its other end, so that the same stories can be told about each."""

import hmac
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from app.lib.money import Money
from app.payments.providers.base import Patience, PaymentRequest, Provider, RefundRequest, RequestLine
from app.payments.providers.demo import DemoProvider, MemoryDemoStore
from app.payments.providers.stripe import StripeProvider
from app.payments.simulators import StripeSimulator

IMPATIENT = Patience(connect=0.5, answer=0.5, retries=0)
SECRET = "whsec_simulator"
# Worked out once: the same request asked for a second later must still be the same request.
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


def a_request(**changes: Any) -> PaymentRequest:
    """Ada's order of one shirt for 19.99 USD, payable for an hour."""
    request = PaymentRequest(
        reference="att-aaaabbbbccccddddeeeeffffgg",
        version=1,
        order_number="SO-7KQ2",
        amount=Money(1999, "USD"),
        email="ada@example.com",
        name="Ada",
        phone="+254712345678",
        country="US",
        description="Order SO-7KQ2",
        return_url="http://shop.test/payments/x/return?reference=att-aaaabbbbccccddddeeeeffffgg",
        cancel_url="http://shop.test/orders/SO-7KQ2",
        lines=(RequestLine("Linen shirt, M", 1, Money(1999, "USD")),),
        expires_at=IN_AN_HOUR,
        callback_url="https://shop.test/payments/x/webhook/att-aaaabbbbccccddddeeeeffffgg/0123456789abcdef",
    )
    if "amount" in changes and "lines" not in changes:
        changes["lines"] = (RequestLine("Linen shirt, M", 1, changes["amount"]),)
    return replace(request, **changes)


def a_refund(provider: Provider, request: PaymentRequest, provider_ref: str, **changes: Any) -> RefundRequest:
    """All of a paid attempt sent back."""
    state = provider.look_up(request.reference, provider_ref)
    refund = RefundRequest(
        reference="ref-zzzzyyyyxxxxwwwwvvvvuuuutt",
        attempt_reference=request.reference,
        provider_ref=provider_ref,
        provider_payment_ref=state.provider_payment_ref,
        amount=request.amount,
    )
    return replace(refund, **changes)


def signed(
    event: dict[str, Any] | bytes, *, secret: str = SECRET, at: float | None = None
) -> tuple[dict[str, str], bytes]:
    """Headers and body as Stripe would send them."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={mac}"}, body


def without_network(*, secrets: tuple[str, ...] = (SECRET,), **options: Any) -> StripeProvider:
    """Stripe as it is configured, with nobody at the other end."""
    return StripeProvider("sk_test_suite", secrets, **options)


class OtherEnd(Protocol):
    """What a shopper, a bank and time do at a provider, and where it differs from the others.

    `price` is what a story's order costs, `exact` what must arrive as it was asked. A provider that cannot search by
    our reference, cannot close what it opened, or signs nothing, says so; likewise one that leads to a page once only,
    or whose payments do not name their refunds. `lifetime` is how many seconds nobody need pay, `refunds_begin` the
    state in which a refund starts, `other_content` the code of a no to another amount under the same name.
    """

    provider: Provider
    price: Money = Money(1999, "USD")
    exact: tuple[Money, ...] = (Money(1999, "USD"), Money(500, "JPY"), Money(12340, "KWD"))
    searches: bool = True
    closes: bool = True
    signs: bool = True
    decline: str = "The bank declined this payment."
    same_page: bool = True
    names_refunds: bool = True
    lifetime: float = 3700
    refunds_begin: str = "succeeded"
    other_content: str = "idempotency_error"

    def press(self, button: str, request: PaymentRequest, provider_ref: str) -> None: ...

    def later(self, seconds: float) -> None: ...

    def message(self, request: PaymentRequest) -> tuple[dict[str, str], bytes]: ...

    def stop(self) -> None: ...


class KeepingSimulator(StripeSimulator):
    """Keeps its messages instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)


@dataclass
class StripeEnd(OtherEnd):
    simulator: KeepingSimulator
    provider: StripeProvider

    @classmethod
    def open(cls) -> "StripeEnd":
        simulator = KeepingSimulator()
        base = simulator.start()
        return cls(simulator, StripeProvider("sk_test_suite", (SECRET,), api_base=base, patience=IMPATIENT))

    def press(self, button: str, request: PaymentRequest, provider_ref: str) -> None:
        self.simulator.do(button, provider_ref)

    def later(self, seconds: float) -> None:
        self.simulator.clock.move(seconds)
        self.simulator.tick()

    def message(self, request: PaymentRequest) -> tuple[dict[str, str], bytes]:
        body = json.dumps(self.simulator.told[-1]).encode()
        return dict(self.simulator.sign(body, False)), body

    def stop(self) -> None:
        self.simulator.stop()


@dataclass
class DemoEnd(OtherEnd):
    provider: DemoProvider
    ahead: float = 0.0

    @classmethod
    def open(cls) -> "DemoEnd":
        end = cls(DemoProvider(MemoryDemoStore(), "a-secret-key"))
        end.provider = DemoProvider(MemoryDemoStore(), "a-secret-key", now=lambda: time.time() + end.ahead)
        return end

    def press(self, button: str, request: PaymentRequest, provider_ref: str) -> None:
        if button == "expire":
            self.provider.expire(request.reference, provider_ref)
        else:
            self.provider.choose(request.reference, button)  # type: ignore[arg-type]

    def later(self, seconds: float) -> None:
        self.ahead += seconds

    def message(self, request: PaymentRequest) -> tuple[dict[str, str], bytes]:
        event = self.provider.signed_event(request.reference)
        return event.headers, event.body

    def stop(self) -> None:
        """Nothing runs."""
