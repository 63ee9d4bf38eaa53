"""Paystack's other end: the part of its API that a shop with hosted pages uses.

Buttons stand in for people: `/pay/<access code>` is the hosted page, `/` lists every transaction. The control desk
understands also {"late_seconds": 5, "late_succeeds": false, "refund_seconds": 5, "refunds_end": "needs-attention"} and
{"do": "pay|late|decline|refund|dispute|won|lost", "reference": "att-…"} and
{"do": "processing|needs-attention|processed|failed", "refund": 4099260523}.
"""

import copy
import hmac
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha512
from typing import Any
from urllib.parse import urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators import paystack_answers as answers
from app.payments.simulators import paystack_pages as pages
from app.payments.simulators.delivery import Message
from app.payments.simulators.fields import (
    Wrong,
    checked,
    digits,
    mail_address,
    one_of,
    thing,
    web_address,
    whole,
    words,
)
from app.payments.simulators.paystack_account import Account, Refused, Thing, seconds
from app.payments.simulators.refusal import Refusal
from app.payments.simulators.server import LATE, Button, Entry, Simulator

CURRENCIES = ("GHS", "KES", "NGN", "USD", "ZAR")
MINIMUM = {"GHS": 10, "KES": 300, "NGN": 5000, "USD": 200, "ZAR": 100}
CHANNELS = {"card", "bank", "ussd", "qr", "eft", "mobile_money", "bank_transfer"}


def _channels(value: Any) -> list[str]:
    if not isinstance(value, list) or not set(map(str, value)) <= CHANNELS:
        raise ValueError("must be a list of channels")
    return value


NEW_TRANSACTION = {
    "email": mail_address,
    "amount": whole(1),
    "currency": one_of(*CURRENCIES),
    "reference": words(100, r"[A-Za-z0-9.=-]+"),
    "callback_url": web_address,
    "channels": _channels,
    "metadata": thing,
}
NEW_REFUND = {
    "transaction": words(100),
    "amount": whole(1),
    "currency": one_of(*CURRENCIES),
    "customer_note": words(255),
    "merchant_note": words(255),
}
DATES = {"page": digits, "from": seconds, "to": seconds}
LIST_TRANSACTIONS = DATES | {
    "per_page": digits,
    "status": one_of("success", "failed", "abandoned", "reversed"),
    "amount": digits,
}
LIST_REFUNDS = DATES | {"perPage": digits}
LIST_DISPUTES = DATES | {
    "perPage": digits,
    "transaction": digits,
    "status": one_of("awaiting-merchant-feedback", "awaiting-bank-feedback", "pending", "resolved"),
}


class PaystackSimulator(Simulator):
    """Starts with `start()`, which answers the address to put into PAYSTACK_API_BASE."""

    subject = "reference"
    knobs = {**LATE, "refund_seconds": ("refund_seconds", float), "refunds_end": ("refunds_end", str)}

    api = ("/transaction", "/refund", "/dispute")

    def __init__(
        self,
        *,
        webhook_url: str = "",
        secret_key: str = "sk_test_simulator",  # noqa: S107
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(webhook_url=webhook_url, port=port, host=host)
        self.secret_key = secret_key
        self.account = Account(self.clock, self._tell)

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        try:
            live = _key_is_live(request)
            body = self._work(request, entry, pause, live=live)
            status = 200
        except Wrong as wrong:
            refusal = Refused(_in_their_words(wrong), code="validation_error")
            status, body = refusal.status, refusal.body
        except Refused as refusal:
            status, body = refusal.status, refusal.body
        entry["answer"] = body
        return _json(body, status)

    def trouble(self, status: int) -> Response:
        said = "Invalid key" if status == 401 else f"The script of this simulator says {status}."
        return _json({"status": False, "message": said, "type": "api_error"}, status)

    def click(self, request: Request) -> Response:
        try:
            if request.path == "/":
                return self._desk_page(request.script_root)
            if request.path.startswith("/desk/") and request.method == "POST":
                self._press(request.form.get("do", ""), request.path.removeprefix("/desk/"))
                return redirect(f"{request.script_root}/", 303)
            if request.path.startswith("/pay/"):
                return self._hosted_page(request, request.path.removeprefix("/pay/"))
        except Refusal as refusal:
            return _html(pages.problem(str(refusal)), refusal.status)
        return _html(pages.problem("There is no such page."), 404)

    def sign(self, body: bytes, forged: bool) -> Mapping[str, str]:
        key = "sk_test_somebody_else" if forged else self.secret_key
        return {"x-paystack-signature": hmac.new(key.encode(), body, sha512).hexdigest()}

    def falsify(self, message: Message, kind: str) -> Message:
        false = copy.deepcopy(message)
        about = false["data"]
        if kind == "wrong_amount":
            about["amount"] = type(about["amount"])(int(about["amount"]) + 1)
        else:
            about["currency"] = "KES" if about["currency"] != "KES" else "NGN"
        return false

    def tick(self) -> None:
        self.account.tick()

    def buttons(self) -> Mapping[str, Button]:
        account = self.account
        return {
            "pay": account.pay,
            "late": account.pay_late,
            "decline": account.decline,
            "refund": account.refund_at_the_desk,
            "dispute": account.dispute,
            "won": lambda reference: account.dispute(reference, "declined"),
            "lost": lambda reference: account.dispute(reference, "merchant-accepted"),
        }

    def _tell(self, event: str, data: Thing) -> None:
        self.tell({"event": event, "data": copy.deepcopy(data)}, event_id=str(data.get("id", "")), kind=event)

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
        raise Refused("The resource you have requested does not exist", status=404)

    def _press(self, deed: str, subject: str) -> None:
        """A button of the desk: for a refund by its number, or for a transaction by its reference."""
        if subject.isdigit():
            self.account.finish_refund(subject, deed)
        else:
            self.do(deed, subject)

    def _desk_page(self, root: str) -> Response:
        account = self.account
        account.tick()
        with account.lock:
            return _html(pages.desk(root, account.transactions(), account.refunds(), account.disputes()))

    def _hosted_page(self, request: Request, access_code: str) -> Response:
        self.account.tick()
        found = [one for one in self.account.transactions() if one["access_code"] == access_code]
        if not found:
            raise Refused("There is no such page.", status=404)
        transaction, notice = found[0], ""
        if request.method == "POST":
            outcome = request.form.get("outcome", "")
            if outcome == "leave":
                return redirect(transaction["metadata"].get("cancel_action") or transaction["callback_url"], 303)
            self.do(outcome, transaction["reference"])
            if outcome in ("pay", "late"):
                return redirect(_return_address(transaction), 303)
            notice = "Declined. Try another card."
        return _html(pages.checkout(request.script_root, transaction, notice))


def _initialize(sim: PaystackSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, NEW_TRANSACTION, ("email", "amount"))
    if asked["amount"] < MINIMUM[asked.get("currency", "NGN")]:
        raise Wrong("amount", "is below the smallest for its currency")
    made = sim.account.begin(asked, live=live)
    data = {
        "authorization_url": f"{request.url_root.rstrip('/')}/pay/{made['access_code']}",
        "access_code": made["access_code"],
        "reference": made["reference"],
    }
    return _fine("Authorization URL created", data)


def _verify(sim: PaystackSimulator, raw: Thing, request: Request, live: bool, reference: str) -> Thing:
    return _fine("Verification successful", answers.transaction(sim.account.find(reference)))


def _list_transactions(sim: PaystackSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, LIST_TRANSACTIONS)
    found = [
        one
        for one in _within(sim.account.transactions(), asked)
        if asked.get("status") in (None, one["status"]) and asked.get("amount") in (None, one["amount"])
    ]
    page, meta = _page(found, asked, asked.get("per_page", 50))
    meta["total_volume"] = sum(one["amount"] for one in found)
    rows = [answers.listed_transaction(one) for one in page]
    return {"status": True, "message": "Transactions retrieved", "data": rows, "meta": meta}


def _create_refund(sim: PaystackSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    refund = sim.account.refund(checked(raw, NEW_REFUND, ("transaction",)))
    return _fine("Refund has been queued for processing", answers.created_refund(refund))


def _list_refunds(sim: PaystackSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, LIST_REFUNDS)
    found = _within(sim.account.refunds(), asked)
    page, meta = _page(found, asked, asked.get("perPage", 50))
    meta |= {"perPage": str(meta["perPage"]), "failedRefundCount": sum(one["status"] == "failed" for one in found)}
    rows = [answers.refund(one) for one in page]
    return {"status": True, "message": "Refunds retrieved", "data": rows, "meta": meta}


def _fetch_refund(sim: PaystackSimulator, raw: Thing, request: Request, live: bool, number: str) -> Thing:
    return _fine("Refund retrieved", answers.refund(sim.account.refund_named(int(number))))


def _list_disputes(sim: PaystackSimulator, raw: Thing, request: Request, live: bool) -> Thing:
    asked = checked(raw, LIST_DISPUTES)
    found = [
        one
        for one in _within(sim.account.disputes(), asked)
        if asked.get("transaction") in (None, one["transaction"]["id"]) and asked.get("status") in (None, one["status"])
    ]
    page, meta = _page(found, asked, asked.get("perPage", 50))
    rows = [answers.dispute(one) for one in page]
    return {"status": True, "message": "Disputes retrieved", "data": rows, "meta": meta}


ROUTES: list[tuple[str, str, str, Callable[..., Thing]]] = [
    ("POST", r"/transaction/initialize", "transaction_initialize", _initialize),
    ("GET", r"/transaction/verify/([^/]+)", "transaction_verify", _verify),
    ("GET", r"/transaction", "transaction_list", _list_transactions),
    ("POST", r"/refund", "refund_create", _create_refund),
    ("GET", r"/refund", "refund_list", _list_refunds),
    ("GET", r"/refund/([0-9]+)", "refund_fetch", _fetch_refund),
    ("GET", r"/dispute", "dispute_list", _list_disputes),
]


def _raw(request: Request) -> Any:
    if request.method == "GET":
        return request.args.to_dict()
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise Wrong("body", "must be JSON") from None


def _within(found: list[Thing], asked: Thing) -> list[Thing]:
    return [one for one in found if asked.get("from", 0) <= one["made"] + 1 and one["made"] <= asked.get("to", 2**40)]


def _page(found: list[Thing], asked: Thing, size: int) -> tuple[list[Thing], Thing]:
    number = max(asked.get("page", 1), 1)
    start = (number - 1) * size
    meta = {
        "total": len(found),
        "skipped": start,
        "perPage": size,
        "page": number,
        "pageCount": -(-len(found) // size),
    }
    return found[start : start + size], meta


def _fine(message: str, data: Thing) -> Thing:
    return {"status": True, "message": message, "data": data}


def _in_their_words(wrong: Wrong) -> str:
    if wrong.field == "email":
        return "Invalid Email Address Passed"
    return "Invalid Amount Sent" if wrong.field == "amount" else str(wrong)


def _key_is_live(request: Request) -> bool:
    """Whether the request speaks for live mode. Raises Refused (401) without a key that looks like one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not re.fullmatch(r"sk_(test|live)_\w+", key):
        raise Refused("Invalid key", status=401)
    return key.startswith("sk_live_")


def _return_address(transaction: Thing) -> str:
    url = str(transaction["callback_url"])
    told = urlencode({"trxref": transaction["reference"], "reference": transaction["reference"]})
    return f"{url}{'&' if '?' in url else '?'}{told}"


def _json(body: Thing, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, mimetype="text/html")
