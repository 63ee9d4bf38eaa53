"""python -m app [both | web | worker]: the shop, with whatever stores it was not given.

`python -m app do COMMAND ...` runs a command with the same stores and settings, whether or not the shop runs.
"""

import http.client
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from app import provision
from app.config import BadSetting, Settings, load
from app.lib import supervisor
from app.lib.private_store import CannotStart, Store
from app.lib.supervisor import Command, Supervisor

ROOT = Path(__file__).parent.parent
WEB = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
WORKER = [sys.executable, str(ROOT / "worker.py")]
USAGE = "Usage: python -m app [both | web | worker | do COMMAND ...]"


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run the role named first (both, by default). Returns the exit status; a complaint is one sentence."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    role, *rest = arguments or ["both"]
    try:
        settings = load(environ)
        if role == "both" and not rest:
            return run_both(settings, environ)
        if role in ("web", "worker") and not rest:
            return become(role, settings, environ)
        if role == "do" and rest:
            return do(rest, settings, environ)
    except (BadSetting, CannotStart, supervisor.AlreadyRunning, supervisor.DidNotStart, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(USAGE, file=sys.stderr)
    return 2


def run_both(settings: Settings, environ: Mapping[str, str]) -> int:
    """Everything in the foreground, until a signal."""
    with supervisor.hold(settings.data_dir):
        run_dir = settings.data_dir / "run"
        supervisor.end_leftovers(run_dir)
        _refuse_taken_port(settings)
        stores = provision.missing_stores(settings)
        simulated = provision.simulated_providers(settings)
        env = provision.with_key(environ, settings) | simulated | _addresses(stores)
        commands = [
            *(_store_command(store) for store in stores.values()),
            Command(name="worker", command=WORKER, env=env, stop_seconds=10),
            Command(name="web", command=WEB, env=env, stop_seconds=12, is_ready=lambda: _answers(settings)),
            *([Command(name="simulators", command=_simulators(settings, simulated), env=env)] if simulated else []),
        ]
        with provision.noted(settings, simulated):
            Supervisor(commands, run_dir, when_ready=lambda: _announce(settings, simulated)).run()
    return 0


def become(role: str, settings: Settings, environ: Mapping[str, str]) -> int:
    """One role alone, in place of this process, with the stores it was given. Returns only when it cannot."""
    missing = " and ".join(provision.missing_stores(settings))
    if missing:
        raise BadSetting(f"The role {role} needs {missing}; only `both` brings stores of its own.")
    command = WEB if role == "web" else WORKER
    os.chdir(ROOT)
    os.execve(command[0], command, provision.with_key(environ, settings))  # noqa: S606 - no shell is wanted


def do(command: list[str], settings: Settings, environ: Mapping[str, str]) -> int:
    """Run a command with the shop's stores: those that run, or its own for as long as the command takes."""
    try:
        return _run(command, provision.completed(environ))
    except BadSetting:
        if not provision.missing_stores(settings):
            raise
    with supervisor.hold(settings.data_dir):
        stores = provision.missing_stores(settings)
        try:
            for store in stores.values():
                store.start()
            return _run(command, provision.completed(environ))
        finally:
            for store in stores.values():
                store.stop()


def _run(command: list[str], env: Mapping[str, str]) -> int:
    """The programs of our own virtual environment are found first, so that `flask` is ours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    complete = {**env, "PATH": path}
    return subprocess.run(command, env=complete, cwd=ROOT, check=False).returncode  # noqa: S603 - the operator's


def _addresses(stores: dict[str, Store]) -> dict[str, str]:
    """Where the stores will listen; a first start makes them here, before anything depends on them."""
    for store in stores.values():
        store.prepare()
    return {variable: store.url for variable, store in stores.items()}


def _simulators(settings: Settings, simulated: Mapping[str, str]) -> list[str]:
    return [
        *(sys.executable, "-m", "app.payments.simulators"),
        *("--port", str(_port(simulated))),
        *("--shop", f"http://{_host(settings)}:{settings.port}"),
    ]


def _port(simulated: Mapping[str, str]) -> int | None:
    return urlsplit(simulated["STRIPE_API_BASE"]).port


def _store_command(store: Store) -> Command:
    return Command(
        name=store.name,
        command=store.command,
        prepare=store.prepare,
        is_ready=store.is_ready,
        log=store.log,
        account=store.account,
        stop_signal=store.stop_signal,
        stop_seconds=5,
    )


def _refuse_taken_port(settings: Settings) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.bind, settings.port))
        except OSError as error:
            place = f"{settings.bind}:{settings.port}"
            raise BadSetting(
                f"PORT: {place} cannot be used ({error.strerror}); choose another, as in PORT=8001."
            ) from None


def _answers(settings: Settings) -> bool:
    with closing(http.client.HTTPConnection(_host(settings), settings.port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _announce(settings: Settings, simulated: Mapping[str, str]) -> None:
    print(f"\n{settings.shop_name} is open at http://{_host(settings)}:{settings.port}", flush=True)
    if simulated:
        print(f"Its payment providers are simulated: http://127.0.0.1:{_port(simulated)}", flush=True)
    print(flush=True)


def _host(settings: Settings) -> str:
    return "127.0.0.1" if settings.bind in ("0.0.0.0", "::") else settings.bind  # noqa: S104 - compared, not bound


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
