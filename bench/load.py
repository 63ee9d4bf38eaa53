"""Load: wrk for what may be asked again and again, our own clients for what can be sent once only."""

import http.client
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bench.stand import cpu_seconds
from bench.table import percentile

WRK = ("wrk", "-t1", "--timeout", "20s")
NO_WRK = "wrk is not on PATH. Install it: apt-get install wrk, or brew install wrk; it is what makes the load."

SCRIPT = """
local F, i = {}, 0
function init(args)
  for k = 1, #R do F[k] = wrk.format(R[k][1], R[k][2], R[k][3], R[k][4]) end
end
function request()
  i = i % #F + 1
  return F[i]
end
function done(s, l, r)
  io.write(string.format('@@{"requests":%d,"us":%d,"p50":%d,"p95":%d,"p99":%d,"bad":%d}\\n', s.requests, s.duration,
    l:percentile(50), l:percentile(95), l:percentile(99),
    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))
end
"""


@dataclass(frozen=True)
class Ask:
    """One request. A form makes it a POST."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"

    @property
    def body(self) -> str | None:
        return None if self.form is None else urlencode(self.form)

    @property
    def all_headers(self) -> dict[str, str]:
        sent = {"Accept": "text/html", "Accept-Encoding": "gzip", **self.headers}
        if self.form is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return sent


@dataclass(frozen=True)
class Load:
    """What came of it: milliseconds, and CPU of one request in all processes below the roots."""

    connections: int
    rps: float
    cpu_ms: float
    p50: float
    p95: float
    p99: float
    bad: int
    statuses: dict[int, int] = field(default_factory=dict)


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit(NO_WRK)


def send(port: int, ask: Ask) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(ask.method, ask.path, ask.body, ask.all_headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def press(port: int, asks: Sequence[Ask], roots: list[int], *, connections: int, seconds: float) -> Load:
    """Send them round and round from so many connections for so long."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        requests = ",\n".join(_lua(ask) for ask in asks)
        script.write_text(f"local R = {{\n{requests}\n}}\n{SCRIPT}", encoding="ascii")
        began = cpu_seconds(roots)
        done = subprocess.run(  # noqa: S603
            [*WRK, f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), f"http://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            check=False,
        )
        used = cpu_seconds(roots) - began
    found = re.search(r"^@@(.*)$", done.stdout, re.M)
    if not found:
        raise SystemExit(f"wrk failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    it = json.loads(found[1])
    count = max(1, it["requests"])
    return Load(
        connections,
        it["requests"] * 1e6 / it["us"],
        used * 1000 / count,
        it["p50"] / 1000,
        it["p95"] / 1000,
        it["p99"] / 1000,
        it["bad"],
    )


def once(port: int, asks: Sequence[Ask], roots: list[int], *, connections: int) -> Load:
    """Send each of them once, from so many connections that stay open."""
    shares = [asks[start::connections] for start in range(connections)]
    used, began = cpu_seconds(roots), time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        answers = [answer for share in pool.map(lambda share: _one_by_one(port, share), shares) for answer in share]
    took = time.monotonic() - began
    used = cpu_seconds(roots) - used
    waits = [wait for _, wait in answers]
    statuses = {status: sum(1 for got, _ in answers if got == status) for status in sorted({got for got, _ in answers})}
    return Load(
        connections,
        len(answers) / took,
        used * 1000 / len(answers),
        *(percentile(waits, percent) for percent in (50, 95, 99)),
        sum(count for status, count in statuses.items() if status >= 500),
        statuses,
    )


def _one_by_one(port: int, asks: Sequence[Ask]) -> list[tuple[int, float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found = []
    try:
        for ask in asks:
            began = time.perf_counter()
            connection.request(ask.method, ask.path, ask.body, ask.all_headers)
            answer = connection.getresponse()
            answer.read()
            found.append((answer.status, (time.perf_counter() - began) * 1000))
    finally:
        connection.close()
    return found


def _lua(ask: Ask) -> str:
    headers = ", ".join(f"[{_quoted(name)}]={_quoted(value)}" for name, value in ask.all_headers.items())
    body = "nil" if ask.body is None else _quoted(ask.body)
    return f"{{{_quoted(ask.method)}, {_quoted(ask.path)}, {{{headers}}}, {body}}}"


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'
