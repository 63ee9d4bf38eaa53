"""M-Pesa together with the telephones behind it."""

import json
from dataclasses import dataclass
from typing import Any

from app.lib.money import Money
from app.payments.providers.mpesa import MpesaProvider
from app.payments.simulators import MpesaSimulator

from .ends import IMPATIENT, OtherEnd

SHORTCODE = "174379"
KEYS = ("simulator", "simulator", SHORTCODE, "simulator")
BUTTONS = {"decline": "low_balance", "expire": "no_answer"}


class KeepingPhones(MpesaSimulator):
    """Keeps its callbacks instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.told_at: list[str] = []

    def tell(self, message: dict[str, Any], *, event_id: str = "", kind: str = "", url: str = "") -> None:
        self.told.append(message)
        self.told_at.append(url)


@dataclass
class MpesaEnd(OtherEnd):
    simulator: KeepingPhones
    provider: MpesaProvider
    price: Money = Money(40_000, "KES")
    exact: tuple[Money, ...] = ()
    searches: bool = False
    closes: bool = False
    signs: bool = False
    decline: str = "There was not enough money in the M-Pesa account."

    @classmethod
    def open(cls) -> "MpesaEnd":
        simulator = KeepingPhones()
        base = simulator.start()
        return cls(simulator, MpesaProvider(*KEYS, api_base=base, patience=IMPATIENT, now=simulator.clock.now))

    def press(self, button: str, request: Any, provider_ref: str) -> None:
        self.simulator.do(BUTTONS.get(button, button), provider_ref)

    def later(self, seconds: float) -> None:
        self.simulator.clock.move(seconds)
        self.simulator.tick()

    def message(self, request: Any) -> tuple[dict[str, str], bytes]:
        return {}, json.dumps(self.simulator.told[-1]).encode()

    def stop(self) -> None:
        self.simulator.stop()
