"""PayPal-Request-Id: what was asked under a name before is answered with what became of it, whatever is asked now."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Request

from app.payments.simulators.clock import Clock
from app.payments.simulators.paypal_rules import Refused, Thing

# Seconds for which a name is kept, by the beginning of the path.
KEPT = {"/v2/checkout/orders": 6 * 3600, "/v2/payments/captures": 45 * 24 * 3600}
LONGEST = 108  # characters


@dataclass
class _Use:
    since: float
    answer: Callable[[], Thing] | None = None


class Repeats:
    """The names of one account. A request that was refused leaves its name unused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._uses: dict[tuple[str, str], _Use] = {}
        self._lock = threading.Lock()

    def once(
        self, request: Request, entry: Thing, work: Callable[[], tuple[Thing, Callable[[], Thing]]]
    ) -> tuple[Thing, bool]:
        """The answer, and whether it is a repeated one. `work` gives back a thing, and how to find it later."""
        name = request.headers.get("PayPal-Request-Id", "") if request.method == "POST" else ""
        entry["request_id"] = name
        if not name:
            return work()[0], False
        if len(name) > LONGEST:
            raise Refused(400, "INVALID_STRING_LENGTH", field="PayPal-Request-Id")
        key = (_kind(request.path), name)
        known = self._claim(key)
        if known is not None:
            entry["replayed"] = True
            return known(), True
        try:
            made, again = work()
        except BaseException:
            with self._lock:
                del self._uses[key]
            raise
        with self._lock:
            self._uses[key].answer = again
        return made, False

    def _claim(self, key: tuple[str, str]) -> Callable[[], Thing] | None:
        with self._lock:
            use = self._uses.get(key)
            kept = next((seconds for path, seconds in KEPT.items() if key[0].startswith(path)), 0)
            if use is None or use.since + kept < self._clock.now():
                self._uses[key] = _Use(self._clock.now())
                return None
            if use.answer is None:
                raise Refused(409, "PREVIOUS_REQUEST_IN_PROGRESS")
            return use.answer


def _kind(path: str) -> str:
    """Names are kept apart by call: the collection, and what is done to one of its members."""
    steps = path.strip("/").split("/")
    return "/" + "/".join(steps[:3] + steps[4:])
