"""Keeps a list of commands running: starts them in order, restarts what dies, stops them in reverse order.

Works as PID 1. Children live in sessions of their own, so Ctrl-C at a terminal reaches the supervisor alone,
and it decides who stops when. When the supervisor itself is killed, the next one ends what is left.
"""

import fcntl
import logging
import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from app.lib import processes
from app.lib.processes import Account

log = logging.getLogger(__name__)

LONGEST_BACK_OFF = 4.0  # seconds; a dead child is tried again within five
SETTLED_AFTER = 30.0  # seconds of life after which an end is no longer counted as one more in a row
MOST_FAILED_STARTS = 4  # of a child that has not been ready once, before the whole start is given up
LEFTOVER_PATIENCE = 5.0  # seconds for what an earlier run left behind
HURRY_PATIENCE = 2.0  # seconds for each child once a second signal has come


class AlreadyRunning(Exception):
    """Somebody else holds the directory; the message is a sentence for the operator."""


class DidNotStart(Exception):
    """A child never became ready; the message is a sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One child. `prepare` runs before every start; a command that runs `once` must end with status 0."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    prepare: Callable[[], None] = lambda: None
    is_ready: Callable[[], bool] = lambda: True
    once: bool = False
    log: Path | None = None
    account: Account | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 5.0


@dataclass
class _Child:
    command: Command
    process: "subprocess.Popen[bytes] | None" = None
    status: int | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Runs the commands; `run_dir` keeps one pid file each, `when_ready` is called once when all are up."""

    commands: Sequence[Command]
    run_dir: Path
    when_ready: Callable[[], None] = lambda: None
    _children: list[_Child] = field(default_factory=list)
    _signals: int = 0

    def run(self) -> None:
        """Start all, keep them alive until SIGTERM, SIGINT or SIGHUP, then stop all. Raises DidNotStart."""
        self._children = [_Child(command) for command in self.commands]
        processes.become_subreaper()
        with self._listening() as self._bell:
            try:
                if all(self._bring_up(child) for child in self._children):
                    self.when_ready()
                while not self._signals:
                    self._turn(seconds=60)
            finally:
                self._stop_all()

    def _bring_up(self, child: _Child) -> bool:
        """Start a child and wait until it is ready, however long; False when asked to stop instead."""
        self._start(child)
        reported_at = time.monotonic()
        while not self._signals:
            if child.command.once:
                if child.process is None:
                    return _succeeded(child)
            elif child.process is not None and child.command.is_ready():
                return True
            elif child.failures >= MOST_FAILED_STARTS:
                times = f"{child.failures} times before it was ready"
                raise DidNotStart(f"{child.command.name} ended {times}.{_tail(child)}")
            if time.monotonic() - reported_at > 10:
                log.info("Still waiting for %s.", child.command.name)
                reported_at = time.monotonic()
            self._turn(seconds=0.03)
        return False

    def _turn(self, *, seconds: float) -> None:
        """Sleep until something happens, then reap the dead and start again what is due."""
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        wait = min([seconds, *(moment - time.monotonic() for moment in due)])
        if select.select([self._bell], [], [], max(wait, 0))[0]:
            with suppress(BlockingIOError):
                os.read(self._bell, 4096)
        self._reap()
        for child in self._children:
            if child.restart_at is not None and child.restart_at <= time.monotonic() and not self._signals:
                self._start_again(child)

    def _start(self, child: _Child) -> None:
        command = child.command
        child.restart_at = None
        child.started_at = time.monotonic()
        command.prepare()
        child.process = processes.spawn(
            command.command,
            env=command.env,
            log=command.log,
            account=command.account,
            death_signal=command.stop_signal,
        )
        with suppress(psutil.Error):  # gone already; the next turn will notice
            processes.remember(self._pid_file(child), child.process, command.stop_signal)

    def _start_again(self, child: _Child) -> None:
        try:
            self._start(child)
        except Exception:  # a full disk or a missing program may be mended while the others run on
            log.exception("%s could not be started.", child.command.name)
            self._plan_restart(child)

    def _reap(self) -> None:
        """Collect every dead child, orphans of our descendants included."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.process is not None and child.process.pid == pid:
                    self._note_end(child, child.process, os.waitstatus_to_exitcode(status))

    def _note_end(self, child: _Child, process: "subprocess.Popen[bytes]", status: int) -> None:
        process.returncode = child.status = status
        child.process = None
        self._pid_file(child).unlink(missing_ok=True)
        if self._signals or child.command.once:
            return
        heirs = processes.session_members(process.pid)  # they may hold the port it is about to open again
        processes.end(heirs, signal.SIGTERM, seconds=1)
        self._plan_restart(child)
        log.warning("%s ended (%s); starting it again.", child.command.name, _in_words(status))

    def _plan_restart(self, child: _Child) -> None:
        now = time.monotonic()
        child.failures = 1 if now - child.started_at > SETTLED_AFTER else child.failures + 1
        back_off = min(0.25 * 2 ** (child.failures - 1), LONGEST_BACK_OFF) if child.failures > 1 else 0
        child.restart_at = now + back_off

    def _stop_all(self) -> None:
        """Last started, first stopped. Whatever does not end in its time is killed with its session."""
        self._signals = max(self._signals, 1)
        for child in reversed(self._children):
            if child.process is None:
                continue
            leader = child.process.pid
            with suppress(ProcessLookupError):
                os.kill(leader, child.command.stop_signal)
            asked_at = time.monotonic()
            while child.process is not None and time.monotonic() - asked_at < self._patience(child):
                self._turn(seconds=0.2)
            if child.process is not None:
                log.warning("%s did not end in time and is killed.", child.command.name)
            processes.end(processes.session_members(leader), signal.SIGKILL, seconds=5)
            self._reap()

    def _patience(self, child: _Child) -> float:
        return min(child.command.stop_seconds, HURRY_PATIENCE if self._signals > 1 else math.inf)

    def _pid_file(self, child: _Child) -> Path:
        return self.run_dir / f"{child.command.name}.pid"

    @contextmanager
    def _listening(self) -> Iterator[int]:
        """Signals ring a bell that ends the sleep of `_turn`; yields the bell's file descriptor."""

        def stop(number: int, frame: object) -> None:
            self._signals += 1

        bell, rope = os.pipe()
        os.set_blocking(bell, False)
        os.set_blocking(rope, False)
        ending = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        handlers = {number: signal.signal(number, stop) for number in ending}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        before = signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
        try:
            yield bell
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(bell)
            os.close(rope)


def hold(directory: Path) -> IO[str]:
    """Take the directory for this process, until the returned file is closed. Raises AlreadyRunning."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = open(directory / "lock", "a+", encoding="utf-8")  # noqa: SIM115 - it stays open on purpose
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise AlreadyRunning(
            f"Process {holder} already runs on {directory}. Stop it first, or choose another directory."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def end_leftovers(run_dir: Path) -> None:
    """End the children of a run that was killed, last started first. Call it while holding the directory."""
    run_dir.mkdir(parents=True, exist_ok=True)
    for file in sorted(run_dir.glob("*.pid"), key=lambda file: file.stat().st_mtime_ns, reverse=True):
        if processes.end_remembered(file, seconds=LEFTOVER_PATIENCE):
            log.warning("Ended %s, which an earlier run had left running.", file.stem)


def _succeeded(child: _Child) -> bool:
    if child.status != 0:
        raise DidNotStart(f"{child.command.name} failed ({_in_words(child.status)}).{_tail(child)}")
    return True


def _in_words(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"status {status}"


def _tail(child: _Child) -> str:
    if child.command.log is None or not child.command.log.exists():
        return ""
    lines = child.command.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    return f" {child.command.log} ends:\n" + "\n".join(lines)
