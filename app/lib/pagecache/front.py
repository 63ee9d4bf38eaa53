"""The WSGI layer in front of Flask: finished pages for those who only look, in a fresh shell for shoppers."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from app.lib import runtime
from app.lib.pagecache.asking import MADE, Asked, Rule, Rules
from app.lib.pagecache.keeping import Memory, Shelf
from app.lib.pagecache.page import Header, Page
from app.lib.pagecache.versions import OLDEST, Position, Versions, slots_of
from app.lib.telemetry import request_id

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# Said anew with each answer, or only about the one that is being made.
NOT_KEPT = {"content-length", "x-request-id", "cache-control", "vary", "etag", "date"}
ALWAYS = "menu"  # the tag of what stands on every page


class Shell:
    """What of a page is each shopper's own. `hole` is how it looks for a visitor, `mark` what only it contains.

    `fill` makes it from the Cookie header. A request with one of `cookies` is a shopper's; with one of `refused` it
    is not answered from here at all.
    """

    def __init__(
        self,
        hole: bytes,
        mark: bytes,
        fill: Callable[[str], bytes],
        cookies: Iterable[str],
        refused: Iterable[str],
    ):
        self.hole, self.mark, self.fill = hole, mark, fill
        self._cookies, self._refused = frozenset(cookies), frozenset(refused)

    def reader(self, cookie: str) -> str:
        """visitor, shopper, or nobody we answer."""
        names = {part.partition("=")[0].strip() for part in cookie.split(";")}
        if names & self._refused:
            return "refused"
        return "shopper" if names & self._cookies else "visitor"

    def cut(self, body: bytes) -> tuple[bytes, bytes, bytes] | None:
        """What stands before the hole, after it, and the hole; none when it is not where it should be."""
        holes = body.count(self.hole)
        if holes > 1 or body.count(self.mark) != holes:
            return None
        before, hole, after = body.partition(self.hole)
        return before, after, hole


class Made:
    """Filled in by the view: the tags of what it shows, and until when."""

    def __init__(self, position: Position):
        self.tags: set[str] = {ALWAYS}
        self.is_shown = False
        self.until: datetime | None = None
        self.position = position


class Answer(NamedTuple):
    status: str
    headers: list[Header]
    body: bytes


class Front:
    """Answers from memory, from Redis, or from the app; `counts` says how often."""

    def __init__(self, app: WSGIApp, rules: Callable[[], Rules], shell: Shell, versions: Versions, memory: Memory):
        self._app = app
        self._rules_of = rules
        self._rules: Rules | None = None
        self._shell = shell
        self._versions = versions
        self.memory = memory
        self.shelf: Shelf | None = None
        self.counts = dict.fromkeys(("memory", "redis", "miss", "bypass", "unchanged"), 0)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        if self._rules is None:
            self._rules = self._rules_of()
        rule = self._rules.of(environ.get("PATH_INFO", ""))
        if rule is None:
            return self._app(environ, start_response)
        now = time.monotonic()
        asked = position = None
        sequence, ends = self._versions.sequence, self._versions.ends  # before the position: it has all they tell of
        cookie = environ.get("HTTP_COOKIE", "")
        reader = self._shell.reader(cookie) if cookie else "visitor"
        if reader != "refused" and self._versions.is_trusted(now) and _is_ours(environ):
            asked, position = self._rules.asked(environ, rule), self._versions.position
        if asked is None or position is None:
            self.counts["bypass"] += 1
            return self._app(environ, start_response)
        page = self._kept(asked, now)
        if page is None:
            page, answer = self._made(asked, environ, position, sequence, ends)
            if page is None:
                return self._not_a_page(answer, asked, environ, start_response)
        if reader == "shopper":
            return self._shopper(page, cookie, asked.rule, environ, start_response)
        return self._visitor(page, asked.rule, environ, start_response)

    def _kept(self, asked: Asked, now: float) -> Page | None:
        key = asked.key
        page = self.memory.get(key)
        if page is not None:
            if page.is_fresh(self._versions, now):
                self.counts["memory"] += 1
                if not page.is_dense:
                    self._read_again(key, page)
                return page
            self.memory.drop(key)
        if self.shelf is None:
            return None
        page = self.shelf.get(key, self._shell.hole, self._versions)
        if page is None or not page.is_fresh(self._versions, time.monotonic()):
            return None
        self.counts["redis"] += 1
        self.memory.put(key, page)
        return page

    def _read_again(self, key: str, page: Page) -> None:
        """Worth compressing well and telling the other processes, which pages read only once are not."""
        page.make_dense()
        if self.shelf is not None:
            self.shelf.put(key, page)

    def _made(
        self, asked: Asked, environ: dict[str, Any], position: Position, sequence: int, ends: float
    ) -> tuple[Page | None, Answer]:
        """Let the app answer a stranger, and keep the answer if it is a page that says what it shows.

        What is known is noted before the first read, so an edit that commits meanwhile makes the page old at birth.
        """
        self.counts["miss"] += 1
        versions = self._versions
        begun = time.monotonic()
        made = Made(position)
        answer = _answer_of(self._app, {**asked.environ(environ), MADE: made})
        headers = {name.lower(): value for name, value in answer.headers}
        is_page = answer.status == "200 OK" and made.is_shown and "set-cookie" not in headers
        # The app itself calls what holds nothing of one person "no-cache", and everything else private.
        pieces = self._shell.cut(answer.body) if is_page and headers.get("cache-control") == "no-cache" else None
        if pieces is None:
            return None, answer
        page = Page([header for header in answer.headers if header[0].lower() not in NOT_KEPT], *pieces)
        ends = min(ends, begun + OLDEST)
        if made.until is not None:
            ends = min(ends, versions.here(made.until.timestamp()))
        page.shown_at(sequence, slots_of(made.tags), position, ends, versions.there(ends))
        if page.is_fresh(versions, time.monotonic()):
            self.memory.put(asked.key, page)
        return page, answer

    def _not_a_page(
        self, answer: Answer, asked: Asked, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """An error, a redirect, something private: theirs alone, so the app sees the request as it came."""
        if "HTTP_COOKIE" in environ or environ.get("QUERY_STRING", "") != asked.query:
            return self._app(environ, start_response)
        start_response(answer.status, answer.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _visitor(
        self, page: Page, rule: Rule, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        fresh = [
            ("Cache-Control", "no-cache"),
            ("ETag", f'W/"{page.digest}"'),
            ("Vary", _vary(rule)),
            ("X-Request-Id", request_id(environ.get("HTTP_X_REQUEST_ID", ""))),
        ]
        if page.digest in environ.get("HTTP_IF_NONE_MATCH", ""):
            self.counts["unchanged"] += 1
            start_response("304 Not Modified", fresh)
            return []
        encoding = _encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if encoding == "br" and not page.is_dense:
            encoding = "gzip" if _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")) else encoding
        return _send(page.body(encoding), encoding, page, fresh, environ, start_response)

    def _shopper(
        self, page: Page, cookie: str, rule: Rule, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        hole = self._shell.fill(cookie) if page.hole else b""
        fresh = [
            ("Cache-Control", "private, no-store"),
            ("Vary", _vary(rule)),
            ("X-Request-Id", request_id(environ.get("HTTP_X_REQUEST_ID", ""))),
        ]
        encoding = "gzip" if _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")) else ""
        body = page.gzip(hole) if encoding else page.plain(hole)
        return _send(body, encoding, page, fresh, environ, start_response)


def _send(
    body: bytes,
    encoding: str,
    page: Page,
    fresh: list[Header],
    environ: dict[str, Any],
    start_response: StartResponse,
) -> Iterable[bytes]:
    headers = [*page.headers, *fresh, ("Content-Length", str(len(body)))]
    if encoding:
        headers.append(("Content-Encoding", encoding))
    start_response("200 OK", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _answer_of(app: WSGIApp, environ: dict[str, Any]) -> Answer:
    started: list[Any] = []

    def start(status: str, headers: list[Header], exc_info: Any = None) -> Callable[[bytes], Any]:
        started[:] = [status, headers]
        return lambda _: None

    parts = app(environ, start)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return Answer(started[0], started[1], body)


def _is_ours(environ: dict[str, Any]) -> bool:
    """Whether the request is for the address of the settings: a page must not depend on what a client calls us."""
    return bool(environ.get("HTTP_HOST") == _host(runtime.settings().shop_url))


@lru_cache(maxsize=4)
def _host(shop_url: str) -> str:
    return urlsplit(shop_url).netloc


@lru_cache(maxsize=16)
def _vary(rule: Rule) -> str:
    return "Accept-Encoding, HX-Request" + (", HX-Target" if rule.targets else "")


@lru_cache(maxsize=256)
def _encoding(accepted: str) -> str:
    names = _accepted(accepted)
    return next((name for name in ("br", "gzip") if name in names), "")


@lru_cache(maxsize=256)
def _takes_gzip(accepted: str) -> bool:
    return "gzip" in _accepted(accepted)


def _accepted(accepted: str) -> set[str]:
    names = set()
    for part in accepted.lower().split(","):
        name, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=").rstrip("0.")
        if not rest or weight:
            names.add(name.strip())
    return names
