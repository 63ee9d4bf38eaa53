"""The whole shop as `make run` starts it, empty, with stores of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from app.lib.private_store import free_port
from tests.ops.waiting import eventually

pytestmark = [pytest.mark.pure, pytest.mark.stack]

ROOT = Path(__file__).parents[2]


class Shop:
    def __init__(self, data_dir):
        self.data_dir, self.port, self.process = data_dir, free_port(), None
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            "SHOP_ENV": "production",  # so that no demo catalogue is made
            "SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk",
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
        }

    def start(self):
        self.process = self._run(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: self.has_own_web() and self.answers("/readyz") == 200, seconds=60)

    def start_beside(self):
        return self._run(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).communicate(timeout=20)[1]

    def _run(self, **output):
        return subprocess.Popen([sys.executable, "-m", "app"], cwd=ROOT, env=self.env, text=True, **output)

    def answers(self, path):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except OSError:
                return None

    def pid(self, child):
        try:
            return json.loads((self.data_dir / "run" / f"{child}.pid").read_text())["pid"]
        except (OSError, ValueError):
            return 0

    def has_own_web(self):
        """Not one that an earlier run has left behind."""
        return any(child.pid == self.pid("web") for child in psutil.Process(self.process.pid).children())

    def kill(self, child):
        """SIGKILL one child and wait until the supervisor has another in its place."""
        killed = self.pid(child)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: self.pid(child) not in (0, killed), seconds=5)

    def everything(self):
        family = psutil.Process(self.process.pid)
        return [family, *family.children(recursive=True)]


@pytest.fixture
def shop():
    with tempfile.TemporaryDirectory(prefix="sokoni-") as directory:
        shop = Shop(Path(directory))
        shop.start()
        yield shop
        if shop.process.poll() is None:
            shop.process.terminate()
            shop.process.wait(30)


def test_the_shop_outlives_its_parts_and_itself(shop):
    assert "already runs on" in shop.start_beside()

    for child in ("postgres", "redis", "worker", "web"):
        shop.kill(child)
        eventually(lambda: shop.answers("/readyz") == 200)

    shop.process.kill()
    shop.process.wait()
    shop.start()

    family = shop.everything()
    shop.process.send_signal(signal.SIGTERM)
    assert shop.process.wait(30) == 0
    assert psutil.wait_procs(family, timeout=0)[1] == []
