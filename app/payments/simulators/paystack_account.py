"""The books of our Paystack: transactions, refunds and disputes, and what people and time do to them.

Things are kept as plain fields; `paystack_answers` writes them in the shapes of the API. Every change tells its story.
"""

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from app.payments.simulators import paystack_answers as answers
from app.payments.simulators.clock import Clock
from app.payments.simulators.refusal import Refusal

Thing = dict[str, Any]
A_DAY = 24 * 3600


class Refused(Refusal):
    """An error in Paystack's shape."""

    def __init__(self, message: str, *, status: int = 400, code: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body: Thing = {"status": False, "message": message}
        if status not in (401, 404):
            self.body |= {"meta": {"nextStep": next_step or "Check the request"}, "type": "validation_error"}
        if code:
            self.body["code"] = code


class Account:
    """One account in one mode; methods are what a person or the clock does, and may be called from any thread."""

    def __init__(self, clock: Clock, tell: Callable[[str, Thing], None]) -> None:
        self.lock = threading.RLock()
        self.late_seconds = 5.0
        self.late_succeeds = True
        self.refund_seconds = 5.0
        self.refunds_end = "processed"
        self._clock = clock
        self._tell = tell
        # A shop remembers the numbers it has seen, so another run must not begin where the last one did.
        self._ids = iter(range(4_099_260_516 + secrets.randbelow(2**38), 2**40, 7))
        self._transactions: dict[str, Thing] = {}
        self._refunds: dict[int, Thing] = {}
        self._disputes: dict[int, Thing] = {}

    def find(self, reference: str) -> Thing:
        """By our reference or by Paystack's id. Raises Refused (404)."""
        with self.lock:
            found = self._transactions.get(reference) or next(
                (one for one in self._transactions.values() if str(one["id"]) == reference), None
            )
            if found is None:
                raise Refused("Transaction reference not found.", status=404)
            return found

    def transactions(self) -> list[Thing]:
        """Newest first, as Paystack lists."""
        with self.lock:
            return list(reversed(self._transactions.values()))

    def refunds(self) -> list[Thing]:
        with self.lock:
            return list(reversed(self._refunds.values()))

    def disputes(self) -> list[Thing]:
        with self.lock:
            return list(reversed(self._disputes.values()))

    def refund_named(self, number: int) -> Thing:
        with self.lock:
            if number not in self._refunds:
                raise Refused("Refund not found", status=404)
            return self._refunds[number]

    def begin(self, asked: Thing, *, live: bool) -> Thing:
        """A new page to pay at. Nobody has come yet, which Paystack calls abandoned from the start."""
        with self.lock:
            reference = asked.get("reference") or secrets.token_hex(8)
            if reference in self._transactions:
                raise Refused(
                    "Duplicate Transaction Reference",
                    code="duplicate_reference",
                    next_step="Try and create the Transaction or Charge with a new reference",
                )
            transaction = {
                "id": next(self._ids),
                "domain": "live" if live else "test",
                "reference": reference,
                "access_code": secrets.token_hex(8),
                "amount": asked["amount"],
                "currency": asked.get("currency", "NGN"),
                "email": asked["email"],
                "callback_url": asked.get("callback_url", ""),
                "metadata": asked.get("metadata", {}),
                "status": "abandoned",
                "gateway_response": "The transaction was not completed",
                "made": self._clock.now(),
                "paid": None,
                "due": None,
            }
            self._transactions[reference] = transaction
            return transaction

    def pay(self, reference: str) -> Thing:
        """The shopper pays, and the money is there. Paystack takes it from an old page as well."""
        with self.lock:
            transaction = self._unpaid(reference)
            self._succeed(transaction)
            return transaction

    def pay_late(self, reference: str) -> Thing:
        """The shopper is shown a number to transfer to, or is sent a prompt; the money arrives later, or does not."""
        with self.lock:
            transaction = self._unpaid(reference)
            transaction.update(
                status="pending", gateway_response="Waiting for the bank", due=self._clock.now() + self.late_seconds
            )
            return transaction

    def decline(self, reference: str, said: str = "Declined") -> Thing:
        """The bank says no. There is no message about it."""
        with self.lock:
            transaction = self._unpaid(reference)
            transaction.update(status="failed", gateway_response=said)
            return transaction

    def tick(self) -> None:
        """Let time do its work: late money arrives, refunds go through."""
        with self.lock:
            now = self._clock.now()
            for transaction in self._transactions.values():
                if transaction["status"] == "pending" and transaction["due"] <= now:
                    self._arrive(transaction)
            for refund in self._refunds.values():
                if refund["status"] in ("pending", "processing") and refund["due"] <= now:
                    self.finish_refund(refund["id"], self.refunds_end)

    def refund(self, asked: Thing) -> Thing:
        """Queue a refund. Asked twice it is made twice: there is no key that would stop it."""
        with self.lock:
            paid = self.find(str(asked["transaction"]))
            if paid["status"] not in ("success", "reversed"):
                raise Refused("Transaction has not been paid, so it cannot be refunded")
            taken = sum(one["amount"] for one in self._refunds_of(paid) if one["status"] != "failed")
            amount = asked.get("amount", paid["amount"] - taken)
            if asked.get("currency", paid["currency"]) != paid["currency"]:
                raise Refused("Refund currency differs from the transaction's")
            if not 0 < amount <= paid["amount"] - taken:
                raise Refused("Refund amount cannot be more than what is left of the transaction amount")
            number = next(self._ids)
            refund = {
                "id": number,
                "transaction": paid,
                "amount": amount,
                "status": "pending",
                "merchant_note": asked.get("merchant_note", f"Refund for transaction {paid['reference']}"),
                "customer_note": asked.get("customer_note", f"Refund for transaction {paid['reference']}"),
                "made": self._clock.now(),
                "due": self._clock.now() + self.refund_seconds,
            }
            self._refunds[number] = refund
            self._tell("refund.pending", answers.refund_event(refund))
            return refund

    def finish_refund(self, number: int | str, status: str) -> Thing:
        """processed, failed, needs-attention or processing; a refund that waits for attention can be finished again."""
        with self.lock:
            refund = self.refund_named(int(number))
            if status not in ("processing", "needs-attention", "processed", "failed"):
                raise Refused(f"A refund cannot become {status!r}.")
            refund["status"] = status
            paid = refund["transaction"]
            done = sum(one["amount"] for one in self._refunds_of(paid) if one["status"] == "processed")
            if done == paid["amount"]:
                paid["status"] = "reversed"
            self._tell(f"refund.{status}", answers.refund_event(refund))
            return refund

    def refund_at_the_desk(self, reference: str) -> Thing:
        """All of it, in the dashboard, with words of its own and at once."""
        with self.lock:
            refund = self.refund({"transaction": reference, "merchant_note": "Goodwill of the owner"})
            self.finish_refund(refund["id"], "processed")
            return refund

    def dispute(self, reference: str, resolution: str = "") -> Thing:
        """The shopper's bank wants the money back, or it is decided: merchant-accepted or declined."""
        with self.lock:
            paid = self.find(reference)
            if paid["status"] != "success":
                raise Refused("Only a successful transaction is disputed.")
            known = next((one for one in self._disputes.values() if one["transaction"] is paid), None)
            dispute = known or self._new_dispute(paid)
            if resolution:
                dispute.update(status="resolved", resolution=resolution, resolved=self._clock.now())
            step = "resolve" if resolution else "remind" if known else "create"
            self._tell(f"charge.dispute.{step}", answers.dispute(dispute))
            return dispute

    def _new_dispute(self, paid: Thing) -> Thing:
        number = next(self._ids)
        self._disputes[number] = {
            "id": number,
            "transaction": paid,
            "status": "awaiting-merchant-feedback",
            "resolution": None,
            "category": "fraud",
            "made": self._clock.now(),
            "resolved": None,
        }
        return self._disputes[number]

    def _unpaid(self, reference: str) -> Thing:
        transaction = self.find(reference)
        if transaction["status"] not in ("abandoned", "failed"):
            raise Refused(f"This transaction is {transaction['status']}; it cannot be paid.")
        return transaction

    def _succeed(self, transaction: Thing) -> None:
        transaction.update(status="success", gateway_response="Successful", paid=self._clock.now(), due=None)
        self._tell("charge.success", answers.transaction(transaction))

    def _arrive(self, transaction: Thing) -> None:
        if self.late_succeeds:
            self._succeed(transaction)
        else:
            transaction.update(status="failed", gateway_response="Transaction timed out", due=None)

    def _refunds_of(self, transaction: Thing) -> list[Thing]:
        return [one for one in self._refunds.values() if one["transaction"] is transaction]


def seconds(written: str) -> float:
    """Unix seconds of a date in a query. Raises ValueError."""
    found = datetime.fromisoformat(written)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
