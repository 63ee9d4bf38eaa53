"""What the private PostgreSQL and the private Redis share: a home, an address, an account, a life.

Everything a store owns lives in `data_dir/<name>`, its log in `data_dir/log`. A supervisor calls `prepare()`
before each start, runs `command` as `account`, and asks `is_ready()`. Tests call `start()` and `stop()`.
"""

import importlib.util
import json
import logging
import os
import pwd
import secrets
import socket
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psutil

from app.lib import processes
from app.lib.processes import Account

log = logging.getLogger(__name__)

LONGEST_SOCKET_PATH = 100  # bytes; the kernel allows 108 on Linux, 104 on macOS


class CannotStart(Exception):
    """A private store cannot be used; the message is a sentence for the operator."""


class Store:
    """One private server. `durable=False` is for tests: it survives a kill, but not a power cut."""

    name: ClassVar[str]
    stop_signal: ClassVar[int]

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.home = self.data_dir / self.name
        self.log = self.data_dir / "log" / f"{self.name}.log"
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._is_chosen = False

    @property
    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def socket_path(self) -> Path:
        """The socket's place, used when `address["port"]` is 0."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it listens, password included. Raises FileNotFoundError before the first `prepare()`."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make everything ready for one start, clearing whatever a killed run left. Raises CannotStart."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it answers a question now."""
        raise NotImplementedError

    @property
    def account(self) -> Account | None:
        """Whom it runs as: PostgreSQL refuses root, so root lends the work to the owner of its files."""
        if os.geteuid() != 0:
            return None
        owner = self.home.stat() if self.home.exists() else None
        if owner and owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
        nobody = pwd.getpwnam("nobody")
        return Account(nobody.pw_uid, nobody.pw_gid)

    def start(self, *, seconds: float = 60) -> str:
        """Start it for a test and return its URL. Raises CannotStart with the end of its log."""
        self.prepare()
        process = self._process = processes.spawn(
            self.command, log=self.log, account=self.account, death_signal=self.stop_signal
        )
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise CannotStart(f"The private {self.name} did not start. Its log ends: {self.log_end()}")
            time.sleep(0.02)
        return self.url

    def stop(self, *, seconds: float = 20) -> None:
        """Stop what `start()` started, data kept."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL what `start()` started, as the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_end(self) -> str:
        """The last lines it wrote."""
        if not self.log.exists():
            return "(empty)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])

    def address(self) -> tuple[int, str]:
        """Port (0 for the socket) and password, as chosen at the last `prepare()`."""
        chosen = json.loads((self.home / "address.json").read_text(encoding="utf-8"))
        return chosen["port"], chosen["password"]

    def choose_address(self) -> None:
        """Keep password and port while they serve; a port that somebody took between two runs is replaced.

        Within one run it stays, because others were told.
        """
        file = self.home / "address.json"
        port, password = self.address() if file.exists() else (0, secrets.token_urlsafe(24))
        if _can_bind(self.socket_path):
            port = 0
        elif not port or not (self._is_chosen or is_free(port)):
            port = free_port()
        self._is_chosen = True
        self.write(file, json.dumps({"port": port, "password": password}))

    def write(self, file: Path, text: str) -> None:
        """Write a file that only the store's account may read."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        self.give(file)

    def give(self, path: Path) -> None:
        if account := self.account:
            os.chown(path, *account)

    def make_reachable(self, program: Path) -> None:
        """As root: let the account reach its program and its home, and own what it finds there."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        account = self.account
        if account is None:
            return
        _make_passable(program.parent, account)
        _make_passable(self.data_dir, account)
        if self.home.exists() and self.home.stat().st_uid != account.uid:  # copied or restored by root
            for path in (*self.home.rglob("*"), self.home):
                os.chown(path, *account, follow_symlinks=False)


def running_in(directory: Path) -> list[psutil.Process]:
    """Store processes whose working directory this is: each store goes to its own and never leaves it."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] in ("postgres", "valkey-server") and Path(process.cwd()) == directory:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wheel(package: str) -> Path:
    """The folder of a wheel, found without importing it: both imports are slow, and one makes directories."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise CannotStart(
            f"The package {package} is missing: install requirements.txt, or set DATABASE_URL and REDIS_URL."
        )
    return Path(found.origin).parent


def _make_passable(directory: Path, account: Account) -> None:
    """Let the store's account walk through the directories above its own; it may not list them."""
    for place in (directory, *directory.parents):
        mode = place.stat().st_mode
        if mode & stat.S_IXOTH or place.stat().st_uid == account.uid:
            continue
        log.warning("Allowing other accounts to pass through %s, because PostgreSQL must not run as root.", place)
        place.chmod(mode | stat.S_IXOTH)


def _can_bind(path: Path) -> bool:
    """Whether a Unix socket can be made there: short enough, and on a file system that has them."""
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        return False
    probe = path.with_name(".probe")
    probe.unlink(missing_ok=True)
    try:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as tried:
            tried.bind(str(probe))
        return True
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return tried.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
