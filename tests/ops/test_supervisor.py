import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from app.lib import supervisor
from tests.ops.waiting import eventually

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]

# A stand-in for a server: says who it is, and takes a moment to stop when asked.
SERVER = """
import os, signal, sys, time
name, here = sys.argv[1:]
def stop(*_):
    print("stopped", name, file=open(here + "/diary", "a"), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(f"{here}/{name}", "w").write(str(os.getpid()))
while True: time.sleep(60)
"""

PROGRAM = """
import os, sys
from pathlib import Path
from app.lib.supervisor import Command, DidNotStart, Supervisor, end_leftovers
here = Path(sys.argv[1])
end_leftovers(here / "run")
server = (here / "server.py").read_text()
def one(name, **more):
    return Command(name=name, command=[sys.executable, "-c", server, name, str(here)],
                   is_ready=(here / name).exists, **more)
{commands}
try:
    Supervisor(commands, here / "run", when_ready=(here / "ready").touch).run()
except DidNotStart as error:
    sys.exit(str(error))
"""

TWO_SERVERS = 'commands = [one("store"), one("shop")]'


@pytest.fixture
def here():
    with tempfile.TemporaryDirectory(prefix="sokoni-") as directory:
        Path(directory, "server.py").write_text(SERVER)
        yield Path(directory)


@pytest.fixture
def start(here):
    running = []

    def start(commands):
        (here / "ready").unlink(missing_ok=True)
        program = [sys.executable, "-c", PROGRAM.replace("{commands}", commands), str(here)]
        running.append(subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=20)


def pid_of(here, name):
    text = (here / name).read_text() if (here / name).exists() else ""
    return int(text) if text else 0


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_child_that_is_killed_is_back_at_once(here, start):
    start(TWO_SERVERS)
    eventually((here / "ready").exists)
    killed = pid_of(here, "store")

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pid_of(here, "store") not in (0, killed), seconds=5)
    assert is_alive(pid_of(here, "store"))


def test_the_last_started_is_stopped_first(here, start):
    process = start(TWO_SERVERS)
    eventually((here / "ready").exists)

    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0
    assert (here / "diary").read_text().splitlines() == ["stopped shop", "stopped store"]


def test_one_that_will_not_stop_is_killed_when_its_time_is_over(here, start):
    process = start('commands = [one("store"), one("deaf", stop_seconds=0.2)]')
    eventually((here / "ready").exists)
    psutil.Process(pid_of(here, "deaf")).suspend()  # it gets no signal but SIGKILL
    asked_at = time.monotonic()

    process.send_signal(signal.SIGINT)

    assert process.wait(10) == 0
    assert time.monotonic() - asked_at < 5
    assert (here / "diary").read_text().splitlines() == ["stopped store"]


def test_children_of_a_dead_child_are_ended_and_reaped(here, start):
    (here / "server.py").write_text("import os\nos.fork()\n" + SERVER.replace("{name}", "{name}-{os.getpid()}"))
    start(
        'commands = [Command(name="twins", command=[sys.executable, "-c", server, "twin", str(here)], '
        'is_ready=lambda: len(list(here.glob("twin-*"))) == 2)]'
    )
    eventually((here / "ready").exists)
    leader, orphan = sorted(int(file.name.split("-")[1]) for file in here.glob("twin-*"))

    os.kill(leader, signal.SIGKILL)

    eventually(lambda: not psutil.pid_exists(orphan))


def test_after_the_supervisor_is_killed_the_next_start_has_one_of_each(here, start):
    first = start(TWO_SERVERS)
    eventually((here / "ready").exists)
    before = [pid_of(here, "store"), pid_of(here, "shop")]
    first.kill()
    first.wait()

    start(TWO_SERVERS)

    eventually((here / "ready").exists)
    eventually(lambda: not any(is_alive(pid) for pid in before))
    eventually(lambda: is_alive(pid_of(here, "store")) and is_alive(pid_of(here, "shop")))


def test_a_stranger_with_a_remembered_number_is_left_alone(here):
    (here / "run").mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    (here / "run" / "shop.pid").write_text(
        f'{{"pid": {stranger.pid}, "started": 1.0, "command": ["gunicorn"], "signal": 15}}'
    )

    supervisor.end_leftovers(here / "run")

    assert stranger.poll() is None
    assert not (here / "run" / "shop.pid").exists()
    stranger.kill()
    stranger.wait()


def test_a_preparation_that_fails_stops_the_start_with_a_sentence(here, start):
    failing = 'Command(name="migrations", command=[sys.executable, "-c", "exit(3)"], once=True)'
    process = start(f'commands = [one("store"), {failing}, one("shop")]')

    _, complaint = process.communicate(timeout=10)

    assert "migrations failed (status 3)" in complaint
    assert not (here / "shop").exists()
    assert not is_alive(pid_of(here, "store"))


def test_a_child_that_never_becomes_ready_ends_the_start(here, start):
    failing = 'Command(name="web", command=[sys.executable, "-c", "exit(1)"], is_ready=lambda: False)'
    process = start(f"commands = [{failing}]")

    _, complaint = process.communicate(timeout=15)

    assert "web ended 4 times before it was ready" in complaint


def test_a_directory_is_held_by_one_supervisor(here):
    with supervisor.hold(here), pytest.raises(supervisor.AlreadyRunning, match=f"Process {os.getpid()}"):
        supervisor.hold(here)

    supervisor.hold(here).close()
