"""What an order's page says while its money is on the way, and how often it looks for news by itself."""

from dataclasses import dataclass
from datetime import UTC, datetime

# So many times after so many seconds: eager at first, and after a minute and a half no more.
AT_A_PROVIDER = ((30, 1), (15, 2), (10, 3))
ON_A_PHONE = ((20, 2), (10, 3), (4, 5))
PATIENCE = 90  # seconds


@dataclass(frozen=True)
class Wait:
    """`place` is where the shopper pays: "page" at a provider, "phone" on a telephone, "later" by other means.

    `message` says what to do, `left` for how many seconds a telephone may still ring. The page has looked for news
    `asked` times, and looks again in `next_in` seconds, unless that is 0.
    """

    place: str
    message: str = ""
    left: int = 0
    asked: int = 0
    next_in: int = 0

    @property
    def lines(self) -> list[str]:
        return self.message.splitlines()


def wait_for(place: str, message: str, since: datetime, asked: int) -> Wait:
    """What to show to somebody who began to pay `since`, on a page that has looked for news `asked` times."""
    if place == "later":
        return Wait(place, message)
    on_a_phone = place == "phone"
    left = PATIENCE - int((datetime.now(UTC) - since).total_seconds())
    next_in = _next_in(ON_A_PHONE if on_a_phone else AT_A_PROVIDER, asked)
    return Wait(place, message, left=max(left, 0) if on_a_phone and next_in else 0, asked=asked, next_in=next_in)


def _next_in(rhythm: tuple[tuple[int, int], ...], asked: int) -> int:
    for times, seconds in rhythm:
        if asked < times:
            return seconds
        asked -= times
    return 0
