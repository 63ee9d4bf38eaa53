"""The books of our PayPal: orders, captures, refunds and cases, and what people and time do to them.

Objects are kept as PayPal would answer them. Every change tells its story as an event.
"""

import copy
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from app.payments.simulators.clock import Clock
from app.payments.simulators.paypal_rules import Refused, Thing
from app.payments.simulators.paypal_things import (
    MERCHANT,
    PAYER,
    PAYER_NAME,
    capture_of,
    captures,
    key,
    link,
    new_capture,
    new_case,
    new_event,
    new_refund,
    new_reversal,
    sent_back,
    written,
)

APPROVAL = 3 * 3600  # seconds in which an order can be approved
KEPT = 6 * 3600  # seconds after which one that nobody paid is forgotten
TEN_DAYS = 10 * 24 * 3600

# What becomes of a capture, by the way the payer chose at the page.
PLANS = {"pay": "COMPLETED", "wrong_amount": "COMPLETED", "late": "PENDING", "deny": "DECLINED", "decline": ""}


class Account:
    """One account; methods are what a person or the clock does, and may be called from any thread."""

    def __init__(self, clock: Clock, tell: Callable[[Thing], None], address: Callable[[], str]) -> None:
        self.lock = threading.RLock()
        self.late_seconds = 5.0
        self.late_succeeds = True
        self.refunds_are = "COMPLETED"
        self._clock = clock
        self._tell = tell
        self._address = address
        self._orders: dict[str, Thing] = {}
        self._refunds: dict[str, Thing] = {}
        self._cases: dict[str, Thing] = {}  # by the capture they are about
        self._experiences: dict[str, Thing] = {}  # where the payer of each order goes back to
        self._plans: dict[str, str] = {}
        self._forgotten_at: dict[str, float] = {}
        self._arrives_at: dict[str, float] = {}  # the money of a pending capture

    def orders(self) -> list[Thing]:
        """Newest first."""
        with self.lock:
            return list(reversed(self._orders.values()))

    def refunds(self) -> list[Thing]:
        with self.lock:
            return list(reversed(self._refunds.values()))

    def cases(self) -> list[Thing]:
        with self.lock:
            return list(reversed(self._cases.values()))

    def experience(self, order_id: str) -> Thing:
        return self._experiences[order_id]

    def find(self, order_id: str) -> Thing:
        """Raises Refused (404), also for one nobody paid in time."""
        with self.lock:
            self.tick()
            if order_id not in self._orders:
                raise Refused(404, "INVALID_RESOURCE_ID")
            return self._orders[order_id]

    def capture_named(self, capture_id: str) -> Thing:
        return capture_of(self._order_of(capture_id))

    def refund_named(self, refund_id: str) -> Thing:
        with self.lock:
            if refund_id not in self._refunds:
                raise Refused(404, "INVALID_RESOURCE_ID")
            return self._refunds[refund_id]

    def new_order(self, asked: Thing, page: str) -> Thing:
        """`page` is where the payer approves, but for the order's name."""
        with self.lock:
            order_id = key(17)
            source = asked.get("payment_source", {}).get("paypal")
            order = {
                "id": order_id,
                "intent": asked["intent"],
                "status": "PAYER_ACTION_REQUIRED" if source else "CREATED",
                "purchase_units": [
                    {"reference_id": "default", **copy.deepcopy(asked["purchase_units"][0]), "payee": dict(MERCHANT)}
                ],
                "create_time": self._now(),
                "links": [
                    self._link(f"/v2/checkout/orders/{order_id}", "self"),
                    {"href": page + order_id, "rel": "payer-action" if source else "approve", "method": "GET"},
                ],
            }
            if source:
                order["payment_source"] = {"paypal": {}}
            self._orders[order_id] = order
            self._experiences[order_id] = source["experience_context"] if source else {}
            self._forgotten_at[order_id] = self._clock.now() + KEPT
            return order

    def approve(self, order_id: str, plan: str) -> Thing:
        """The payer agrees, by a means that will do what `plan` says when the money is taken."""
        with self.lock:
            order = self.find(order_id)
            if captures(order):
                raise Refused(422, "ORDER_ALREADY_CAPTURED")
            if self._forgotten_at[order_id] - KEPT + APPROVAL <= self._clock.now():
                raise Refused(422, "ORDER_EXPIRED")
            wallet = {**PAYER, "account_status": "VERIFIED", "name": dict(PAYER_NAME)}
            order.update(
                status="APPROVED",
                update_time=self._now(),
                payer={
                    "email_address": PAYER["email_address"],
                    "payer_id": PAYER["account_id"],
                    "name": dict(PAYER_NAME),
                },
                payment_source={"paypal": wallet},
                links=[
                    self._link(f"/v2/checkout/orders/{order_id}", "self"),
                    self._link(f"/v2/checkout/orders/{order_id}/capture", "capture", "POST"),
                ],
            )
            self._plans[order_id] = plan
            self._event("CHECKOUT.ORDER.APPROVED", "checkout-order", order)
            return order

    def capture(self, order_id: str) -> Thing:
        """The merchant takes the money."""
        with self.lock:
            order = self.find(order_id)
            if captures(order):
                raise Refused(422, "ORDER_ALREADY_CAPTURED")
            if order["status"] != "APPROVED":
                raise Refused(422, "ORDER_NOT_APPROVED")
            plan = self._plans[order_id]
            if plan == "decline":
                # It stays approved: the next try goes to the same card, until the payer chooses another.
                raise Refused(422, "INSTRUMENT_DECLINED")
            unit = order["purchase_units"][0]
            self._paid_once_only(unit.get("invoice_id"))
            off_by = 1 if plan == "wrong_amount" else 0
            capture = new_capture(self._address(), order, PLANS[plan], self._now(), off_by=off_by)
            unit["payments"] = {"captures": [capture]}
            order.update(status="COMPLETED", update_time=self._now())
            order["links"] = [self._link(f"/v2/checkout/orders/{order_id}", "self")]
            if plan == "late":
                self._arrives_at[order_id] = self._clock.now() + self.late_seconds
            self._told_of(capture)
            return order

    def finish(self, order_id: str, *, succeeds: bool) -> Thing:
        """The money of a pending capture arrives, or is denied."""
        with self.lock:
            capture = capture_of(self.find(order_id))
            if capture["status"] != "PENDING":
                raise Refused(422, "INVALID_PARAMETER_VALUE", field="status")
            self._arrives_at.pop(order_id, None)
            capture.update(status="COMPLETED" if succeeds else "DECLINED", update_time=self._now())
            if succeeds:
                del capture["status_details"]
            self._told_of(capture)
            return capture

    def forget(self, order_id: str) -> Thing:
        """What PayPal does with an order that nobody paid."""
        with self.lock:
            order = self.find(order_id)
            if not captures(order):
                del self._orders[order_id]
            return order

    def tick(self) -> None:
        """Let time do its work: orders are forgotten, late money arrives."""
        with self.lock:
            now = self._clock.now()
            for order_id, due in self._forgotten_at.items():
                if due <= now and order_id in self._orders and not captures(self._orders[order_id]):
                    del self._orders[order_id]
            for order_id in [key for key, due in self._arrives_at.items() if due <= now]:
                del self._arrives_at[order_id]
                self.finish(order_id, succeeds=self.late_succeeds)

    def new_refund(self, capture_id: str, asked: Thing) -> Thing:
        """Money sent back; all that is left when no amount is asked for."""
        with self.lock:
            order = self._order_of(capture_id)
            capture = capture_of(order)
            left = self._left(order)
            amount = asked.get("amount", left)
            self._may_be_refunded(capture, amount, left, asked.get("invoice_id"))
            refund = new_refund(self._address(), capture, asked, amount, self.refunds_are, self._now())
            self._refunds[refund["id"]] = refund
            order["purchase_units"][0]["payments"].setdefault("refunds", []).append(refund)
            total = written(sent_back(order), amount["currency_code"])
            refund["seller_payable_breakdown"] = {
                "gross_amount": dict(amount),
                "net_amount": dict(amount),
                "total_refunded_amount": {"currency_code": amount["currency_code"], "value": total},
            }
            self._restate(order)
            self._told_of_refund(refund)
            return refund

    def finish_refund(self, refund_id: str, status: str) -> Thing:
        """A refund on its way arrives, or fails, and its amount is the merchant's again."""
        with self.lock:
            refund = self.refund_named(refund_id)
            refund["status"] = status
            refund.pop("status_details", None)
            self._restate(self._order_of(refund["links"][-1]["href"].rpartition("/")[2]))
            self._told_of_refund(refund)
            return refund

    def dispute(self, order_id: str, outcome: str = "") -> Thing:
        """The payer complains, or the case is decided; decided for the payer, the money is taken."""
        with self.lock:
            capture = capture_of(self.find(order_id))
            case = self._cases.get(capture["id"])
            word = "UPDATED" if case else "CREATED"
            if case is None:
                case = self._cases[capture["id"]] = new_case(capture, self._now(), self._now(TEN_DAYS))
            if outcome:
                word = "RESOLVED"
                case |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
                if outcome == "RESOLVED_BUYER_FAVOUR":
                    case["dispute_outcome"]["amount_refunded"] = dict(case["dispute_amount"])
                    self.reverse(order_id, "BUYER_COMPLAINT")
            self._event(f"CUSTOMER.DISPUTE.{word}", "dispute", case)
            return case

    def reverse(self, order_id: str, reason: str = "CHARGEBACK") -> Thing:
        """A bank takes what is left of the money."""
        with self.lock:
            order = self.find(order_id)
            capture = capture_of(order)
            if capture["status"] not in ("COMPLETED", "PARTIALLY_REFUNDED"):
                raise Refused(422, "REFUND_NOT_ALLOWED")
            reversal = new_reversal(self._address(), capture, self._left(order), self._now())
            capture.update(status="REFUNDED", status_details={"reason": reason}, update_time=self._now())
            self._event("PAYMENT.CAPTURE.REVERSED", "refund", reversal)
            return reversal

    def _paid_once_only(self, invoice_id: str | None) -> None:
        paid = [one["purchase_units"][0].get("invoice_id") for one in self._orders.values() if captures(one)]
        if invoice_id and invoice_id in paid:
            raise Refused(422, "DUPLICATE_INVOICE_ID", field="/purchase_units/0/invoice_id", value=invoice_id)

    def _may_be_refunded(self, capture: Thing, amount: Thing, left: Thing, invoice_id: str | None) -> None:
        whole, wanted = Decimal(left["value"]), Decimal(amount["value"])
        if invoice_id and any(one.get("invoice_id") == invoice_id for one in self._refunds.values()):
            said = "Invoice ID was previously used to refund a capture."
            raise Refused(422, "DUPLICATE_INVOICE_ID", description=said)
        if capture["status"] == "PENDING":
            raise Refused(422, "PENDING_CAPTURE")
        if capture["status"] == "DECLINED":
            raise Refused(422, "REFUND_NOT_ALLOWED")
        if "status_details" in capture:
            raise Refused(422, "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK")
        if whole <= 0:
            raise Refused(422, "CAPTURE_FULLY_REFUNDED")
        if amount["currency_code"] != left["currency_code"]:
            raise Refused(422, "REFUND_CAPTURE_CURRENCY_MISMATCH", field="/amount/currency_code")
        if wanted > whole:
            raise Refused(422, "REFUND_AMOUNT_EXCEEDED", field="/amount/value", value=amount["value"])
        case = self._cases.get(capture["id"])
        if case is not None and case["status"] != "RESOLVED" and wanted < whole:
            raise Refused(422, "TRANSACTION_DISPUTED")

    def _left(self, order: Thing) -> Thing:
        amount = capture_of(order)["amount"]
        left = Decimal(amount["value"]) - sent_back(order)
        return {"currency_code": amount["currency_code"], "value": written(left, amount["currency_code"])}

    def _restate(self, order: Thing) -> None:
        capture, back = capture_of(order), sent_back(order)
        whole = Decimal(capture["amount"]["value"])
        capture["status"] = "REFUNDED" if back >= whole else "PARTIALLY_REFUNDED" if back else "COMPLETED"
        capture["update_time"] = self._now()

    def _order_of(self, capture_id: str) -> Thing:
        with self.lock:
            for order in self._orders.values():
                if any(one["id"] == capture_id for one in captures(order)):
                    return order
            raise Refused(404, "INVALID_RESOURCE_ID")

    def _told_of(self, capture: Thing) -> None:
        word = "DENIED" if capture["status"] == "DECLINED" else capture["status"]
        self._event(f"PAYMENT.CAPTURE.{word}", "capture", capture)

    def _told_of_refund(self, refund: Thing) -> None:
        done = refund["status"] == "COMPLETED"
        self._event("PAYMENT.CAPTURE.REFUNDED" if done else f"PAYMENT.REFUND.{refund['status']}", "refund", refund)

    def _event(self, kind: str, resource_type: str, about: Thing) -> None:
        self._tell(new_event(kind, resource_type, about, self._now()))

    def _link(self, path: str, rel: str, method: str = "GET") -> Thing:
        return link(self._address(), path, rel, method)

    def _now(self, later: float = 0) -> str:
        return datetime.fromtimestamp(self._clock.now() + later, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
