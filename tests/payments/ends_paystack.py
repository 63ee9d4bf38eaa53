"""Paystack together with its other end."""

import json
from dataclasses import dataclass
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import PaymentRequest
from app.payments.providers.paystack import PaystackProvider
from app.payments.simulators import PaystackSimulator

from .ends import IMPATIENT, OtherEnd

KEY = "sk_test_simulator"


class KeepingPaystack(PaystackSimulator):
    """Keeps its messages instead of sending them."""

    def __init__(self) -> None:
        super().__init__(secret_key=KEY)
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any], *, event_id: str = "", kind: str = "", url: str = "") -> None:
        self.told.append(message)


@dataclass
class PaystackEnd(OtherEnd):
    simulator: KeepingPaystack
    provider: PaystackProvider
    exact: tuple[Money, ...] = (Money(1999, "USD"), Money(40_000, "KES"), Money(1_234_567, "NGN"))
    closes: bool = False
    same_page: bool = False
    lifetime: float = 24 * 3600 + 100
    refunds_begin: str = "pending"

    @classmethod
    def open(cls) -> "PaystackEnd":
        simulator = KeepingPaystack()
        base = simulator.start()
        provider = PaystackProvider((KEY,), api_base=base, patience=IMPATIENT, now=simulator.clock.now)
        return cls(simulator, provider)

    def press(self, button: str, request: PaymentRequest, provider_ref: str) -> None:
        self.simulator.do(button, request.reference)

    def later(self, seconds: float) -> None:
        self.simulator.clock.move(seconds)
        self.simulator.tick()

    def message(self, request: PaymentRequest) -> tuple[dict[str, str], bytes]:
        body = json.dumps(self.simulator.told[-1]).encode()
        return dict(self.simulator.sign(body, False)), body

    def stop(self) -> None:
        self.simulator.stop()
