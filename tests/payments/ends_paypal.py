"""PayPal together with its other end."""

import json
from dataclasses import dataclass
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import PaymentRequest
from app.payments.providers.paypal import PayPalProvider
from app.payments.simulators import PayPalSimulator

from .ends import IMPATIENT, OtherEnd

KEYS = ("simulator", "simulator", "8PT597110X687430LKGECATA")
AT_THE_PAGE = {"pay": "pay", "late": "late", "decline": "deny"}


class KeepingPayPal(PayPalSimulator):
    """Keeps its messages instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any], *, event_id: str = "", kind: str = "", url: str = "") -> None:
        self.told.append(message)


@dataclass
class PayPalEnd(OtherEnd):
    """Whoever approves at PayPal comes back, and the shop takes the money: both are one press here."""

    simulator: KeepingPayPal
    provider: PayPalProvider
    exact: tuple[Money, ...] = (Money(1999, "USD"), Money(500, "JPY"), Money(50_000, "TWD"))
    searches: bool = False
    closes: bool = False
    lifetime: float = 3 * 3600 + 100
    decline: str = "PayPal declined this payment."

    @classmethod
    def open(cls) -> "PayPalEnd":
        simulator = KeepingPayPal()
        base = simulator.start()
        provider = PayPalProvider(*KEYS, api_base=base, patience=IMPATIENT, now=simulator.clock.now)
        return cls(simulator, provider)

    def press(self, button: str, request: PaymentRequest, provider_ref: str) -> None:
        self.simulator.do(AT_THE_PAGE.get(button, button), provider_ref)
        if button in AT_THE_PAGE:
            self.provider.capture(request.reference, provider_ref)

    def later(self, seconds: float) -> None:
        self.simulator.clock.move(seconds)
        self.simulator.tick()

    def message(self, request: PaymentRequest) -> tuple[dict[str, str], bytes]:
        body = json.dumps(self.simulator.told[-1]).encode()
        return dict(self.simulator.sign(body, False)), body

    def stop(self) -> None:
        self.simulator.stop()
