"""How often somebody may try to sign in: counted in PostgreSQL before the password is looked at."""

from dataclasses import dataclass

from sqlalchemy import text

from app.lib import ratelimit, runtime
from app.lib.db import db
from app.lib.errors import TooMany
from app.lib.ratelimit import Limit, in_words, network_of
from app.lib.tokens import digest

FREE = 5  # tries of one account without a wait
WAITS = (60, 300, 900)  # seconds after the fifth failure, the sixth, and each later one
FORGET = 3600  # seconds after the last failure until all are forgotten
PER_ADDRESS = Limit("sign-in-from", 20, 600)


@dataclass(frozen=True)
class Try:
    """One counted try; if it fails, `left` more may follow at once, else after `wait` seconds."""

    left: int
    wait: int


# A row's ends_at is its last failure plus :forget. Counting and refusing are one statement, so a hundred
# guesses at once are counted one after the other, in however many processes.
COUNT = text("""
    INSERT INTO rate_limits AS r (key, count, ends_at)
    VALUES (:key, 1, now() + make_interval(secs => :forget))
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN r.ends_at <= now() THEN 1 ELSE r.count + 1 END,
        ends_at = excluded.ends_at
    WHERE r.count < :free
       OR r.ends_at - make_interval(secs => :forget)
        + make_interval(secs => (CAST(:waits AS int[]))[least(r.count - :free + 1, :steps)])
        <= now()
    RETURNING count
""")
LEFT = text("""
    SELECT ceil(extract(epoch FROM r.ends_at - now()) - :forget
        + (CAST(:waits AS int[]))[least(r.count - :free + 1, :steps)])::int
    FROM rate_limits r WHERE key = :key
""")
FORGIVE = text("DELETE FROM rate_limits WHERE key = :key")
GIVE_BACK = text("UPDATE rate_limits SET count = greatest(count - 1, 0) WHERE key = :key")


def count_try(email: str, address: str) -> Try:
    """Count a try on the account and from the network address. Raises TooMany, also for an unknown account.

    Counted on a connection of its own, so that a refused try stays counted.
    """
    if not runtime.settings().rate_limits:
        return Try(left=FREE, wait=0)
    ratelimit.hit(PER_ADDRESS, network_of(address))
    return _count(email)


def count_try_on(email: str) -> Try:
    """Count a try on the account alone, for somebody already signed in. Raises TooMany."""
    if not runtime.settings().rate_limits:
        return Try(left=FREE, wait=0)
    return _count(email)


def succeeded(email: str, address: str) -> None:
    """The password was right: forget the failures of the account, and this try from the address."""
    with db.engine.begin() as connection:
        connection.execute(FORGIVE, {"key": _key(email)})
        connection.execute(GIVE_BACK, {"key": ratelimit.key_of(PER_ADDRESS.name, network_of(address))})


def forgive(email: str) -> None:
    """Forget the failures of the account: its owner has come in by a mailed link."""
    with db.engine.begin() as connection:
        connection.execute(FORGIVE, {"key": _key(email)})


def _count(email: str) -> Try:
    facts = {"key": _key(email), "forget": FORGET, "free": FREE, "waits": list(WAITS), "steps": len(WAITS)}
    with db.engine.begin() as connection:
        count = connection.execute(COUNT, facts).scalar()
        if count is None:
            wait = max(1, connection.execute(LEFT, facts).scalar() or 1)
            raise TooMany(f"Too many tries. Wait {in_words(wait)}, then try again.", wait=wait)
    return Try(left=max(0, FREE - count), wait=_pause_after(count))


def _pause_after(count: int) -> int:
    return 0 if count < FREE else WAITS[min(count - FREE, len(WAITS) - 1)]


def _key(email: str) -> str:
    return f"sign-in:{digest(email).hex()[:32]}"
