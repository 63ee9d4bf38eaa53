"""Bad days by script: which of the next requests, or messages, go wrong, and how."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

REQUEST_FAULTS = {
    "hang": "says nothing for `seconds`, does nothing, drops the connection",
    "slow": "does the work, but only after `seconds`",
    "drop": "drops the connection at once, does nothing",
    "drop_after_work": "does the work, then drops the connection",
    "hang_after_work": "does the work, then says nothing for `seconds` and drops the connection",
    "truncated": "does the work, then sends half of the answer",
    "drip": "does the work, then answers a letter at a time, over `seconds`",
    "empty": "does the work, then answers 200 with an object that says nothing",
    "html": "answers 200 with a page instead of data",
    "500": "answers 500 in the provider's shape",
    "503": "answers 503 in the provider's shape",
    "429": "answers 429 in the provider's shape",
    "401": "answers 401 in the provider's shape",
}

WEBHOOK_FAULTS = {
    "lose": "is never sent",
    "duplicate": "is sent twice",
    "delay": "is sent `seconds` later",
    "reorder": "is sent after the next one",
    "wrong_amount": "is signed well, but its amount is off by one",
    "wrong_currency": "is signed well, but in another currency",
    "bad_signature": "is signed with another secret",
}


class UnknownFault(ValueError):
    """Not one of the faults above."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong the next `times` times (for ever when negative).

    `match` is the beginning of the request's path or of the message's type. With a `chance` below 1 it passes over
    some that match: a long bad day is {"times": -1, "chance": 0.05}.
    """

    kind: str
    times: int = 1
    seconds: float = 30.0
    match: str = ""
    chance: float = 1.0


class FaultScript:
    """Faults still to come, oldest first; taken by whichever request or message matches first."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        # The same each time, so that a bad day can be told again.
        self._luck = random.Random(len(known))  # noqa: S311

    def add(self, described: str | Mapping[str, Any]) -> None:
        """From "hang" or {"fault": "hang", "times": 2, "seconds": 8, "match": "/v1/refunds"}."""
        fields = {"fault": described} if isinstance(described, str) else dict(described)
        kind = str(fields.pop("fault", ""))
        if kind not in self._known or set(fields) - {"times", "seconds", "match", "chance"}:
            raise UnknownFault(f"{described!r} is not a fault; known are {', '.join(self._known)}.")
        with self._lock:
            self._faults.append(Fault(kind, **fields))

    def take(self, subject: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if subject.startswith(fault.match) and (fault.chance >= 1 or self._luck.random() < fault.chance):
                    left = fault.times - 1 if fault.times > 0 else fault.times
                    self._faults[index : index + 1] = [replace(fault, times=left)] if left else []
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [vars(fault) for fault in self._faults]
