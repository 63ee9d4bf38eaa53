"""A clock that can be moved, so that a day passes in a test and a session expires at once."""

import time


class Clock:
    """Real time, plus however far it has been moved."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead

    def move(self, seconds: float) -> None:
        self._ahead += seconds

    def set(self, to: float | None) -> None:
        """Show this moment and run on from there; None goes back to real time."""
        self._ahead = 0.0 if to is None else to - time.time()
