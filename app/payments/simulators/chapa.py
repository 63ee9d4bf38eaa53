"""Chapa's other end: the part of its API that a shop with hosted pages uses.

Buttons stand in for people: `/checkout/payment/<code>` is the hosted page, `/` lists every payment. The control desk
understands also {"late_seconds": 5, "late_succeeds": false, "refund_seconds": 5, "refunds_end": "reversed"} and
{"do": "pay|late|decline|expire|pay_after_all|refund|reverse", "tx_ref": "att-…"} and
{"do": "processing|refunded|reversed", "refund": "MERC-DIS-REF-…"}.
"""

import copy
import hmac
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators import chapa_account as books
from app.payments.simulators import chapa_pages as pages
from app.payments.simulators.chapa_account import Account, Refused, Thing
from app.payments.simulators.delivery import Message
from app.payments.simulators.fields import Wrong, checked, digits, mail_address, one_of, thing, web_address, words
from app.payments.simulators.refusal import Refusal
from app.payments.simulators.server import LATE, Button, Entry, Simulator

AMOUNT = words(20, r"[0-9]+(\.[0-9]{1,2})?")
PLAIN = r"[A-Za-z0-9_. -]*"


def _customization(value: Any) -> Thing:
    return checked(value, {"title": words(16, PLAIN), "description": words(255, PLAIN), "logo": web_address})


NEW_PAYMENT = {
    "amount": AMOUNT,
    "currency": one_of("ETB", "USD"),
    "tx_ref": words(100, r"[^\s/]+"),
    "email": mail_address,
    "first_name": words(100),
    "last_name": words(100),
    "phone_number": words(10, r"0[79][0-9]{8}"),
    "callback_url": web_address,
    "return_url": web_address,
    "customization": _customization,
    "meta": thing,
}
NEW_REFUND = {"amount": AMOUNT, "reason": words(255), "reference": words(100)}


class ChapaSimulator(Simulator):
    """Starts with `start()`, which answers the address to put into CHAPA_API_BASE."""

    subject = "tx_ref"
    knobs = {**LATE, "refund_seconds": ("refund_seconds", float), "refunds_end": ("refunds_end", str)}

    def __init__(
        self,
        *,
        webhook_url: str = "",
        webhook_secret: str = "chapa_hash_simulator",  # noqa: S107
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(webhook_url=webhook_url, port=port, host=host)
        self.webhook_secret = webhook_secret
        self.account = Account(self.clock, self._tell)

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        try:
            live = _key_is_live(request)
            body, status = self._work(request, entry, pause, live=live), 200
        except Wrong as wrong:
            body, status = _disliked(wrong).body, 400
        except Refused as refusal:
            body, status = refusal.body, refusal.status
        entry["answer"] = body
        return _json(body, status)

    def trouble(self, status: int) -> Response:
        said = "Invalid API Key" if status == 401 else f"The script of this simulator says {status}."
        return _json({"message": said, "status": "failed", "data": None}, status)

    def click(self, request: Request) -> Response:
        try:
            if request.path == "/":
                return self._desk_page(request.script_root)
            if request.path.startswith("/desk/") and request.method == "POST":
                self._press(request.form.get("do", ""), request.path.removeprefix("/desk/"))
                return redirect(f"{request.script_root}/", 303)
            if request.path.startswith("/checkout/payment/"):
                return self._hosted_page(request, request.path.removeprefix("/checkout/payment/"))
        except Refusal as refusal:
            return _html(pages.problem(str(refusal)), refusal.status)
        return _html(pages.problem("There is no such page."), 404)

    def sign(self, body: bytes, forged: bool) -> Mapping[str, str]:
        """Both headers, as Chapa sends them. A forger who saw one message has the second of them for every other."""
        key = "somebody_else" if forged else self.webhook_secret
        return {
            "x-chapa-signature": _mac(key, body),
            "chapa-signature": _mac(self.webhook_secret, self.webhook_secret.encode()),
        }

    def falsify(self, message: Message, kind: str) -> Message:
        false = copy.deepcopy(message)
        if kind == "wrong_amount":
            false["amount"] = f"{Decimal(false['amount']) + 1:.2f}"
        else:
            false["currency"] = "USD" if false["currency"] != "USD" else "ETB"
        return false

    def tick(self) -> None:
        self.account.tick()

    def buttons(self) -> Mapping[str, Button]:
        account = self.account
        return {
            "pay": account.pay,
            "late": account.pay_late,
            "decline": account.decline,
            "expire": account.cancel,
            "pay_after_all": account.pay_after_all,
            "refund": account.refund_at_the_desk,
            "reverse": account.reverse,
        }

    def _tell(self, message: Message) -> None:
        self.tell(copy.deepcopy(message), event_id=message["reference"], kind=message["event"])

    def _work(self, request: Request, entry: Entry, pause: Callable[[], None], *, live: bool) -> Thing:
        for method, pattern, operation, run in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                entry["operation"] = operation
                entry["params"] = raw = _raw(request)
                pause()
                self.account.tick()
                with self.account.lock:
                    return copy.deepcopy(run(self, raw, request, live, *found.groups()))
        raise Refused("The route could not be found.", status=404)

    def _press(self, deed: str, subject: str) -> None:
        """A button of the desk: for a refund, or for a payment."""
        if subject.startswith("MERC-DIS-REF-"):
            self.account.finish_refund(subject, deed)
        else:
            self.do(deed, subject)

    def _desk_page(self, root: str) -> Response:
        account = self.account
        account.tick()
        with account.lock:
            return _html(pages.desk(root, account.payments(), account.refunds()))

    def _hosted_page(self, request: Request, code: str) -> Response:
        self.account.tick()
        found = [one for one in self.account.payments() if one["code"] == code]
        if not found:
            raise Refused("There is no such page.", status=404)
        payment, notice = found[0], ""
        if request.method == "POST":
            outcome = request.form.get("outcome", "")
            if outcome != "leave":
                self.do(outcome, payment["tx_ref"])
            if outcome in ("pay", "late", "leave"):
                return redirect(payment.get("return_url", "/"), 303)
            notice = "There is not enough money in this account. Try another one."
        return _html(pages.checkout(request.script_root, payment, notice))


def _initialize(sim: ChapaSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, NEW_PAYMENT, ("amount", "currency", "tx_ref"))
    if Decimal(asked["amount"]) <= 0:
        raise Wrong("amount", "must be more than nothing")
    made = sim.account.begin(asked, live=live)
    return _fine("Hosted Link", {"checkout_url": f"{request.url_root.rstrip('/')}/checkout/payment/{made['code']}"})


def _verify(sim: ChapaSimulator, raw: Thing, request: Request, live: bool, tx_ref: str) -> Thing:
    payment = sim.account.find(tx_ref)
    if payment["status"] == "open":
        raise Refused("Payment not paid yet", status=404, outer="null")
    return _fine("Payment details", books.details(payment))


def _cancel(sim: ChapaSimulator, raw: Thing, request: Request, live: bool, tx_ref: str) -> Thing:
    payment = sim.account.cancel(tx_ref)
    told = {name: books.details(payment)[name] for name in ("tx_ref", "amount", "currency", "created_at", "updated_at")}
    return _fine("Checkout link expired successfully", told)


def _refund(sim: ChapaSimulator, raw: Thing, request: Request, live: bool, name: str) -> Thing:
    asked = {field: value for field, value in raw.items() if not field.startswith("meta[")}
    refund = sim.account.refund(name, checked(asked, NEW_REFUND))
    return _fine("Refund initiated successfully", books.refund_details(refund))


def _verify_refund(sim: ChapaSimulator, raw: Thing, request: Request, live: bool, name: str) -> Thing:
    return _fine("Refund verified successfully", books.refund_details(sim.account.refund_named(name)))


def _list(sim: ChapaSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, {"page": digits, "per_page": digits})
    number, size = max(asked.get("page", 1), 1), asked.get("per_page", 10)
    found = sim.account.payments()
    rows = found[(number - 1) * size : number * size]
    here = f"{request.url_root.rstrip('/')}/v1/transactions?page="
    return _fine(
        "Transactions retrieved successfully",
        {
            "transactions": [books.listed(one) for one in rows],
            "pagination": {
                "per_page": size,
                "current_page": number,
                "first_page_url": f"{here}1",
                "next_page_url": f"{here}{number + 1}" if len(found) > number * size else None,
                "prev_page_url": f"{here}{number - 1}" if number > 1 else None,
            },
        },
    )


ROUTES: list[tuple[str, str, str, Callable[..., Thing]]] = [
    ("POST", r"/v1/transaction/initialize", "initialize", _initialize),
    ("GET", r"/v1/transaction/verify/([^/]+)", "verify", _verify),
    ("PUT", r"/v1/transaction/cancel/([^/]+)", "cancel", _cancel),
    ("POST", r"/v1/refund/([^/]+)", "refund", _refund),
    ("GET", r"/v1/refund/([^/]+)/verify", "verify_refund", _verify_refund),
    ("GET", r"/v1/transactions", "list", _list),
]


def _raw(request: Request) -> Thing:
    if request.method == "GET":
        return request.args.to_dict()
    if request.mimetype == "application/x-www-form-urlencoded":
        return request.form.to_dict()
    try:
        return dict(json.loads(request.get_data() or b"{}"))
    except (TypeError, ValueError):
        raise Refused("Incorrect header settings Please check if content-type is present") from None


def _disliked(wrong: Wrong) -> Refused:
    problem = "validation.required" if wrong.problem == "is required" else f"The {wrong}."
    return Refused({wrong.field: [problem]})


def _fine(message: str, data: Thing) -> Thing:
    return {"message": message, "status": "success", "data": data}


def _key_is_live(request: Request) -> bool:
    """Whether the request speaks for live mode. Raises Refused (401) without a key that looks like one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Refused("Authorization required", status=401)
    if not re.fullmatch(r"CHASECK(_TEST)?-\w+", key):
        raise Refused("Invalid API Key or User doesn't exist", status=401)
    return not key.startswith("CHASECK_TEST")


def _mac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, sha256).hexdigest()


def _json(body: Thing, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, mimetype="text/html")
