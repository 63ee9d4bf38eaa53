"""The books of our Stripe: sessions, payments, charges, refunds and disputes, and what happens to them.

Objects are kept as Stripe would answer them. Every change tells its story as an event.
"""

import copy
import secrets
import threading
from collections.abc import Callable
from typing import Any

from app.payments.simulators.clock import Clock
from app.payments.simulators.params import Refused
from app.payments.simulators.stripe_rules import A_DAY, check_session, check_step

Thing = dict[str, Any]
API_VERSION = "2026-10-28.endive"


class Account:
    """One account; methods are what a person or the clock does, and may be called from any thread."""

    def __init__(self, clock: Clock, tell: Callable[[Thing], None]) -> None:
        self.lock = threading.RLock()
        self.late_seconds = 5.0
        self.late_succeeds = True
        self.refunds_are = "succeeded"
        self._clock = clock
        self._tell = tell
        self._tables: dict[str, dict[str, Thing]] = {prefix: {} for prefix in ("cs", "pi", "ch", "re", "dp", "evt")}
        self._asked: dict[str, Thing] = {}  # the parameters of each session
        self._late: dict[str, float] = {}  # when the money of a late payment arrives

    def find(self, prefix: str, key: str) -> Thing:
        """Raises Refused (404) like Stripe."""
        with self.lock:
            found = self._tables[prefix].get(key)
            if found is None:
                kind = {"cs": "checkout.session", "pi": "payment_intent", "ch": "charge", "re": "refund"}
                message = f"No such {kind.get(prefix, prefix)}: '{key}'"
                raise Refused(message, code="resource_missing", param="id", status=404)
            return found

    def all(self, prefix: str) -> list[Thing]:
        """Newest first, as Stripe lists."""
        with self.lock:
            return list(reversed(self._tables[prefix].values()))

    def new_session(self, params: Thing, host: str, *, live: bool) -> Thing:
        with self.lock:
            now = int(self._clock.now())
            total = check_session(params, self._clock.now())
            key = self._key("cs_live_" if live else "cs_test_")
            shipping = [
                option["shipping_rate_data"]["fixed_amount"]["amount"] for option in params.get("shipping_options", [])
            ]
            session = {
                "id": key,
                "object": "checkout.session",
                "allow_promotion_codes": None,
                "amount_subtotal": total - sum(shipping[:1]),
                "amount_total": total,
                "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
                "billing_address_collection": None,
                "cancel_url": params.get("cancel_url"),
                "client_reference_id": params.get("client_reference_id"),
                "created": now,
                "currency": params["line_items"][0]["price_data"]["currency"],
                "customer": None,
                "customer_details": None,
                "customer_email": params.get("customer_email"),
                "expires_at": params.get("expires_at", now + A_DAY),
                "livemode": live,
                "locale": params.get("locale"),
                "metadata": params.get("metadata", {}),
                "mode": "payment",
                "payment_intent": None,
                "payment_method_types": ["card"],
                "payment_status": "unpaid",
                "shipping_options": [{"shipping_amount": amount} for amount in shipping],
                "status": "open",
                "success_url": params["success_url"],
                "total_details": {
                    "amount_discount": 0,
                    "amount_shipping": sum(shipping[:1]),
                    "amount_tax": 0,
                },
                "ui_mode": params.get("ui_mode", "hosted_page"),
                "url": f"{host}/pay/{key}",
            }
            self._tables["cs"][key] = session
            self._asked[key] = params
            return session

    def lines(self, session_id: str) -> list[Thing]:
        """What the shopper is asked to pay for."""
        with self.lock:
            return list(self._asked[session_id]["line_items"])

    def pay(self, session_id: str) -> Thing:
        """The shopper pays by card, and the money is there."""
        with self.lock:
            return self._pay(self._open(session_id))

    def pay_late(self, session_id: str) -> Thing:
        """The shopper chooses a method whose money arrives `late_seconds` later, or does not."""
        with self.lock:
            session = self._open(session_id)
            self._complete(session)
            self._tables["pi"][session["payment_intent"]]["status"] = "processing"
            self._late[session_id] = self._clock.now() + self.late_seconds
            self._event("checkout.session.completed", session)
            return session

    def decline(self, session_id: str, code: str = "generic_decline") -> Thing:
        """The bank says no; the session stays open for another card."""
        with self.lock:
            session = self._open(session_id)
            intent = self._intent(session)
            intent["last_payment_error"] = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": code,
                "message": "Your card was declined.",
            }
            self._event("payment_intent.payment_failed", intent)
            return session

    def expire(self, session_id: str) -> Thing:
        with self.lock:
            session = self.find("cs", session_id)
            if session["status"] != "open":
                raise Refused(
                    'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session '
                    f"has a status of `{session['status']}`.",
                )
            session.update(status="expired", url=None)
            self._event("checkout.session.expired", session)
            return session

    def pay_after_all(self, session_id: str) -> Thing:
        """Money for a session that had expired: seldom, but it happens to everybody once."""
        with self.lock:
            session = self.find("cs", session_id)
            if session["status"] != "expired":
                raise Refused("Only an expired session can be paid after all.")
            return self._pay(session)

    def tick(self) -> None:
        """Let time do its work: sessions run out, late money arrives."""
        with self.lock:
            now = self._clock.now()
            for session in list(self._tables["cs"].values()):
                if session["status"] == "open" and session["expires_at"] <= now:
                    self.expire(session["id"])
            for session_id in [key for key, due in self._late.items() if due <= now]:
                self._arrive(self._tables["cs"][session_id])

    def new_refund(self, params: Thing) -> Thing:
        with self.lock:
            charge = self._charge_for(params)
            left = charge["amount"] - charge["amount_refunded"]
            amount = params.get("amount", left)
            if left == 0:
                raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
            if amount > left:
                message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
                raise Refused(message, param="amount")
            check_step(amount, charge["currency"], "amount")
            refund = {
                "id": self._key("re_"),
                "object": "refund",
                "amount": amount,
                "balance_transaction": None,
                "charge": charge["id"],
                "created": int(self._clock.now()),
                "currency": charge["currency"],
                "metadata": params.get("metadata", {}),
                "payment_intent": charge["payment_intent"],
                "reason": params.get("reason"),
                "receipt_number": None,
                "status": self.refunds_are,
            }
            if self.refunds_are == "pending":
                refund["pending_reason"] = "processing"
            self._tables["re"][refund["id"]] = refund
            self._refunded(charge, amount)
            self._event("refund.created", refund)
            self._event("charge.refunded", charge)
            return refund

    def finish_refund(self, refund_id: str, status: str) -> Thing:
        """A pending refund succeeds, or a refund fails and its amount is the merchant's again."""
        with self.lock:
            refund = self.find("re", refund_id)
            refund["status"] = status
            refund.pop("pending_reason", None)
            if status == "failed":
                refund["failure_reason"] = "expired_or_canceled_card"
                self._refunded(self.find("ch", refund["charge"]), -refund["amount"])
            self._event("refund.failed" if status == "failed" else "refund.updated", refund)
            return refund

    def dispute(self, session_id: str, status: str = "needs_response") -> Thing:
        """The shopper's bank wants the money back, or has decided."""
        with self.lock:
            session = self.find("cs", session_id)
            charge = self._charge_for({"payment_intent": session["payment_intent"]})
            charge["disputed"] = True
            known = [one for one in self._tables["dp"].values() if one["charge"] == charge["id"]]
            dispute = known[0] if known else self._new_dispute(charge)
            dispute["status"] = status
            step = "closed" if status in ("won", "lost") else "updated" if known else "created"
            self._event(f"charge.dispute.{step}", dispute)
            return dispute

    def _open(self, session_id: str) -> Thing:
        session = self.find("cs", session_id)
        if session["status"] == "open" and session["expires_at"] <= self._clock.now():
            self.expire(session_id)
        if session["status"] != "open":
            raise Refused(f"This Checkout Session is {session['status']}; it cannot be paid.")
        return session

    def _pay(self, session: Thing) -> Thing:
        self._complete(session)
        self._charge(session)
        session["payment_status"] = "paid"
        self._event("checkout.session.completed", session)
        return session

    def _complete(self, session: Thing) -> None:
        self._intent(session)
        session.update(status="complete", url=None)
        session["customer_details"] = {
            "address": None,
            "email": session["customer_email"],
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        }

    def _intent(self, session: Thing) -> Thing:
        """The session's payment intent, which is made when the shopper first tries to pay."""
        if session["payment_intent"]:
            return self._tables["pi"][session["payment_intent"]]
        asked = self._asked[session["id"]].get("payment_intent_data", {})
        intent = {
            "id": self._key("pi_"),
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_capturable": 0,
            "amount_received": 0,
            "capture_method": "automatic",
            "created": int(self._clock.now()),
            "currency": session["currency"],
            "description": asked.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": session["livemode"],
            "metadata": asked.get("metadata", {}),
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
        }
        self._tables["pi"][intent["id"]] = intent
        session["payment_intent"] = intent["id"]
        return intent

    def _charge(self, session: Thing) -> None:
        intent = self._intent(session)
        charge = {
            "id": self._key("ch_"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"],
            "amount_refunded": 0,
            "captured": True,
            "created": int(self._clock.now()),
            "currency": intent["currency"],
            "description": intent["description"],
            "disputed": False,
            "livemode": intent["livemode"],
            "metadata": dict(intent["metadata"]),
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        self._tables["ch"][charge["id"]] = charge
        intent.update(
            status="succeeded",
            amount_received=intent["amount"],
            latest_charge=charge["id"],
            last_payment_error=None,
        )
        self._event("payment_intent.succeeded", intent)
        self._event("charge.succeeded", charge)

    def _arrive(self, session: Thing) -> None:
        del self._late[session["id"]]
        if self.late_succeeds:
            self._charge(session)
            session["payment_status"] = "paid"
            self._event("checkout.session.async_payment_succeeded", session)
            return
        intent = self._tables["pi"][session["payment_intent"]]
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {"type": "card_error", "code": "payment_intent_payment_attempt_failed"}
        self._event("checkout.session.async_payment_failed", session)

    def _charge_for(self, params: Thing) -> Thing:
        if "charge" in params:
            return self.find("ch", params["charge"])
        if not params.get("payment_intent"):
            raise Refused("One of the following params should be provided: payment_intent or charge.")
        intent = self.find("pi", params["payment_intent"])
        if not intent["latest_charge"]:
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise Refused(message)
        return self.find("ch", intent["latest_charge"])

    def _refunded(self, charge: Thing, amount: int) -> None:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    def _new_dispute(self, charge: Thing) -> Thing:
        dispute = {
            "id": self._key("dp_"),
            "object": "dispute",
            "amount": charge["amount"],
            "charge": charge["id"],
            "created": int(self._clock.now()),
            "currency": charge["currency"],
            "is_charge_refundable": False,
            "livemode": charge["livemode"],
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        }
        self._tables["dp"][dispute["id"]] = dispute
        return dispute

    def _event(self, kind: str, about: Thing) -> None:
        event: Thing = {
            "id": self._key("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self._clock.now()),
            "data": {"object": copy.deepcopy(about)},
            "livemode": self._is_live(about),
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self._tables["evt"][event["id"]] = event
        self._tell(event)

    def _is_live(self, about: Thing) -> bool:
        """A refund does not say; its charge does."""
        teller = about if "livemode" in about else self.find("ch", str(about["charge"]))
        return bool(teller["livemode"])

    def _key(self, prefix: str) -> str:
        return prefix + secrets.token_hex(12)
