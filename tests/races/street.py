"""The street of providers: all their other ends in one process, and a shop that pays there.

Their messages wait in a bag instead of being posted, so that a test decides when each arrives, and how often.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from app.config import Settings, load
from app.lib import runtime
from app.payments.simulators.everyone import everyone, invented
from app.payments.simulators.serving import Serving

SHOP = "http://shop.test"


@dataclass(frozen=True)
class Letter:
    """A message as it would be posted: to which path, with which headers."""

    provider: str
    path: str
    headers: dict[str, str]
    body: bytes

    def post(self, app: Flask) -> int:
        """Deliver it; gives back the status."""
        return app.test_client().post(self.path, data=self.body, headers=self.headers).status_code

    def names(self, *names: str) -> bool:
        """Whether it speaks of one of these."""
        return any(name.encode() in self.body for name in names)

    @property
    def is_about_a_dispute(self) -> bool:
        return self.names('"dispute"')


class Street:
    """Everybody's other end, on good days, with nobody in it yet."""

    def __init__(self) -> None:
        keys = invented("")
        self.simulators = everyone(keys, SHOP)
        self._bag: list[Letter] = []
        for name, simulator in self.simulators.items():
            simulator.mailman.carry = partial(self._keep, name)
            # Money on its way arrives when a test says so, also on a slow machine.
            simulator.obey({"late_seconds": 25})
        paths = {f"/{name}": simulator for name, simulator in self.simulators.items()}
        self._serving = Serving(paths, host="127.0.0.1", port=0)
        self.address = self._serving.start()
        self.keys = keys | {name: self.address + keys[name] for name in keys if name.endswith("_API_BASE")}

    def stop(self) -> None:
        self._serving.stop()

    def calm(self) -> None:
        """A good day, today."""
        for simulator in self.simulators.values():
            simulator.obey({"calm": True, "clock": None})
            simulator.requests.clear()

    def stand_still(self, at: float) -> None:
        """However long a test takes by now, it is this moment at every provider."""
        for simulator in self.simulators.values():
            simulator.clock.set(at)

    def settings(self, **changes: str) -> Settings:
        """Those of the shop in use, which pays here."""
        usual = runtime.settings()
        lines = {
            "SECRET_KEY": usual.secret_key,
            "DATABASE_URL": usual.database_url.replace("+psycopg2", ""),
            "REDIS_URL": usual.redis_url,
            "DATA_DIR": str(usual.data_dir),
            "SHOP_URL": SHOP,
            "LOG_LEVEL": usual.log_level,
            "JOB_LEASE": str(usual.job_lease),
            "DEMO_PAYMENTS": "on",
        }
        return load(lines | self.keys | changes)

    @contextmanager
    def in_use(self, **changes: str) -> Iterator[None]:
        """The shop of this process pays here."""
        usual = runtime.settings()
        runtime.use(self.settings(**changes))
        try:
            yield
        finally:
            runtime.use(usual)

    def letters(self, provider: str, deed: Any) -> list[Letter]:
        """What this provider has to say after `deed()`."""
        mailman = self.simulators[provider].mailman
        mailman.deliver_due()
        self._bag.clear()
        deed()
        mailman.deliver_due()
        return [letter for letter in self._bag if letter.provider == provider]

    def _keep(self, provider: str, url: str, body: bytes, headers: Any) -> int:
        self._bag.append(Letter(provider, urlsplit(url).path, dict(headers), body))
        return 200
