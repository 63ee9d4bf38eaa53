"""The books of our Chapa: payments and refunds, and what people and time do to them. Every change tells its story."""

import secrets
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.payments.simulators.clock import Clock
from app.payments.simulators.refusal import Refusal

Thing = dict[str, Any]
A_DAY = 24 * 3600
FEE = Decimal("0.035")
NOT_FOUND = "Invalid transaction or Transaction not found"


class Refused(Refusal):
    """An error in Chapa's shape: its message is a sentence, or lists of them by field."""

    def __init__(self, message: str | dict[str, list[str]], *, status: int = 400, outer: str = "failed") -> None:
        super().__init__(str(message))
        self.status = status
        self.body: Thing = {"message": message, "status": outer, "data": None}


class Account:
    """One business in one mode; methods are what a person or the clock does, and may be called from any thread."""

    def __init__(self, clock: Clock, tell: Callable[[Thing], None]) -> None:
        self.lock = threading.RLock()
        self.late_seconds = 5.0
        self.late_succeeds = True
        self.refund_seconds = 5.0
        self.refunds_end = "refunded"
        self._clock = clock
        self._tell = tell
        self._payments: dict[str, Thing] = {}
        self._refunds: dict[str, Thing] = {}

    def find(self, name: str) -> Thing:
        """By our tx_ref or by Chapa's own reference. Raises Refused (404)."""
        with self.lock:
            found = self._payments.get(name) or next(
                (one for one in self._payments.values() if one["reference"] == name), None
            )
            if found is None:
                raise Refused(NOT_FOUND, status=404)
            return found

    def payments(self) -> list[Thing]:
        """Newest first."""
        with self.lock:
            return list(reversed(self._payments.values()))

    def refunds(self) -> list[Thing]:
        with self.lock:
            return list(reversed(self._refunds.values()))

    def refund_named(self, name: str) -> Thing:
        with self.lock:
            if name not in self._refunds:
                raise Refused("Refund not found", status=404)
            return self._refunds[name]

    def begin(self, asked: Thing, *, live: bool) -> Thing:
        """A new page to pay at."""
        with self.lock:
            if asked["tx_ref"] in self._payments:
                raise Refused("Transaction reference has been used before")
            payment = asked | {
                "reference": f"AP{secrets.token_urlsafe(9)}".replace("_", "x").replace("-", "y"),
                "code": secrets.token_hex(10),
                "amount": Decimal(asked["amount"]),
                "mode": "live" if live else "test",
                "status": "open",
                "made": self._clock.now(),
                "changed": self._clock.now(),
                "due": None,
            }
            self._payments[asked["tx_ref"]] = payment
            return payment

    def pay(self, tx_ref: str) -> Thing:
        """The shopper pays, and the money is there."""
        with self.lock:
            return self._become(self._payable(tx_ref), "success", "charge.success")

    def pay_late(self, tx_ref: str) -> Thing:
        """The shopper is sent a prompt by the operator; the money arrives later, or does not."""
        with self.lock:
            payment = self._payable(tx_ref)
            payment["due"] = self._clock.now() + self.late_seconds
            return self._become(payment, "pending")

    def pay_after_all(self, tx_ref: str) -> Thing:
        """A prompt that was under way when its page was closed is answered all the same."""
        with self.lock:
            payment = self.find(tx_ref)
            if payment["status"] != "cancelled":
                raise Refused("Only a cancelled transaction can be paid after all.")
            return self._become(payment, "success", "charge.success")

    def decline(self, tx_ref: str) -> Thing:
        """The operator says no; the page stays open for another try."""
        with self.lock:
            return self._become(self._payable(tx_ref), "failed", "charge.failed/cancelled")

    def cancel(self, tx_ref: str) -> Thing:
        with self.lock:
            payment = self.find(tx_ref)
            if payment["status"] not in ("open", "failed"):
                raise Refused("Payment link already expired")
            return self._become(payment, "cancelled", "charge.failed/cancelled")

    def reverse(self, tx_ref: str) -> Thing:
        """The operator takes the money back."""
        with self.lock:
            payment = self.find(tx_ref)
            if payment["status"] != "success":
                raise Refused("Only a successful transaction can be reversed.")
            return self._become(payment, "reversed", "charge.reversed")

    def tick(self) -> None:
        """Let time do its work: pages run out, late money arrives, refunds go through."""
        with self.lock:
            now = self._clock.now()
            for payment in self._payments.values():
                if payment["status"] == "open" and payment["made"] + A_DAY <= now:
                    self.cancel(payment["tx_ref"])
                if payment["status"] == "pending" and payment["due"] <= now:
                    came = self.late_succeeds
                    self._become(payment, *(("success", "charge.success") if came else ("failed", "")))
            for refund in self._refunds.values():
                if refund["status"] in ("initiated", "processing") and refund["due"] <= now:
                    self.finish_refund(refund["ref_id"], self.refunds_end)

    def refund(self, name: str, asked: Thing) -> Thing:
        """Begin to send money back. The business's own reference can be used once, for ever."""
        with self.lock:
            payment = self.find(name)
            if payment["status"] not in ("success", "refunded"):
                raise Refused("Only successful transactions can be refunded")
            reference = asked.get("reference") or secrets.token_hex(8)
            if any(one["reference"] == reference for one in self._refunds.values()):
                raise Refused({"reference": ["The reference has already been taken."]})
            left = payment["amount"] - self._gone(payment, but="reversed")
            amount = Decimal(asked["amount"]) if "amount" in asked else left
            if not 0 < amount <= left:
                raise Refused("Refund amount cannot be greater than the transaction amount")
            refund = {
                "ref_id": f"MERC-DIS-REF-{secrets.token_hex(6)}",
                "reference": reference,
                "payment": payment,
                "amount": amount,
                "status": "initiated",
                "due": self._clock.now() + self.refund_seconds,
            }
            self._refunds[refund["ref_id"]] = refund
            return refund

    def finish_refund(self, name: str, status: str) -> Thing:
        """refunded, or reversed: then the money is the shop's again. Chapa tells of the payment, not of the refund."""
        with self.lock:
            refund = self.refund_named(name)
            if status not in ("processing", "refunded", "reversed"):
                raise Refused(f"A refund cannot become {status!r}.")
            refund["status"] = status
            payment = refund["payment"]
            if status == "refunded" and self._gone(payment, only="refunded") == payment["amount"]:
                self._become(payment, "refunded", "charge.refunded")
            return refund

    def refund_at_the_desk(self, tx_ref: str) -> Thing:
        """All of it, in the dashboard and at once."""
        with self.lock:
            return self.finish_refund(self.refund(tx_ref, {})["ref_id"], "refunded")

    def _gone(self, payment: Thing, *, but: str = "", only: str = "") -> Decimal:
        return sum(
            (
                one["amount"]
                for one in self._refunds.values()
                if one["payment"] is payment and one["status"] != but and only in ("", one["status"])
            ),
            Decimal(0),
        )

    def _payable(self, tx_ref: str) -> Thing:
        payment = self.find(tx_ref)
        if payment["status"] not in ("open", "failed"):
            raise Refused(f"This transaction is {payment['status']}; it cannot be paid.")
        return payment

    def _become(self, payment: Thing, status: str, event: str = "") -> Thing:
        payment.update(status=status, changed=self._clock.now())
        if event:
            self._tell(message(payment, event))
        return payment


def details(payment: Thing) -> Thing:
    """A payment as `verify` tells it, with amounts as numbers."""
    return {
        "first_name": payment.get("first_name"),
        "last_name": payment.get("last_name"),
        "email": payment.get("email"),
        "currency": payment["currency"],
        "amount": _number(payment["amount"]),
        "charge": _number(_fee(payment)),
        "mode": payment["mode"],
        "method": "test",
        "type": "API",
        "status": payment["status"],
        "reference": payment["reference"],
        "tx_ref": payment["tx_ref"],
        "customization": payment.get("customization"),
        "meta": payment.get("meta"),
        "created_at": written(payment["made"]),
        "updated_at": written(payment["changed"]),
    }


def listed(payment: Thing) -> Thing:
    """A payment as the list tells it, with three decimals and names of its own."""
    return {
        "status": "pending" if payment["status"] == "open" else payment["status"],
        "ref_id": payment["reference"],
        "type": "API",
        "created_at": written(payment["made"]),
        "currency": payment["currency"],
        "amount": f"{payment['amount']:.3f}",
        "charge": f"{_fee(payment):.3f}",
        "trans_id": payment["tx_ref"],
        "payment_method": "test",
        "customer": {"id": 883206, "email": None, "first_name": None, "last_name": None, "mobile": None},
    }


def message(payment: Thing, event: str) -> Thing:
    """A payment as a webhook tells it: flat, and the amounts as text."""
    told = details(payment) | {
        "event": event,
        "amount": f"{payment['amount']:.2f}",
        "charge": f"{_fee(payment):.2f}",
        "mobile": payment.get("phone_number"),
        "payment_method": "test",
        "status": event.removeprefix("charge."),
    }
    return {name: value for name, value in told.items() if name != "method"}


def refund_details(refund: Thing) -> Thing:
    return {
        "amount": _number(refund["amount"]),
        "currency": refund["payment"]["currency"],
        "ref_id": refund["ref_id"],
        "payment_reference": refund["payment"]["reference"],
        "status": refund["status"],
    }


def _fee(payment: Thing) -> Decimal:
    return (payment["amount"] * FEE).quantize(Decimal("0.01"))


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


def written(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(at))
