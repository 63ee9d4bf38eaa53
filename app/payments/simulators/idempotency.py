"""Idempotency keys as Stripe keeps them: the first answer is given again, other content is refused."""

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request

from app.payments.simulators.clock import Clock
from app.payments.simulators.params import Refused

KEPT = 24 * 3600  # seconds


@dataclass
class _Use:
    content: tuple[str, str, bytes]
    since: float
    answer: dict[str, Any] | None = None


class Keys:
    """The keys of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._uses: dict[str, _Use] = {}
        self._lock = threading.Lock()

    def once(
        self, request: Request, entry: dict[str, Any], work: Callable[[], dict[str, Any]]
    ) -> tuple[int, dict[str, Any], bool]:
        """Status, body, and whether the answer is a repeated one. After Refused the key is free again."""
        key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        entry["idempotency_key"] = key
        content = (request.method, request.path, request.get_data(cache=True))
        if not key:
            return 200, work(), False
        if len(key) > 255:
            raise Refused("An idempotency key has at most 255 characters.", type="idempotency_error")
        known = self._claim(key, content)
        if known is not None:
            entry["replayed"] = True
            return 200, known, True
        try:
            answer = work()
        except BaseException:
            # A request that was refused before it did anything leaves its key unused.
            self._forget(key)
            raise
        with self._lock:
            self._uses[key].answer = copy.deepcopy(answer)
        return 200, answer, False

    def _claim(self, key: str, content: tuple[str, str, bytes]) -> dict[str, Any] | None:
        with self._lock:
            use = self._uses.get(key)
            if use is None or use.since + KEPT < self._clock.now():
                self._uses[key] = _Use(content, self._clock.now())
                return None
            if use.content != content:
                raise Refused(
                    "Keys for idempotent requests can only be used with the same parameters they were first "
                    f"used with. Try using a key other than '{key}' if you meant another request.",
                    type="idempotency_error",
                )
            if use.answer is None:
                message = "There is currently another in-progress request using this idempotency key."
                raise Refused(message, status=409, type="idempotency_error", code="idempotency_key_in_use")
            return copy.deepcopy(use.answer)

    def _forget(self, key: str) -> None:
        with self._lock:
            del self._uses[key]
