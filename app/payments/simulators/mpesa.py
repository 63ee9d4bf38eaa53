"""M-Pesa's other end: the part of Daraja that a shop with STK push uses, and the telephones behind it.

`/` lists every push, `/phone/<CheckoutRequestID>` is the phone it rings on. Callbacks go to the address each push
names, and carry no signature. The control desk understands also {"late_seconds": 5} and
{"do": "pay|late|wrong_pin|cancel|no_answer|low_balance|not_sent|strange|pay_after_all", "push": "ws_CO_…"}.
"""

import copy
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators import mpesa_pages as pages
from app.payments.simulators import mpesa_rules as rules
from app.payments.simulators.delivery import Message
from app.payments.simulators.mpesa_phones import Phones, Push
from app.payments.simulators.mpesa_rules import Refused
from app.payments.simulators.server import Entry, Simulator

TOKEN_LIVES = 3599  # seconds


class MpesaSimulator(Simulator):
    """Starts with `start()`, which answers the address to put into MPESA_API_BASE."""

    api = ("/oauth/", "/mpesa/")

    def __init__(
        self,
        *,
        consumer_key: str = "simulator",
        consumer_secret: str = "simulator",  # noqa: S107
        shortcode: str = "174379",
        passkey: str = "simulator",
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(port=port, host=host)
        self.mailman.retry_after = ()  # whoever misses a callback is not told again
        self.phones = Phones(self.clock, self._tell)
        self._keys = (consumer_key, consumer_secret)
        self._shortcode = shortcode
        self._passkey = passkey
        self._tokens: dict[str, float] = {}

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        try:
            body = self._work(request, entry, pause)
            status = 200
        except Refused as refusal:
            body, status = refusal.body, refusal.status
        entry["answer"] = body
        return _json(body, status)

    def trouble(self, status: int) -> Response:
        code = {401: "404.001.03", 429: "500.003.02"}.get(status, f"{status}.002.1001")
        return _json(Refused(code, f"The script of this simulator says {status}.").body, status)

    def click(self, request: Request) -> Response:
        root = request.script_root
        try:
            self.tick()
            if request.path == "/":
                return _html(pages.desk(root, self.phones.all()))
            if request.path.startswith("/phone/"):
                name = request.path.removeprefix("/phone/")
                if request.method == "POST":
                    self.do(request.form.get("do", ""), name)
                    return redirect(f"{root}/phone/{name}", 303)
                return _html(pages.phone(root, self.phones.find(name)))
        except Refused as refusal:
            return _html(pages.problem(str(refusal)), refusal.status)
        return _html(pages.problem("There is no such page."), 404)

    def sign(self, body: bytes, forged: bool) -> Mapping[str, str]:
        """Daraja signs nothing."""
        return {"User-Agent": "Apache-HttpClient/4.5.5"}

    def falsify(self, message: Message, kind: str) -> Message:
        """Another amount; there is only one currency."""
        false = copy.deepcopy(message)
        for item in false["Body"]["stkCallback"].get("CallbackMetadata", {}).get("Item", ()):
            if kind == "wrong_amount" and item["Name"] == "Amount":
                item["Value"] += 1
        return false

    def tick(self) -> None:
        self.phones.tick()

    def control(self, wish: dict[str, Any]) -> None:
        self.phones.late_seconds = float(wish.pop("late_seconds", self.phones.late_seconds))
        if "do" not in wish:
            return
        try:
            self.do(wish.pop("do"), wish.pop("push"))
        except Refused as refusal:
            raise ValueError(str(refusal)) from None

    def do(self, deed: str, name: str) -> Push:
        """Press a button of a phone. Raises Refused."""
        return self.phones.press(deed, name)

    def _tell(self, push: Push, message: Message) -> None:
        code = message["Body"]["stkCallback"]["ResultCode"]
        url = str(push.asked["CallBackURL"])
        self.tell(message, event_id=push.name, kind=f"stkCallback.{code}", url=url)

    def _work(self, request: Request, entry: Entry, pause: Callable[[], None]) -> dict[str, Any]:
        if (request.method, request.path) == ("GET", "/oauth/v1/generate"):
            entry["operation"] = "oauth"
            pause()
            return self._new_token(request)
        self._check_token(request)
        if (request.method, request.path) == ("POST", "/mpesa/stkpush/v1/processrequest"):
            entry["operation"], entry["params"] = "stk_push", _params(request)
            return self._push(entry["params"], pause)
        if (request.method, request.path) == ("POST", "/mpesa/stkpushquery/v1/query"):
            entry["operation"], entry["params"] = "stk_query", _params(request)
            return self._query(entry["params"], pause)
        raise Refused("404.001.01", "Resource not found")

    def _new_token(self, request: Request) -> dict[str, Any]:
        if request.args.get("grant_type") != "client_credentials":
            raise Refused("400.008.02", "Invalid grant type passed")
        given = request.authorization
        if given is None or given.type != "basic" or (given.username, given.password) != self._keys:
            raise Refused("400.008.01", "Invalid Authentication passed")
        token = secrets.token_urlsafe(21)
        self._tokens[token] = self.clock.now() + TOKEN_LIVES
        return {"access_token": token, "expires_in": str(TOKEN_LIVES)}

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0) <= self.clock.now():
            raise Refused("404.001.03", "Invalid Access Token")

    def _push(self, params: dict[str, Any], pause: Callable[[], None]) -> dict[str, Any]:
        rules.check(rules.PUSH, params)
        rules.check_password(params, self._shortcode, self._passkey)
        pause()
        push = self.phones.push(params)
        return {
            "MerchantRequestID": push.merchant_name,
            "CheckoutRequestID": push.name,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }

    def _query(self, params: dict[str, Any], pause: Callable[[], None]) -> dict[str, Any]:
        rules.check(rules.QUERY, params)
        rules.check_password(params, self._shortcode, self._passkey)
        pause()
        self.tick()
        push = self.phones.find(params["CheckoutRequestID"])
        if push.result is None:
            raise Refused("500.001.1001", "The transaction is being processed")
        code, words = push.result
        return {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": push.merchant_name,
            "CheckoutRequestID": push.name,
            "ResultCode": code,
            "ResultDesc": words,
        }


def _params(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.get_data())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused("400.002.05", "Invalid Request Payload")
    return found


def _json(body: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, mimetype="text/html")
