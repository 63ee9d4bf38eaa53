"""SIGTERM and Ctrl-C, heard by a thread of their own.

A signal handler that sets an event can interrupt the very call that holds the event's lock, for example when a
second signal follows at once; then it waits for itself for ever. A thread in sigwait() interrupts nobody.
"""

import signal
import threading

ENDING = {signal.SIGTERM, signal.SIGINT}


def told_to_stop() -> threading.Event:
    """An event that SIGTERM or SIGINT sets. Call it before other threads start: they inherit what is blocked here."""
    stop = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def listen() -> None:
        signal.sigwait(ENDING)
        stop.set()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return stop
