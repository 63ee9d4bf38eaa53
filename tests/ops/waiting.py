"""Waiting for a fact instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], *, seconds: float = 10) -> T:
    """The first true answer. Fails when none has come by the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"Nothing true within {seconds} s."
        time.sleep(0.02)
    return answer
