"""Child processes in sessions of their own: started so that they end with us, found again, ended."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEEP_LOG_BYTES = 10_000_000
CLOCK_SLACK = 2.0  # seconds; start times are computed from the boot time, which drifts

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def use_one_heap() -> None:
    """One heap for all threads, which gives back what it no longer needs: 20 of 235 MiB of busy web processes.

    Where the C library is not glibc nothing happens.
    """
    set_option = getattr(_libc, "mallopt", None)
    if set_option is None:
        return
    set_option(M_ARENA_MAX, 1)
    set_option(M_MMAP_THRESHOLD, 64 * 1024)
    set_option(M_TRIM_THRESHOLD, 128 * 1024)


class Account(NamedTuple):
    """Whom a child runs as, when that is not us."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    account: Account | None = None,
    death_signal: int = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start a command in its own session. On Linux it receives `death_signal` when this thread dies.

    Without `log` it writes where we write. Raises OSError when the command cannot be run.
    """
    output = _open_log(log) if log else None
    try:
        return subprocess.Popen(  # noqa: S603 - our callers name the program
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_follow_parent_into_death(os.getpid(), death_signal),
        )
    finally:
        if output:
            os.close(output)


def become_subreaper() -> None:
    """Inherit the orphans of our descendants (Linux), so that they can be reaped and found."""
    if _libc:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def remember(file: Path, process: "subprocess.Popen[bytes]", stop_signal: int) -> None:
    """Write down who runs, so that the next run can end it if we cannot."""
    found = psutil.Process(process.pid)
    facts = {
        "pid": found.pid,
        "started": found.create_time(),
        "command": found.cmdline(),
        "signal": stop_signal,
    }
    file.write_text(json.dumps(facts), encoding="utf-8")


def end_remembered(file: Path, *, seconds: float) -> bool:
    """End what an earlier run left behind under this file; False when nothing was alive. Removes the file."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        leftovers = [process for process in session_members(facts["pid"]) if _is_the_same(process, facts)]
        end(leftovers, facts["signal"], seconds=seconds)
    except (OSError, ValueError, KeyError):
        leftovers = []  # half-written, or another run has just cleared it
    file.unlink(missing_ok=True)
    return bool(leftovers)


def session_members(leader: int) -> list[psutil.Process]:
    """Everything alive in the session that this process began, itself included."""
    everything = psutil.process_iter()
    return [process for process in everything if _session(process.pid) == leader and _is_alive(process)]


def end(processes: Iterable[psutil.Process], stop_signal: int, *, seconds: float) -> None:
    """Ask to stop, wait that long, then kill and wait until they are gone."""
    alive = list(processes)
    for number, patience in ((stop_signal, seconds), (signal.SIGKILL, 5.0)):
        _signal_all(alive, number)
        alive = _wait(alive, patience)


def _open_log(log: Path) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > KEEP_LOG_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _follow_parent_into_death(parent: int, death_signal: int) -> Callable[[], None]:
    def follow() -> None:
        if _libc:
            _libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above could take effect
            os._exit(1)

    return follow


def _is_the_same(process: psutil.Process, facts: dict[str, Any]) -> bool:
    """A process number may have been given to a stranger since: start time and command tell."""
    try:
        late = process.create_time() - facts["started"]
        same_start = abs(late) < CLOCK_SLACK if process.pid == facts["pid"] else late > -CLOCK_SLACK
        return bool(same_start and process.cmdline() == facts["command"])
    except psutil.Error:
        return False


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those still alive after that long. A zombie counts as gone: it may be another's to reap."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue
