"""Good and bad days: scripts of faults, by the name on their button."""

from collections.abc import Mapping
from typing import Any

Wish = Mapping[str, Any]


def _next(fault: str, **more: Any) -> Wish:
    return {"faults": [{"fault": fault, "times": 3, **more}]}


def _news(fault: str, **more: Any) -> Wish:
    return {"webhook_faults": [{"fault": fault, "times": 3, **more}]}


def _all_day(kinds: tuple[str, ...], chance: float, **more: Any) -> list[Wish]:
    return [{"fault": kind, "times": -1, "chance": chance, **more} for kind in kinds]


# A third of all messages comes to grief, and one request in six.
WRETCHED: Wish = {
    "faults": _all_day(("drop", "drop_after_work", "500", "503", "429", "html", "truncated"), 0.02)
    + _all_day(("hang", "hang_after_work", "slow"), 0.005, seconds=4.0),
    "webhook_faults": _all_day(("lose", "duplicate", "reorder"), 0.1) + _all_day(("delay",), 0.05, seconds=5.0),
}

DAYS: dict[str, Wish] = {
    "A good day": {"calm": True},
    "Takes the request and drops the connection": _next("drop_after_work"),
    "Hangs": _next("hang", seconds=20.0),
    "Answers 500": _next("500"),
    "Answers 429": _next("429"),
    "Answers 401": _next("401"),
    "Answers with a page": _next("html"),
    "Answers by half": _next("truncated"),
    "Answers a letter at a time": _next("drip", seconds=60.0),
    "Loses messages": _news("lose"),
    "Says everything twice": _news("duplicate"),
    "Is a minute late": _news("delay", seconds=60.0),
    "Says the last first": _news("reorder"),
    "Names another amount": _news("wrong_amount"),
    "Names another currency": _news("wrong_currency"),
    "Signs with another secret": _news("bad_signature"),
    "A wretched day": WRETCHED,
}
