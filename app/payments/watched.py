"""A provider as the shop asks it: not while it is away, never inside a transaction, never by all threads at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar, cast

from app.lib import runtime
from app.lib.db import in_transaction
from app.payments import health
from app.payments.providers.base import (
    IN_A_JOB,
    ListedPayment,
    NextStep,
    NotConfigured,
    NotUnderstood,
    Patience,
    PaymentRequest,
    PaymentState,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
    RefundRequest,
    RefundState,
)

T = TypeVar("T")

LONGEST_WAIT = 1.0  # seconds for a place among those who ask; a provider that is well makes room sooner


def watched(provider: Provider, patience: Patience) -> Provider:
    """The same provider, each of its calls watched. Only who talks to somebody else needs that."""
    return cast(Provider, Watched(provider, patience))


class Watched:
    """Calls out go through `_ask`; everything else is the provider's own."""

    def __init__(self, provider: Provider, patience: Patience) -> None:
        self._provider = provider
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def start(self, request: PaymentRequest) -> NextStep:
        return self._ask(lambda: self._provider.start(request), is_start=True)

    def look_up(self, reference: str, provider_ref: str | None) -> PaymentState:
        return self._ask(lambda: self._provider.look_up(reference, provider_ref))

    def capture(self, reference: str, provider_ref: str | None) -> PaymentState:
        return self._ask(lambda: self._provider.capture(reference, provider_ref))

    def expire(self, reference: str, provider_ref: str) -> PaymentState:
        return self._ask(lambda: self._provider.expire(reference, provider_ref))

    def refund(self, request: RefundRequest) -> RefundState:
        return self._ask(lambda: self._provider.refund(request))

    def look_up_refund(self, request: RefundRequest, provider_ref: str | None) -> RefundState | None:
        return self._ask(lambda: self._provider.look_up_refund(request, provider_ref))

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment] | None:
        rows = self._provider.list_payments(since, until)
        return None if rows is None else self._each(rows)

    def _each(self, rows: Iterator[ListedPayment]) -> Iterator[ListedPayment]:
        """Any of them may be the first of a page that has to be fetched."""
        while (row := self._ask(lambda: next(rows, None))) is not None:
            yield row

    def _ask(self, call: Callable[[], T], *, is_start: bool = False) -> T:
        name, title = self._provider.name, self._provider.title
        if in_transaction():
            raise RuntimeError(f"{title} was about to be asked inside a transaction, which would wait for it.")
        with self._a_place():
            is_probe = health.admit(name)
            if is_probe is None:
                raise ProviderUnavailable(f"{title} did not answer; it is asked again later.", outcome_unknown=False)
            try:
                answer = call()
            except NotUnderstood:
                # One payment nobody can make sense of is asked about again and again, and is no reason to sell less.
                health.answered(name)
                raise
            except ProviderUnavailable as silence:
                health.failed(name, str(silence), was_probe=is_probe)
                raise
            except NotConfigured as refusal:
                # Keys that open no payment sell as little as silence does. What they may not read is another matter.
                if is_start:
                    health.failed(name, str(refusal), was_probe=is_probe)
                elif is_probe:
                    health.answered(name)
                raise
            except ProviderRefused:
                health.answered(name)
                raise
            health.answered(name)
            return answer

    def _a_place(self) -> AbstractContextManager[None]:
        if self._patience == IN_A_JOB:
            return nullcontext()
        return _rooms.setdefault(self._provider.name, Room()).a_place(self._provider.title)


class Room:
    """Those threads of this process that wait for one provider: at most half of them all.

    Whoever finds it full waits a moment. A provider that is well makes room in that time; when it does not, there
    is no point in sending more threads to wait for it.
    """

    def __init__(self) -> None:
        self._inside: dict[object, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def a_place(self, title: str) -> Iterator[None]:
        """Raises ProviderUnavailable without having asked anything."""
        me = object()
        with self._changed:
            self._wait(title)
            self._inside[me] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._inside[me]
                self._changed.notify()

    def _wait(self, title: str) -> None:
        most = max(1, runtime.settings().web_threads // 2)
        arrived = time.monotonic()
        while len(self._inside) >= most:
            # Counted from the oldest who waits inside: behind somebody who is stuck nobody queues.
            left = LONGEST_WAIT - (time.monotonic() - min(arrived, *self._inside.values()))
            if left <= 0:
                raise ProviderUnavailable(f"{title} is slow, and enough wait for it.", outcome_unknown=False)
            self._changed.wait(left)


_rooms: dict[str, Room] = {}
