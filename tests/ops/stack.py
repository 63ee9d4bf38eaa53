"""A shop with stores of its own that can be killed, a real worker process, and a real mail server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any, TypeVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from flask import Flask
from flask_migrate import upgrade
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import create_app, invariants
from app.lib import jobs, runtime
from app.lib.db import db
from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis
from app.lib.private_store import free_port

ROOT = Path(__file__).parents[2]
LEASE = 2  # seconds; a killed worker's job is taken over that soon
T = TypeVar("T")


class Mailbox(Controller):
    """An SMTP server that keeps what it is sent, and has bad days when it is told to."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []
        self.refuses = False
        self.on_letter: Callable[[int], None] = lambda number: None
        super().__init__(self, hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.refuses:
            return "451 Come back later"
        letter = message_from_bytes(envelope.content)
        self.letters.append((str(letter["Message-ID"]), str(letter["Subject"])))
        # The letter is in the box, and whoever sent it has not been told yet.
        self.on_letter(len(self.letters))
        return "250 Thank you"

    def ids(self, words: str = "") -> Counter[str]:
        """How often each letter came whose subject holds these words."""
        return Counter(number for number, subject in list(self.letters) if words in subject)


class Stack:
    """The parts of a shop, each of which a test may kill. `settings` are beyond the usual ones."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.postgres = EmbeddedPostgres(folder, durable=False)
        self.redis = EmbeddedRedis(folder, durable=False)
        self.mailbox = Mailbox()
        self.log = folder / "worker.log"
        self.kills = 0
        self._folder = folder
        self._settings = settings
        self._web: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._killing = threading.Lock()

    def start(self) -> Flask:
        """Stores, mail server, schema and a worker; gives back the app that shoppers use."""
        self.mailbox.start()
        self.environ = {
            "DATABASE_URL": self.postgres.start(),
            "REDIS_URL": self.redis.start(),
            "SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk",
            "DATA_DIR": str(self._folder),
            "SHOP_URL": "http://shop.test",
            "LOG_LEVEL": "WARNING",
            "JOB_LEASE": str(LEASE),
            "MAIL_URL": self.mailbox.url,
            **self._settings,
        }
        self._before = runtime._current, jobs._app
        self.app = create_app(self.environ)
        with self.app.app_context():
            upgrade()
        self.start_worker()
        return self.app

    def start_web(self) -> None:
        """A web process too, at the PORT of the settings."""
        with (self._folder / "web.log").open("ab") as log:
            command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
            self._web = subprocess.Popen(command, cwd=ROOT, env=os.environ | self.environ, stdout=log, stderr=log)

    def stop(self) -> None:
        self.kill_worker(again=False)
        if self._web is not None:
            self._web.terminate()
            self._web.wait(30)
        with self.app.app_context():
            db.engine.dispose()
        runtime._current, jobs._app = self._before
        self.mailbox.stop()
        self.redis.kill()
        self.postgres.kill()

    def start_worker(self) -> None:
        with self.log.open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "worker.py"], cwd=ROOT, env=os.environ | self.environ, stdout=log, stderr=log
            )

    def kill_worker(self, *, again: bool = True) -> None:
        """SIGKILL, and another one in its place, as a supervisor does it."""
        with self._killing:
            assert self._worker is not None
            self._worker.send_signal(signal.SIGKILL)
            self._worker.wait()
            self.kills += 1
            if again:
                self.start_worker()

    def empty_redis(self) -> None:
        with Redis.from_url(self.redis.url) as client:
            client.flushall()

    def kill_store(self, name: str) -> None:
        """SIGKILL "postgres" or "redis", and start it again on the same files."""
        store = {"postgres": self.postgres, "redis": self.redis}[name]
        store.kill()
        self.kills += 1
        store.start()

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def eventually(self, ask: Callable[[], T], *, seconds: float = 60) -> T:
        """The first true answer; a lost database is only a reason to ask again. Back-offs pass quickly."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if answer := ask():
                    return answer
                self._hurry()
            except (DBAPIError, RedisError):
                db.session.rollback()
            assert time.monotonic() < deadline, f"Nothing true within {seconds} s. The worker says:\n{self.log_end()}"
            time.sleep(0.1)

    def _hurry(self) -> None:
        """What failed is tried again now instead of in ten seconds."""
        db.session.execute(
            text("UPDATE outbox SET due_at = now() WHERE attempts > 0 AND lease IS NULL AND done_at IS NULL")
        )
        db.session.commit()

    def waiting(self) -> list[Any]:
        """What is due and not done."""
        db.session.rollback()
        return list(
            db.session.execute(
                text("""
                    SELECT id, topic, attempts, last_error FROM outbox
                    WHERE done_at IS NULL AND topic NOT IN ('checkout.expire_order', 'payments.poll',
                        'checkout.expire_unpaid') AND due_at < now() + interval '1 minute'
                """)
            )
        )

    def assert_sound(self) -> None:
        db.session.rollback()
        broken = [(finding.name, finding.broken) for finding in invariants.check() if finding.broken]
        assert not broken, broken
