"""Redis and RQ: the bell that wakes the worker. It may be killed or flushed any time; the outbox is the list.

One queue, so that RQ moves a job to an intermediate list instead of popping it; ids only, as JSON.
"""

import logging
import threading
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.serializers import JSONSerializer

from app.lib.jobs import QUEUE

log = logging.getLogger(__name__)

JOB_TIMEOUT = 120  # seconds; a job that hangs longer is failed, and its row comes back
WAIT = 1  # seconds, both for a job to arrive and for a lost Redis to return
PATIENCE = 3  # seconds for one answer from Redis
FAILURE_TTL = 3600  # seconds; why a job failed is kept in its outbox row, so Redis may forget


def connect(url: str) -> Redis:
    """A client that gives up soon: whoever asks knows what to do without Redis."""
    return Redis.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )


class Bell:
    """Puts one outbox row into the queue. Raises RedisError when it cannot."""

    def __init__(self, url: str):
        self._queue = Queue(QUEUE, connection=connect(url), serializer=JSONSerializer)

    def ring(self, outbox_id: int, lease: str) -> None:
        self._queue.enqueue_call(
            "app.lib.jobs.run",
            args=(outbox_id, lease),
            timeout=JOB_TIMEOUT,
            result_ttl=0,
            failure_ttl=FAILURE_TTL,
        )


class JobWorker(SimpleWorker):
    """RQ's worker, made to wait for a lost Redis in seconds instead of minutes, and to stop between two jobs.

    RQ's own waits grow to a minute, and its stop raises an exception in the middle of whatever it does.
    """

    connection_timeout = PATIENCE + WAIT

    def __init__(self, url: str, stop: threading.Event):
        self.stop = stop
        super().__init__([QUEUE], connection=connect(url), serializer=JSONSerializer)

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        lost = False
        while not self.stop.is_set():
            try:
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                found = self.queue_class.dequeue_any(
                    self.queues,
                    WAIT,
                    connection=self.connection,
                    job_class=self.job_class,
                    serializer=JSONSerializer,
                )
            except DequeueTimeout:
                lost = False
            except RedisError as error:
                if not lost:
                    log.warning("The worker lost Redis and waits for it: %s", type(error).__name__)
                lost = True
                self.stop.wait(WAIT)
            else:
                return found
        return None

    def subscribe(self) -> None:
        """Nobody sends commands to this worker, so it need not keep a second connection listening."""

    def unsubscribe(self) -> None:
        pass

    def _install_signal_handlers(self) -> None:
        """Left to `work()` below, which outlives one worker."""


def work(url: str, stop: threading.Event) -> None:
    """Run jobs until `stop` is set; the job in hand is finished first."""
    while not stop.is_set():
        try:
            JobWorker(url, stop).work(logging_level="WARNING")
        except RedisError as error:
            log.warning("The worker waits for Redis: %s", type(error).__name__)
        stop.wait(WAIT)
