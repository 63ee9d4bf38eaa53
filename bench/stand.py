"""The shop under test: private stores, its own gunicorn, and the CPU and memory of everything that serves it."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from app.lib import processes
from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis
from app.lib.private_store import free_port

ROOT = Path(__file__).parent.parent
SHARED_BUFFERS = "512MB"
TICK = os.sysconf("SC_CLK_TCK")


class RoomyPostgres(EmbeddedPostgres):
    """As a shop with a million products would set it: what is asked for often stays in memory."""

    def _configure(self) -> None:
        super()._configure()
        file = self._data / "postgresql.conf"
        more = f"shared_buffers = {SHARED_BUFFERS}\neffective_cache_size = 2GB\nmax_wal_size = 4GB\n"
        self.write(file, file.read_text(encoding="utf-8") + more)


class Stand:
    """Stores and web processes of one catalogue, in one directory."""

    def __init__(self, data_dir: Path):
        self.data_dir = data_dir
        self.postgres, self.redis = RoomyPostgres(data_dir), EmbeddedRedis(data_dir)
        self.port = free_port()
        self.web: subprocess.Popen[bytes] | None = None
        self.environ: dict[str, str] = {}

    def open_stores(self) -> None:
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
            "SHOP_ENV": "production",
            "SHOP_URL": f"http://127.0.0.1:{self.port}",
            "SECRET_KEY": "bench-0123456789-abcdefghijklmnopqrstuvwxyz",
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "DEMO_PAYMENTS": "on",
            "TRUSTED_PROXIES": "1",  # so that each request may come from another address: limits are never reached
            "LOG_LEVEL": "ERROR",
            "DATABASE_URL": self.postgres.start(),
            "REDIS_URL": self.redis.start(),
        }

    def close(self) -> None:
        self.close_web()
        self.redis.stop()
        self.postgres.stop()

    def flask(self, *words: str) -> None:
        """A command of the shop, shown as it runs. Raises CalledProcessError."""
        subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", "flask", "--app", "wsgi", *words], cwd=ROOT, env=self.environ, check=True
        )

    def open_web(self, **changes: str) -> None:
        self.close_web()
        self.web = processes.spawn(_gunicorn("gunicorn.conf.py"), env={**self.environ, **changes}, log=self._log("web"))
        wait_for(self.port, "/healthz", self.web)

    def close_web(self) -> None:
        if self.web is not None:
            _end(self.web)
            self.web = None

    @contextmanager
    def hello(self) -> Iterator[tuple[int, int]]:
        """A hello-world under the same settings: its port, and the process above the others."""
        port = free_port()
        env = {**self.environ, "HELLO_PORT": str(port)}
        running = processes.spawn(_gunicorn("bench/hello_gunicorn.py"), env=env, log=self._log("hello"))
        try:
            wait_for(port, "/", running)
            yield port, running.pid
        finally:
            _end(running)

    @property
    def roots(self) -> list[int]:
        """The processes above all that serve the shop."""
        stores = (self.postgres._process, self.redis._process)
        return [process.pid for process in (self.web, *stores) if process is not None]

    def web_mib(self) -> float:
        """Proportional memory of the web processes; 0 while there are none."""
        return 0.0 if self.web is None else memory_mib(self.web.pid)

    def start_seconds(self) -> float:
        """From `python -m app` to the first page, with nothing running before. Leaves nothing running."""
        self.close()
        alone = {k: v for k, v in self.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        began = time.monotonic()
        whole = processes.spawn([sys.executable, "-m", "app"], env=_found_from_root(alone), log=self._log("start"))
        try:
            wait_for(self.port, "/", whole)
            return time.monotonic() - began
        finally:
            _end(whole)

    def _log(self, name: str) -> Path:
        return self.data_dir / "log" / f"bench-{name}.log"


def _found_from_root(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, "PYTHONPATH": str(ROOT)}


def _gunicorn(config: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", "--config", str(ROOT / config)]


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(port: int, path: str, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """Until it answers 200. Raises SystemExit with a sentence."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
        time.sleep(0.01)
    raise SystemExit(f"Nothing answers 200 at http://127.0.0.1:{port}{path}; its log is beside those of the stores.")


def cpu_seconds(roots: list[int]) -> float:
    """CPU used so far by these processes and all below them, those that ended included."""
    total = 0
    for process in _tree(roots):
        try:
            facts = (
                Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            )
        except OSError:
            continue
        total += sum(int(facts[place]) for place in (11, 12, 13, 14))
    return total / TICK


def memory_mib(root: int) -> float:
    """Proportional memory of a process and all below it: what is shared counts once."""
    total = 0
    for process in _tree([root]):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


class Peak(threading.Thread):
    """The most memory the web processes had while it ran, whichever of them were open."""

    def __init__(self, stand: Stand):
        super().__init__(daemon=True)
        self.stand, self.most = stand, 0.0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.5):
            self.most = max(self.most, self.stand.web_mib())

    def stop(self) -> float:
        self._stopped.set()
        self.join()
        return self.most


def _tree(roots: list[int]) -> list[int]:
    found = []
    for root in roots:
        try:
            process = psutil.Process(root)
            found += [root, *(child.pid for child in process.children(recursive=True))]
        except psutil.Error:
            continue
    return found
