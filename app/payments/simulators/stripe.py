"""Stripe's other end: the part of its API that a shop with Checkout uses, spoken well enough for its own SDK.

Buttons stand in for people: `/pay/<session>` is the hosted page, `/` lists every session. The control desk
understands also {"late_seconds": 5, "late_succeeds": false, "refunds": "pending"} and
{"do": "pay|late|decline|expire|pay_after_all|refund|dispute|won|lost", "session": "cs_…"} and
{"do": "succeeded|failed", "refund": "re_…"}.
"""

import copy
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators import stripe_pages as pages
from app.payments.simulators import stripe_rules as rules
from app.payments.simulators.delivery import Message
from app.payments.simulators.idempotency import Keys
from app.payments.simulators.params import Check, Refused, nested
from app.payments.simulators.refusal import Refusal
from app.payments.simulators.server import LATE, Button, Entry, Simulator
from app.payments.simulators.stripe_account import API_VERSION, Account, Thing

# What the endpoint in the dashboard is subscribed to.
SUBSCRIBED = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
}


class StripeSimulator(Simulator):
    """Starts with `start()`, which answers the address to put into STRIPE_API_BASE."""

    subject = "session"
    knobs = {**LATE, "refunds": ("refunds_are", str)}

    def __init__(
        self,
        *,
        webhook_url: str = "",
        webhook_secret: str = "whsec_simulator",  # noqa: S107
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(webhook_url=webhook_url, port=port, host=host)
        self.webhook_secret = webhook_secret
        self.subscribed = set(SUBSCRIBED)
        self.account = Account(self.clock, self._tell)
        self._keys = Keys(self.clock)

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        try:
            live = _key_is_live(request)
            entry["stripe_version"] = request.headers.get("Stripe-Version", "")
            status, body, replayed = self._keys.once(
                request, entry, lambda: self._work(request, entry, pause, live=live)
            )
        except Refused as refusal:
            status, body, replayed = refusal.status, refusal.body, False
        entry["answer"] = body
        headers = {"Request-Id": f"req_{secrets.token_hex(7)}", "Stripe-Version": API_VERSION}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(json.dumps(body), status, headers, mimetype="application/json")

    def trouble(self, status: int) -> Response:
        kind = "api_error" if status >= 500 else "invalid_request_error"
        error = {"type": kind, "message": f"The script of this simulator says {status}."}
        return Response(json.dumps({"error": error}), status, mimetype="application/json")

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
        stamp = str(int(time.time()))
        secret = "whsec_somebody_else" if forged else self.webhook_secret
        mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
        return {"Stripe-Signature": f"t={stamp},v1={mac}", "User-Agent": "Stripe/1.0"}

    def falsify(self, message: Message, kind: str) -> Message:
        false = copy.deepcopy(message)
        about = false["data"]["object"]
        for name in ("amount_total", "amount_subtotal", "amount"):
            if kind == "wrong_amount" and name in about:
                about[name] += 1
        if kind == "wrong_currency":
            about["currency"] = "eur" if about["currency"] != "eur" else "usd"
        return false

    def tick(self) -> None:
        self.account.tick()

    def buttons(self) -> Mapping[str, Button]:
        account = self.account
        return {
            "pay": account.pay,
            "pay_after_all": account.pay_after_all,
            "late": account.pay_late,
            "decline": account.decline,
            "expire": account.expire,
            "refund": lambda name: account.new_refund({"payment_intent": account.find("cs", name)["payment_intent"]}),
            "dispute": account.dispute,
            "won": lambda name: account.dispute(name, "won"),
            "lost": lambda name: account.dispute(name, "lost"),
        }

    def _tell(self, event: Message) -> None:
        if event["type"] in self.subscribed:
            self.tell(event)

    def _work(self, request: Request, entry: Entry, pause: Callable[[], None], *, live: bool) -> Thing:
        operation, check, run, keys = self._route(request)
        pairs = request.form if request.method == "POST" else request.args
        raw = nested(pairs.items(multi=True))
        entry.update(operation=operation, params=raw)
        params = check(raw, "")
        entry["params"] = copy.deepcopy(params)
        pause()
        host = request.url_root.rstrip("/")
        self.account.tick()
        with self.account.lock:
            made = copy.deepcopy(run(self, params, host, live, *keys))
            for path in params.get("expand", ()):
                self._expand(made, path.split("."), path)
            return made

    def _route(self, request: Request) -> tuple[str, Check, Callable[..., Thing], tuple[str, ...]]:
        for method, pattern, operation, check, run in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return operation, check, run, found.groups()
        raise Refused(f"Unrecognized request URL ({request.method}: {request.path}).", status=404, code="url_unknown")

    def _listed(self, prefix: str, params: Thing, path: str, **equal: Any) -> Thing:
        """A page of a list, newest first. `equal` are the filters that are plain comparisons."""
        rows = [
            row
            for row in self.account.all(prefix)
            if all(row.get(name) == value for name, value in equal.items() if value is not None)
            and _within(row["created"], params.get("created", {}))
        ]
        if "starting_after" in params:
            ids = [row["id"] for row in rows]
            rows = rows[ids.index(params["starting_after"]) + 1 :] if params["starting_after"] in ids else []
        limit = params.get("limit", 10)
        return {"object": "list", "url": path, "data": rows[:limit], "has_more": len(rows) > limit}

    def _expand(self, thing: Any, steps: list[str], path: str) -> None:
        if steps[0] == "data" and isinstance(thing.get("data"), list):
            for row in thing["data"]:
                self._expand(row, steps[1:], path)
            return
        value = thing.get(steps[0])
        if steps[0] == "refunds" and thing["object"] == "charge":
            where = f"/v1/charges/{thing['id']}/refunds"
            thing["refunds"] = copy.deepcopy(self._listed("re", {}, where, charge=thing["id"]))
            return
        if steps[0] not in ("payment_intent", "latest_charge", "charge"):
            raise Refused(f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(value, str):
            thing[steps[0]] = copy.deepcopy(self.account.find(value.partition("_")[0], value))
        if steps[1:] and isinstance(thing.get(steps[0]), dict):
            self._expand(thing[steps[0]], steps[1:], path)

    def _press(self, deed: str, subject: str) -> None:
        """A button of the desk: for a session, for a refund on its way, or for all refunds to come."""
        if subject == "refunds":
            self.account.refunds_are = "pending" if deed == "pending" else "succeeded"
        elif subject.startswith("re_"):
            self.account.finish_refund(subject, deed)
        else:
            self.do(deed, subject)

    def _desk_page(self, root: str) -> Response:
        account = self.account
        account.tick()
        with account.lock:
            return _html(pages.desk(root, account.all("cs"), account.all("re"), account.refunds_are))

    def _hosted_page(self, request: Request, session_id: str) -> Response:
        self.account.tick()
        session = self.account.find("cs", session_id)
        notice = ""
        if request.method == "POST":
            outcome = request.form.get("outcome", "")
            if outcome == "leave" and session["cancel_url"]:
                return redirect(session["cancel_url"], 303)
            session = self.do(outcome, session_id)
            if outcome in ("pay", "late"):
                return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), 303)
            notice = "Your card was declined. Try another one." if outcome == "decline" else ""
        return _html(pages.checkout(request.script_root, session, self.account.lines(session_id), notice))


Handler = Callable[..., Thing]


def _create_session(sim: StripeSimulator, params: Thing, host: str, live: bool) -> Thing:
    return sim.account.new_session(params, host, live=live)


def _list_sessions(sim: StripeSimulator, params: Thing, host: str, live: bool) -> Thing:
    equal = {"payment_intent": params.get("payment_intent"), "status": params.get("status")}
    return sim._listed("cs", params, "/v1/checkout/sessions", **equal)


def _expire_session(sim: StripeSimulator, params: Thing, host: str, live: bool, key: str) -> Thing:
    return sim.account.expire(key)


def _create_refund(sim: StripeSimulator, params: Thing, host: str, live: bool) -> Thing:
    return sim.account.new_refund(params)


def _list_refunds(sim: StripeSimulator, params: Thing, host: str, live: bool) -> Thing:
    equal = {"payment_intent": params.get("payment_intent"), "charge": params.get("charge")}
    return sim._listed("re", params, "/v1/refunds", **equal)


def _list_events(sim: StripeSimulator, params: Thing, host: str, live: bool) -> Thing:
    page = sim._listed("evt", {**params, "limit": 2**31}, "/v1/events", type=params.get("type"))
    wanted = [row for row in page["data"] if row["type"] in params.get("types", [row["type"]])]
    limit = params.get("limit", 10)
    return page | {"data": wanted[:limit], "has_more": len(wanted) > limit}


def _found(prefix: str) -> Handler:
    def find(sim: StripeSimulator, params: Thing, host: str, live: bool, key: str) -> Thing:
        return sim.account.find(prefix, key)

    return find


ROUTES: list[tuple[str, str, str, Check, Handler]] = [
    ("POST", r"/v1/checkout/sessions", "checkout.sessions.create", rules.NEW_SESSION, _create_session),
    ("GET", r"/v1/checkout/sessions", "checkout.sessions.list", rules.LIST_SESSIONS, _list_sessions),
    ("GET", r"/v1/checkout/sessions/(\w+)", "checkout.sessions.retrieve", rules.ONLY_EXPAND, _found("cs")),
    (
        "POST",
        r"/v1/checkout/sessions/(\w+)/expire",
        "checkout.sessions.expire",
        rules.ONLY_EXPAND,
        _expire_session,
    ),
    ("POST", r"/v1/refunds", "refunds.create", rules.NEW_REFUND, _create_refund),
    ("GET", r"/v1/refunds", "refunds.list", rules.LIST_REFUNDS, _list_refunds),
    ("GET", r"/v1/refunds/(\w+)", "refunds.retrieve", rules.ONLY_EXPAND, _found("re")),
    ("GET", r"/v1/payment_intents/(\w+)", "payment_intents.retrieve", rules.ONLY_EXPAND, _found("pi")),
    ("GET", r"/v1/charges/(\w+)", "charges.retrieve", rules.ONLY_EXPAND, _found("ch")),
    ("GET", r"/v1/disputes/(\w+)", "disputes.retrieve", rules.ONLY_EXPAND, _found("dp")),
    ("GET", r"/v1/events", "events.list", rules.LIST_EVENTS, _list_events),
    ("GET", r"/v1/events/(\w+)", "events.retrieve", rules.ONLY_EXPAND, _found("evt")),
]


def _key_is_live(request: Request) -> bool:
    """Whether the request speaks for live mode. Raises Refused (401) without a key that looks like one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Refused("You did not provide an API key.", status=401)
    if not re.fullmatch(r"[sr]k_(test|live)_\w+", key):
        raise Refused("Invalid API Key provided.", status=401)
    return key[3:7] == "live"


def _within(created: int, limits: Mapping[str, int]) -> bool:
    return (
        created > limits.get("gt", -1)
        and created >= limits.get("gte", 0)
        and created < limits.get("lt", 2**53)
        and created <= limits.get("lte", 2**53)
    )


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, mimetype="text/html")
