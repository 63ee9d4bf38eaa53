"""PayPal's other end: the part of its API that a shop with Orders uses.

Buttons stand in for people: `/checkoutnow?token=<order>` is where a payer approves, `/` lists every order. The control
desk understands also {"late_seconds": 5, "late_succeeds": false, "refunds": "PENDING", "reporting": false} and
{"do": "pay|decline|deny|late|wrong_amount|expire|complete|deny_capture|refund|dispute|won|lost|reverse",
"order": "5O1…"} and {"do": "COMPLETED|FAILED", "refund": "1JU…"}.
"""

import copy
import json
import re
import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators import paypal_keys
from app.payments.simulators import paypal_pages as pages
from app.payments.simulators import paypal_rules as rules
from app.payments.simulators.delivery import Message
from app.payments.simulators.paypal_account import Account
from app.payments.simulators.paypal_repeats import Repeats
from app.payments.simulators.paypal_report import report
from app.payments.simulators.paypal_rules import Refused, Thing
from app.payments.simulators.paypal_things import capture_of
from app.payments.simulators.refusal import Refusal
from app.payments.simulators.server import LATE, Button, Entry, Simulator

TOKENS_LIVE = 32_400  # seconds
BRIEF = ("id", "status", "links")
APPROVALS = ("pay", "decline", "deny", "late", "wrong_amount")


class PayPalSimulator(Simulator):
    """Starts with `start()`, which answers the address to put into PAYPAL_API_BASE."""

    api = ("/v1/", "/v2/")
    subject = "order"
    knobs = {**LATE, "refunds": ("refunds_are", str)}

    def __init__(
        self,
        *,
        webhook_url: str = "",
        client_id: str = "simulator",
        client_secret: str = "simulator",  # noqa: S107
        webhook_id: str = "8PT597110X687430LKGECATA",
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(webhook_url=webhook_url, port=port, host=host)
        self.webhook_id = webhook_id
        self.reports = True
        self.account = Account(self.clock, self._tell, lambda: self.base_url)
        self._client = (client_id, client_secret)
        self._tokens: dict[str, float] = {}
        self._repeats = Repeats(self.clock)

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        try:
            if request.path == paypal_keys.CERTIFICATE and request.method == "GET":
                return Response(paypal_keys.keys().pem, mimetype="application/x-pem-file")
            if request.path == "/v1/oauth2/token":
                status, body = self._new_token(request)
            else:
                self._check_token(request)
                status, body = self._work(request, entry, pause)
        except Refused as refusal:
            status, body = refusal.status, refusal.body
        entry["answer"] = body
        headers = {"Paypal-Debug-Id": str(body.get("debug_id") or secrets.token_hex(7))}
        return Response(json.dumps(body), status, headers, mimetype="application/json")

    def trouble(self, status: int) -> Response:
        return Response(json.dumps(Refused(status).body), status, mimetype="application/json")

    def click(self, request: Request) -> Response:
        try:
            if request.path == "/":
                return self._desk_page(request.script_root)
            if request.path.startswith("/desk/") and request.method == "POST":
                self._press(request.form.get("do", ""), request.path.removeprefix("/desk/"))
                return redirect(f"{request.script_root}/", 303)
            if request.path == "/checkoutnow":
                return self._approval_page(request, request.args.get("token", ""))
        except Refusal as refusal:
            return _html(pages.problem(str(refusal)), refusal.status)
        return _html(pages.problem("There is no such page."), 404)

    def sign(self, body: bytes, forged: bool) -> Mapping[str, str]:
        webhook_id = "0SOMEBODYELSES" if forged else self.webhook_id
        return paypal_keys.signed(body, webhook_id, self.base_url, self.clock.now())

    def falsify(self, message: Message, kind: str) -> Message:
        false = copy.deepcopy(message)
        resource = false["resource"]
        units = resource.get("purchase_units", [{}])
        amount = resource.get("amount") or resource.get("dispute_amount") or units[0].get("amount")
        if kind == "wrong_currency":
            amount["currency_code"] = "EUR" if amount["currency_code"] != "EUR" else "USD"
        else:
            amount["value"] = str(Decimal(amount["value"]) + 1)
        return false

    def tick(self) -> None:
        self.account.tick()

    def control(self, wish: dict[str, Any]) -> None:
        self.reports = bool(wish.pop("reporting", self.reports))
        super().control(wish)

    def buttons(self) -> Mapping[str, Button]:
        account = self.account
        return {
            **{
                deed: partial(account.approve, plan=deed) for deed in ("pay", "decline", "deny", "late", "wrong_amount")
            },
            "expire": account.forget,
            "complete": lambda name: account.finish(name, succeeds=True),
            "deny_capture": lambda name: account.finish(name, succeeds=False),
            "refund": lambda name: account.new_refund(capture_of(account.find(name))["id"], {}),
            "dispute": account.dispute,
            "won": lambda name: account.dispute(name, "RESOLVED_SELLER_FAVOUR"),
            "lost": lambda name: account.dispute(name, "RESOLVED_BUYER_FAVOUR"),
            "reverse": account.reverse,
        }

    def _tell(self, event: Message) -> None:
        self.tell(event, kind=event["event_type"])

    def _new_token(self, request: Request) -> tuple[int, Thing]:
        given = request.authorization
        if given is None or (given.username, given.password) != self._client:
            return 401, {"error": "invalid_client", "error_description": "Client Authentication failed"}
        if request.form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": "Grant Type is NULL"}
        value = f"A21AA{secrets.token_urlsafe(48)}"
        self._tokens[value] = self.clock.now() + TOKENS_LIVE
        body = {"scope": "https://uri.paypal.com/services/payments/payment", "access_token": value}
        return 200, body | {"token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": TOKENS_LIVE}

    def _check_token(self, request: Request) -> None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(value, 0) <= self.clock.now():
            raise Refused(401)

    def _work(self, request: Request, entry: Entry, pause: Callable[[], None]) -> tuple[int, Thing]:
        operation, run, keys = _route(request)
        entry["operation"] = operation
        entry["params"] = _raw(request)

        def work() -> tuple[Thing, Callable[[], Thing]]:
            pause()
            self.account.tick()
            with self.account.lock:
                made, again = run(self, entry["params"], request, *keys)
                return copy.deepcopy(made), lambda: copy.deepcopy(again())

        made, is_repeated = self._repeats.once(request, entry, work)
        if request.method == "POST" and "return=representation" not in request.headers.get("Prefer", ""):
            made = {name: made[name] for name in BRIEF if name in made} or made
        created = request.method == "POST" and operation != "verify-webhook-signature.post" and not is_repeated
        return (201 if created else 200), made

    def _press(self, deed: str, subject: str) -> None:
        """A button of the desk: for all refunds to come, for one on its way, or for an order."""
        if subject == "refunds":
            self.account.refunds_are = "PENDING" if deed == "PENDING" else "COMPLETED"
        elif deed in ("COMPLETED", "FAILED"):
            self.account.finish_refund(subject, deed)
        else:
            self.do(deed, subject)

    def _desk_page(self, root: str) -> Response:
        account = self.account
        account.tick()
        with account.lock:
            rows = account.orders(), account.refunds(), account.cases()
            return _html(pages.desk(root, *rows, account.refunds_are))

    def _approval_page(self, request: Request, order_id: str) -> Response:
        order = self.account.find(order_id)
        asked = self.account.experience(order_id)
        if request.method == "POST":
            outcome = request.form.get("outcome", "")
            if outcome == "leave":
                return redirect(_with(asked["cancel_url"], token=order_id), 303)
            self.do(outcome, order_id)
            return redirect(_with(asked["return_url"], token=order_id, PayerID="ADAPAYER23456"), 303)
        return _html(pages.approval(request.script_root, order, asked.get("brand_name", ""), ""))


# The thing itself, and how to find it when the same is asked again.
Made = tuple[Thing, Callable[[], Thing]]
Handler = Callable[..., Made]


def _create_order(sim: PayPalSimulator, raw: Any, request: Request) -> Made:
    asked = rules.NEW_ORDER(raw, "")
    if "payment_source" in asked and "PayPal-Request-Id" not in request.headers:
        raise Refused(400, "PAYPAL_REQUEST_ID_REQUIRED")
    order = sim.account.new_order(asked, f"{request.url_root}checkoutnow?token=")
    return order, lambda: sim.account.find(order["id"])


def _get_order(sim: PayPalSimulator, raw: Any, request: Request, order_id: str) -> Made:
    return _once(sim.account.find(order_id))


def _capture_order(sim: PayPalSimulator, raw: Any, request: Request, order_id: str) -> Made:
    rules.NEW_CAPTURE(raw, "")
    return sim.account.capture(order_id), lambda: sim.account.find(order_id)


def _get_capture(sim: PayPalSimulator, raw: Any, request: Request, capture_id: str) -> Made:
    return _once(sim.account.capture_named(capture_id))


def _refund_capture(sim: PayPalSimulator, raw: Any, request: Request, capture_id: str) -> Made:
    refund = sim.account.new_refund(capture_id, rules.NEW_REFUND(raw, ""))
    return refund, lambda: sim.account.refund_named(refund["id"])


def _get_refund(sim: PayPalSimulator, raw: Any, request: Request, refund_id: str) -> Made:
    return _once(sim.account.refund_named(refund_id))


def _list_transactions(sim: PayPalSimulator, raw: Any, request: Request) -> Made:
    if not sim.reports:
        raise Refused(403, "PERMISSION_DENIED")
    return _once(report(sim.account.orders(), raw))


def _verify_signature(sim: PayPalSimulator, raw: Any, request: Request) -> Made:
    asked = rules.A_SIGNATURE(raw, "")
    verdict = "SUCCESS" if paypal_keys.is_ours(request.get_data(), asked, sim.webhook_id) else "FAILURE"
    return _once({"verification_status": verdict})


def _once(found: Thing) -> Made:
    return found, lambda: found


ROUTES: list[tuple[str, str, str, Handler]] = [
    ("POST", r"/v2/checkout/orders", "orders.create", _create_order),
    ("GET", r"/v2/checkout/orders/([A-Z0-9]{1,36})", "orders.get", _get_order),
    ("POST", r"/v2/checkout/orders/([A-Z0-9]{1,36})/capture", "orders.capture", _capture_order),
    ("GET", r"/v2/payments/captures/([A-Z0-9]+)", "captures.get", _get_capture),
    ("POST", r"/v2/payments/captures/([A-Z0-9]+)/refund", "captures.refund", _refund_capture),
    ("GET", r"/v2/payments/refunds/([A-Z0-9]+)", "refunds.get", _get_refund),
    ("GET", r"/v1/reporting/transactions", "search.get", _list_transactions),
    ("POST", r"/v1/notifications/verify-webhook-signature", "verify-webhook-signature.post", _verify_signature),
]


def _route(request: Request) -> tuple[str, Handler, tuple[str, ...]]:
    for method, pattern, operation, run in ROUTES:
        found = re.fullmatch(pattern, request.path)
        if found and method == request.method:
            return operation, run, found.groups()
    raise Refused(404, "INVALID_RESOURCE_ID")


def _raw(request: Request) -> Any:
    if request.method == "GET":
        return request.args.to_dict()
    if request.mimetype != "application/json":
        raise Refused(400, "MALFORMED_REQUEST_JSON")
    try:
        return json.loads(request.get_data(cache=True))
    except ValueError:
        raise Refused(400, "MALFORMED_REQUEST_JSON") from None


def _with(url: str, **more: str) -> str:
    told = "&".join(f"{name}={value}" for name, value in more.items())
    return f"{url}{'&' if '?' in url else '?'}{told}"


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, mimetype="text/html")
