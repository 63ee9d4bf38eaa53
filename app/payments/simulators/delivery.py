"""Posting webhooks: signed at the moment of sending, tried again until answered 2xx, bad days included."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.payments.simulators.clock import Clock
from app.payments.simulators.faults import WEBHOOK_FAULTS, Fault, FaultScript

Message = dict[str, Any]
# Brings a body with headers to an address; gives back the status, or what went wrong on the way.
Carrier = Callable[[str, bytes, Mapping[str, str]], int | str]
WAITING_FOR_THE_NEXT = float("inf")


def carry(url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
    """By HTTP."""
    request = urllib.request.Request(url, body, dict(headers), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


@dataclass(eq=False)
class Delivery:
    """One copy of a message on its way; `due` in the simulator's seconds."""

    event_id: str
    type: str
    url: str
    body: bytes
    due: float
    forged: bool = False
    tries: int = 0


class Mailman:
    """Delivers in order of due time, one at a time, because order is part of the story."""

    def __init__(
        self,
        clock: Clock,
        sign: Callable[[bytes, bool], Mapping[str, str]],
        falsify: Callable[[Message, str], Message],
        *,
        url: str = "",
        retry_after: Sequence[float] = (1, 5, 30, 300),
    ) -> None:
        self.url = url
        self.retry_after = retry_after
        self.faults = FaultScript(WEBHOOK_FAULTS)
        self.carry: Carrier = carry
        self.log: list[dict[str, Any]] = []
        self._clock = clock
        self._sign = sign
        self._falsify = falsify
        self._queue: list[Delivery] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def post(self, message: Message, *, event_id: str = "", kind: str = "", url: str = "") -> None:
        """Put a message in the queue, or whatever the script makes of it.

        `event_id` and `kind` are for the log and the script, by default the message's own `id` and `type`; `url` is
        for a message with an address of its own.
        """
        event_id, kind = event_id or str(message.get("id", "")), kind or str(message.get("type", ""))
        url = url or self.url
        fault = self.faults.take(kind) or Fault("")
        if not url or fault.kind == "lose":
            self._note(event_id, kind, "lost" if fault.kind == "lose" else "no address")
            return
        if fault.kind in ("wrong_amount", "wrong_currency"):
            message = self._falsify(message, fault.kind)
        now = self._clock.now()
        due = {"delay": now + fault.seconds, "reorder": WAITING_FOR_THE_NEXT}.get(fault.kind, now)
        body = json.dumps(message).encode()
        copies = [
            Delivery(event_id, kind, url, body, due, forged=fault.kind == "bad_signature")
            for _ in range(2 if fault.kind == "duplicate" else 1)
        ]
        with self._lock:
            overtaken = [one for one in self._queue if one.due == WAITING_FOR_THE_NEXT]
            self._queue = [one for one in self._queue if one not in overtaken] + copies + overtaken
            for one in overtaken:
                one.due = due

    def deliver_due(self) -> None:
        """Send everything that is due."""
        with self._sending:
            while delivery := self._next():
                self._try(delivery)

    @property
    def waiting(self) -> int:
        """How many copies are still to be delivered."""
        with self._lock:
            return len(self._queue)

    def _next(self) -> Delivery | None:
        with self._lock:
            due = [one for one in self._queue if one.due <= self._clock.now()]
            return min(due, key=lambda one: one.due) if due else None

    def _try(self, delivery: Delivery) -> None:
        status = self._send(delivery)
        self._note(delivery.event_id, delivery.type, status)
        with self._lock:
            answered = isinstance(status, int) and 200 <= status < 300
            if answered or delivery.tries >= len(self.retry_after):
                self._queue.remove(delivery)
                return
            delivery.due = self._clock.now() + self.retry_after[delivery.tries]
            delivery.tries += 1

    def _send(self, delivery: Delivery) -> int | str:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers.update(self._sign(delivery.body, delivery.forged))
        return self.carry(delivery.url, delivery.body, headers)

    def _note(self, event_id: str, event_type: str, status: int | str) -> None:
        self.log.append({"event": event_id, "type": event_type, "status": status, "at": self._clock.now()})
