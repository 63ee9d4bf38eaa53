"""Where finished pages are kept: in this process, and in Redis for the others and for longer than memory lasts."""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.exc import DBAPIError, TimeoutError

from app.lib.pagecache.page import Page
from app.lib.pagecache.versions import Versions, snapshot

log = logging.getLogger(__name__)

PATIENCE = 0.3  # seconds for one answer from Redis
PAUSE = 10.0  # seconds without Redis after one that did not come
SHARE = 0.5  # of the memory of Redis; the rest is the queue's
MOST_WITHOUT_A_LIMIT = 256 * 1024 * 1024  # bytes: counted as all there is where Redis has no limit of its own
LOOK_EACH = 5.0  # seconds between two looks at how full it is


class Memory:
    """The pages of this process, those asked for last; at most so many bytes."""

    def __init__(self, most: int):
        self._most = most
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, key: str) -> Page | None:
        page = self._pages.get(key)
        if page is not None:
            with suppress(KeyError):  # dropped by another thread at this moment
                self._pages.move_to_end(key)
        return page

    def put(self, key: str, page: Page) -> None:
        with self._lock:
            self._drop(key)
            self._pages[key] = page
            self.size += page.size
            while self.size > self._most and self._pages:
                self._drop(next(iter(self._pages)))

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()
            self.size = 0

    def __len__(self) -> int:
        return len(self._pages)

    def _drop(self, key: str) -> None:
        old = self._pages.pop(key, None)
        if old is not None:
            self.size -= old.size


class Shelf:
    """Pages in Redis. Whatever happens to Redis, the shop only works more.

    `space` names the release, the settings and the database a page was made with, so that no other is ever met.
    """

    def __init__(self, url: str, space: Callable[[], str]):
        self._redis = Redis.from_url(
            url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._space_of = space
        self._space = ""
        self._pause_until = 0.0
        self._looked_at = float("-inf")
        self._is_full = False

    def get(self, key: str, hole: bytes, versions: Versions) -> Page | None:
        """The page, when nothing it shows has changed since it was read, in whatever process that was."""
        if time.monotonic() < self._pause_until:
            return None
        sequence = versions.sequence
        try:
            found = self._redis.get(self._name(key))
        except (RedisError, DBAPIError, TimeoutError, OSError) as error:
            self._rest(error)
            return None
        if not isinstance(found, bytes):
            return None
        try:
            return _read(found, hole, sequence, versions)
        except (ValueError, KeyError, TypeError):
            log.warning("A page in Redis cannot be read and is made again.")
            return None

    def put(self, key: str, page: Page) -> None:
        now = time.monotonic()
        if now < self._pause_until:
            return
        try:
            if self._has_room(now):
                self._redis.set(self._name(key), _written(page), px=max(1, int((page.ends - now) * 1000)))
        except (RedisError, DBAPIError, TimeoutError, OSError) as error:
            self._rest(error)

    def _name(self, key: str) -> str:
        if not self._space:
            self._space = self._space_of()
        return f"page:{self._space}:{key}"

    def _has_room(self, now: float) -> bool:
        """Redis never evicts: a queued job would be lost without a sound. So pages take no more than their share."""
        if now > self._looked_at + LOOK_EACH:
            self._looked_at = now
            memory = self._redis.info("memory")
            most = int(memory.get("maxmemory", 0)) or MOST_WITHOUT_A_LIMIT
            self._is_full = int(memory["used_memory"]) > most * SHARE
        return not self._is_full

    def _rest(self, error: Exception) -> None:
        self._pause_until = time.monotonic() + PAUSE
        log.warning("Pages do without Redis for %d s: %s", PAUSE, type(error).__name__)


def _written(page: Page) -> bytes:
    """A line of JSON with the lengths of the bodies, then the bodies."""
    facts, bodies = page.parts()
    head = json.dumps({**facts, "sizes": [len(body) for body in bodies]}).encode()
    return b"".join((head, b"\n", *bodies))


def _read(found: bytes, hole: bytes, sequence: int, versions: Versions) -> Page | None:
    head, _, rest = found.partition(b"\n")
    facts = json.loads(head)
    bodies, start = [], 0
    for size in facts["sizes"]:
        bodies.append(rest[start : start + size])
        start += size
    if start != len(rest):
        raise ValueError("A page is not as long as it says.")
    position, slots = snapshot(facts["snapshot"]), tuple(map(int, facts["slots"]))
    if not versions.has_seen(position, slots):
        return None
    page = Page.from_parts(facts, bodies, hole)
    until = float(facts["until"])
    page.shown_at(sequence, slots, position, versions.here(until), until)
    return page
