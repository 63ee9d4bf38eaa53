"""Limits and lockouts, counted in PostgreSQL so that every process sees the same number."""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib import runtime
from app.lib.db import Base, db
from app.lib.errors import TooMany


class RateLimit(Base):
    """How often something happened in the window that ends at `ends_at`."""

    __tablename__ = "rate_limits"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


@dataclass(frozen=True)
class Limit:
    """At most `most` times in `seconds`."""

    name: str
    most: int
    seconds: int


# Waits for no disk: a crash may forget the tries of the last moment.
COUNT = text("""
    WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO rate_limits AS r (key, count, ends_at)
    SELECT :key, 1, now() + make_interval(secs => :seconds) FROM quick
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN r.ends_at <= now() THEN 1 ELSE r.count + 1 END,
        ends_at = CASE WHEN r.ends_at <= now() THEN excluded.ends_at ELSE r.ends_at END
    RETURNING count, ceil(extract(epoch FROM ends_at - now()))::int
""")


def hit(limit: Limit, who: str) -> None:
    """Count one more. Raises TooMany when that is above the limit.

    It commits on a connection of its own, so that a refused request is still counted.
    """
    if not runtime.settings().rate_limits:
        return
    with db.engine.begin() as connection:
        count, wait = connection.execute(COUNT, {"key": key_of(limit.name, who), "seconds": limit.seconds}).one()
    if count > limit.most:
        raise TooMany(f"Too many tries. Wait {in_words(wait)}, then try again.", wait=max(1, wait))


def key_of(name: str, who: str) -> str:
    """Addresses and e-mail addresses are kept as a digest: a counter needs no personal data."""
    return f"{name}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"


def network_of(address: str) -> str:
    """Whom an address stands for: one house has a whole /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def in_words(seconds: int) -> str:
    number, unit = (max(1, seconds), "second") if seconds < 60 else (-(-seconds // 60), "minute")
    return f"{number} {unit}{'s' if number > 1 else ''}"


def forget_old() -> None:
    """Drop counters whose window ended."""
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM rate_limits WHERE ends_at < now() - interval '1 day'"))
