"""The telephones behind our M-Pesa: prompts that ring, what people do with them, and what the shop is told."""

import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.payments.simulators.clock import Clock
from app.payments.simulators.mpesa_rules import Refused

RINGS = 60.0  # seconds
LETTERS = string.ascii_uppercase + string.digits

PAID = ("0", "The service request is processed successfully.")
RESULTS = {
    "wrong_pin": ("2001", "The initiator information is invalid."),
    "cancel": ("1032", "Request cancelled by user"),
    "no_answer": ("1037", "DS timeout user cannot be reached"),
    "low_balance": ("1", "The balance is insufficient for the transaction."),
    "not_sent": ("1025", "An error occurred while sending a push request"),
    "strange": ("8006", "The security credential is locked."),
}
DEEDS = ("pay", "late", *RESULTS)


@dataclass
class Push:
    """One request on one phone. `result` is (code, words) as soon as there is one."""

    name: str
    merchant_name: str
    asked: Mapping[str, Any]
    at: float
    result: tuple[str, str] | None = None
    receipt: str = ""
    paid_at: float = 0.0
    settles_at: float | None = None  # paid, but nobody is told before that
    told: list[str] = field(default_factory=list)

    @property
    def phone(self) -> str:
        return str(self.asked["PhoneNumber"])

    @property
    def rings(self) -> bool:
        return self.result is None and self.settles_at is None


Tell = Callable[[Push, dict[str, Any]], None]


class Phones:
    """Every push there was; methods may be called from any thread."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self.lock = threading.RLock()
        self.late_seconds = 5.0
        self._clock = clock
        self._tell = tell
        self._pushes: dict[str, Push] = {}

    def all(self) -> list[Push]:
        """Newest first."""
        with self.lock:
            return list(reversed(self._pushes.values()))

    def find(self, name: str) -> Push:
        """Raises Refused like Daraja."""
        with self.lock:
            if name not in self._pushes:
                raise Refused("400.002.02", "Bad Request - Invalid CheckoutRequestID")
            return self._pushes[name]

    def push(self, asked: Mapping[str, Any]) -> Push:
        """Let a phone ring. Raises Refused while another request is open there."""
        with self.lock:
            self.tick()
            if any(one.rings and one.phone == str(asked["PhoneNumber"]) for one in self._pushes.values()):
                raise Refused(
                    "500.001.1001",
                    "Unable to lock subscriber, a transaction is already in process for the current subscriber",
                )
            now = self._clock.now()
            stamp = time.strftime("%d%m%Y%H%M%S", time.gmtime(now + 3 * 3600))
            name = f"ws_CO_{stamp}{secrets.randbelow(10**10):010}"
            push = Push(name, f"{secrets.randbelow(10**5)}-{secrets.randbelow(10**8)}-1", dict(asked), now)
            self._pushes[name] = push
            return push

    def press(self, deed: str, name: str) -> Push:
        """What the owner of the phone does. Raises Refused when it does not ring, or for no such deed."""
        with self.lock:
            push = self.find(name)
            if deed == "pay_after_all" and push.result and push.result[0] != "0":
                self._pay(push)
                self._end(push, PAID)
                return push
            if deed not in DEEDS:
                raise Refused("400.002.02", f"There is no button {deed!r}.")
            if not push.rings:
                raise Refused("400.002.02", "This request is over; it cannot be paid any more.")
            if deed == "pay":
                self._pay(push)
                self._end(push, PAID)
            elif deed == "late":
                self._pay(push)
                push.settles_at = self._clock.now() + self.late_seconds
            else:
                self._end(push, RESULTS[deed])
            return push

    def tick(self) -> None:
        with self.lock:
            now = self._clock.now()
            for push in self._pushes.values():
                if push.rings and now >= push.at + RINGS:
                    self._end(push, RESULTS["no_answer"])
                elif push.result is None and push.settles_at is not None and now >= push.settles_at:
                    self._end(push, PAID)

    def _pay(self, push: Push) -> None:
        push.paid_at = self._clock.now()
        push.receipt = "".join(secrets.choice(LETTERS) for _ in range(10))

    def _end(self, push: Push, result: tuple[str, str]) -> None:
        push.result = result
        push.told.append(result[0])
        self._tell(push, callback(push))


def callback(push: Push) -> dict[str, Any]:
    """The message about a push that has ended."""
    assert push.result is not None
    code, words = push.result
    told: dict[str, Any] = {
        "MerchantRequestID": push.merchant_name,
        "CheckoutRequestID": push.name,
        "ResultCode": int(code),
        "ResultDesc": words,
    }
    if code == "0":
        paid_at = time.strftime("%Y%m%d%H%M%S", time.gmtime(push.paid_at + 3 * 3600))
        told["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": float(push.asked["Amount"])},
                {"Name": "MpesaReceiptNumber", "Value": push.receipt},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": int(paid_at)},
                {"Name": "PhoneNumber", "Value": int(push.phone)},
            ]
        }
    return {"Body": {"stkCallback": told}}
