"""One HTTP server on loopback for one simulator or for many, each under its own path, and the time they live in."""

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response


class Mounted(Protocol):
    """What a server needs of a simulator."""

    base_url: str

    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    def live(self) -> None: ...

    def rest(self) -> None: ...


class Serving:
    """Holds simulators by the path they are mounted under; "" is the root, and `front` answers where nobody is."""

    def __init__(self, simulators: Mapping[str, Mounted], *, host: str, port: int, front: Any = None) -> None:
        self._simulators = dict(simulators)
        self._address = (host, port)
        root = self._simulators.get("") or front or Response("There is nobody here.", 404)
        self._app = DispatcherMiddleware(root, {path: one for path, one in self._simulators.items() if path})
        self._server: BaseWSGIServer | None = None

    def start(self) -> str:
        """Serve from now on; answers the address of the root."""
        host, port = self._address
        self._server = make_server(host, port, self._app, threaded=True, request_handler=_QuietHandler)
        address = f"http://{host}:{self._server.server_port}"
        for path, simulator in self._simulators.items():
            simulator.base_url = address + path
            threading.Thread(target=simulator.live, daemon=True).start()
        # The interval is also how long `stop` may take.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return address

    def stop(self) -> None:
        for simulator in self._simulators.values():
            simulator.rest()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The requests are at /_requests; a line each on the terminal helps nobody."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True
