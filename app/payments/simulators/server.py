"""What every simulator is made of: a WSGI app with a clock, bad days and a control desk.

`start()` serves it alone; `serving.Serving` serves several under a path each, so a link begins with
`request.script_root`, and an address with `request.url_root`.

`POST /_control` takes JSON: {"clock": "+3600" or unix seconds or null, "faults": [...], "webhook_faults": [...],
"webhook_url": "...", "retry_after": [...], "calm": true, "clear": true}: `calm` ends the bad day, `clear` forgets what
happened as well. `GET /_requests` lists what arrived, `GET /_deliveries` what was sent.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from app.payments.simulators.clock import Clock
from app.payments.simulators.delivery import Mailman, Message
from app.payments.simulators.faults import REQUEST_FAULTS, FaultScript, UnknownFault
from app.payments.simulators.refusal import Refusal
from app.payments.simulators.serving import Serving

Entry = dict[str, Any]
Button = Callable[[str], Any]
Kind = Callable[[Any], Any]
Knobs = Mapping[str, tuple[str, Kind]]  # name in a wish: the attribute of the account that it sets, and its kind
LATE: Knobs = {"late_seconds": ("late_seconds", float), "late_succeeds": ("late_succeeds", bool)}
MOST_REQUESTS_KEPT = 5_000


class Simulator:
    """One provider's other end. A subclass answers requests, signs messages and draws its page.

    Requests to `api` are kept in the log and have bad days; the others are people's clicks.
    """

    api: str | tuple[str, ...] = "/v1/"
    subject = ""  # under this name a wish says whose button it presses
    knobs: ClassVar[Knobs] = {}
    account: Any

    def __init__(self, *, webhook_url: str = "", port: int = 0, host: str = "127.0.0.1") -> None:
        self.clock = Clock()
        self.faults = FaultScript(REQUEST_FAULTS)
        self.mailman = Mailman(self.clock, self.sign, self.falsify, url=webhook_url)
        self.requests: deque[Entry] = deque(maxlen=MOST_REQUESTS_KEPT)
        self.base_url = ""
        self._address = (host, port)
        self._serving: Serving | None = None
        self._stopping = threading.Event()
        self._news = threading.Event()

    def answer(self, request: Request, entry: Entry, pause: Callable[[], None]) -> Response:
        """Answer a request to `api`. Call `pause` once, where the real work begins."""
        raise NotImplementedError

    def click(self, request: Request) -> Response:
        """Answer anything else: the pages that stand in for people."""
        raise NotImplementedError

    def trouble(self, status: int) -> Response:
        """An answer of this status in the provider's shape."""
        raise NotImplementedError

    def sign(self, body: bytes, forged: bool) -> Mapping[str, str]:
        """Headers that prove who wrote the body, or that fail to when `forged`."""
        raise NotImplementedError

    def falsify(self, message: Message, kind: str) -> Message:
        """The message with another amount ("wrong_amount") or currency ("wrong_currency")."""
        raise NotImplementedError

    def tick(self) -> None:
        """Whatever happens by itself when time passes."""

    def buttons(self) -> Mapping[str, Button]:
        """What people may press; each wants the name of the payment."""
        return {}

    def control(self, wish: dict[str, Any]) -> None:
        """Turn knobs and press a button, of a refund or of a payment; takes its own keys out of `wish`."""
        for name, (attribute, kind) in self.knobs.items():
            if name in wish:
                setattr(self.account, attribute, kind(wish.pop(name)))
        if "do" not in wish:
            return
        try:
            if "refund" in wish:
                self.account.finish_refund(wish.pop("refund"), wish.pop("do"))
            else:
                self.do(wish.pop("do"), wish.pop(self.subject))
        except Refusal as refusal:
            raise ValueError(str(refusal)) from None

    def do(self, deed: str, name: str) -> Any:
        """Press one of the buttons. Raises Refusal."""
        button = self.buttons().get(deed)
        if button is None:
            raise Refusal(f"There is no button {deed!r}.")
        return button(name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._respond(Request(environ))(environ, start_response)

    def start(self) -> str:
        """Serve alone from now on; answers the base URL."""
        host, port = self._address
        self._stopping.clear()
        self._serving = Serving({"": self}, host=host, port=port)
        return self._serving.start()

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.stop()

    def live(self) -> None:
        """Let time pass and deliver messages, until `rest`."""
        while not self._stopping.is_set():
            self._news.wait(0.05)
            self._news.clear()
            self.tick()
            self.mailman.deliver_due()

    def rest(self) -> None:
        self._stopping.set()
        self._news.set()

    def tell(self, message: Message, *, event_id: str = "", kind: str = "", url: str = "") -> None:
        """Send this message to the webhook address, or to its own `url`, soon."""
        self.mailman.post(message, event_id=event_id, kind=kind, url=url)
        self._news.set()

    def wait_until_told(self, seconds: float = 5.0) -> None:
        """Return when every message has been delivered. Raises TimeoutError."""
        ends = time.monotonic() + seconds
        while self.mailman.waiting:
            if time.monotonic() > ends:
                raise TimeoutError(f"{self.mailman.waiting} messages are still waiting.")
            time.sleep(0.01)

    def _respond(self, request: Request) -> Response:
        if request.path.startswith("/_"):
            return self._desk(request)
        if not request.path.startswith(self.api):
            return self.click(request)
        entry: Entry = {"method": request.method, "path": request.path, "at": self.clock.now()}
        self.requests.append(entry)
        response = self._with_fault(request, entry)
        entry["status"] = response.status_code
        return response

    def _with_fault(self, request: Request, entry: Entry) -> Response:
        fault = self.faults.take(request.path)
        if fault is None:
            return self.answer(request, entry, _at_once)
        entry["fault"] = fault.kind
        if fault.kind.isdigit():
            return self.trouble(int(fault.kind))
        if fault.kind == "html":
            return Response("<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>", mimetype="text/html")
        if fault.kind == "slow":
            return self.answer(request, entry, lambda: self._wait(fault.seconds))
        if fault.kind in ("drop_after_work", "hang_after_work", "truncated", "empty", "drip"):
            response = self.answer(request, entry, _at_once)
            if fault.kind == "truncated":
                return _half(response)
            if fault.kind == "empty":
                return _json({})
            if fault.kind == "drip":
                return self._dripping(response, fault.seconds)
        if fault.kind.startswith("hang"):
            self._wait(fault.seconds)
        # The server takes this for a client that went away, and `_QuietHandler` hangs up.
        raise ConnectionResetError

    def _wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _dripping(self, response: Response, seconds: float) -> Response:
        letters = response.get_data()

        def one_by_one() -> Iterator[bytes]:
            for place in range(len(letters)):
                self._wait(seconds / len(letters))
                yield letters[place : place + 1]

        return Response(one_by_one(), response.status_code, response.headers)

    def _desk(self, request: Request) -> Response:
        if request.path == "/_control" and request.method == "POST":
            return self._controlled(request)
        if request.path == "/_requests":
            return _json({"requests": list(self.requests)})
        if request.path == "/_deliveries":
            return _json({"deliveries": self.mailman.log, "waiting": self.mailman.waiting})
        return _json({"error": "There is /_control (POST), /_requests and /_deliveries."}, status=404)

    def _controlled(self, request: Request) -> Response:
        try:
            wish = json.loads(request.get_data())
            if not isinstance(wish, dict):
                raise ValueError("A wish is a JSON object.")
            self.obey(wish)
        except (ValueError, TypeError, LookupError, UnknownFault) as error:
            return _json({"error": str(error)}, status=400)
        self._news.set()
        return _json(
            {
                "clock": self.clock.now(),
                "faults": self.faults.as_json(),
                "webhook_faults": self.mailman.faults.as_json(),
            }
        )

    def obey(self, wish: dict[str, Any]) -> None:
        """Do what the control desk was asked. Raises ValueError, TypeError or LookupError with a sentence."""
        clear = wish.pop("clear", False)
        if wish.pop("calm", False) or clear:
            self.faults.clear()
            self.mailman.faults.clear()
        if clear:
            self.requests.clear()
            self.mailman.log.clear()
        if "clock" in wish:
            clock = wish.pop("clock")
            if isinstance(clock, str):
                self.clock.move(float(clock))
            else:
                self.clock.set(clock)
        for fault in wish.pop("faults", ()):
            self.faults.add(fault)
        for fault in wish.pop("webhook_faults", ()):
            self.mailman.faults.add(fault)
        self.mailman.url = wish.pop("webhook_url", self.mailman.url)
        self.mailman.retry_after = wish.pop("retry_after", self.mailman.retry_after)
        self.control(wish)
        if wish:
            raise ValueError(f"Nobody here understands {', '.join(wish)}.")


def _at_once() -> None:
    return None


def _half(response: Response) -> Response:
    body = response.get_data()
    cut = Response(body[: len(body) // 2], response.status_code, mimetype=response.mimetype)
    cut.headers["Content-Length"] = str(len(body))
    return cut


def _json(data: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(data), status, mimetype="application/json")
