"""Being told to stop, however often in the same breath, ends a process."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_many_signals_at_once_end_the_simulators(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "app.payments.simulators", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("STRIPE_API_BASE=http://127.0.0.1:")

    for _ in range(500):
        os.kill(process.pid, number)

    try:
        assert process.wait(10) in (0, -number)
    finally:
        process.kill()
        process.stdout.close()
