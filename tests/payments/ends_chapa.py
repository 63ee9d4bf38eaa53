"""Chapa together with its other end."""

import json
from dataclasses import dataclass
from typing import Any

from app.lib.money import Money
from app.payments.providers.base import PaymentRequest
from app.payments.providers.chapa import ChapaProvider
from app.payments.simulators import ChapaSimulator

from .ends import IMPATIENT, OtherEnd

KEY = "CHASECK_TEST-simulator"
HASH = "chapa_hash_simulator"


class KeepingChapa(ChapaSimulator):
    """Keeps its messages instead of sending them."""

    def __init__(self) -> None:
        super().__init__(webhook_secret=HASH)
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any], *, event_id: str = "", kind: str = "", url: str = "") -> None:
        self.told.append(message)


@dataclass
class ChapaEnd(OtherEnd):
    simulator: KeepingChapa
    provider: ChapaProvider
    exact: tuple[Money, ...] = (Money(1999, "USD"), Money(40_000, "ETB"), Money(1_234_567, "ETB"))
    same_page: bool = False
    names_refunds: bool = False
    lifetime: float = 24 * 3600 + 100
    refunds_begin: str = "pending"
    # Of a page nobody has paid at Chapa says no amount that could be compared.
    other_content: str = "duplicate_reference"

    @classmethod
    def open(cls) -> "ChapaEnd":
        simulator = KeepingChapa()
        base = simulator.start()
        return cls(
            simulator,
            ChapaProvider(KEY, (HASH,), api_base=base, patience=IMPATIENT, now=simulator.clock.now),
        )

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
