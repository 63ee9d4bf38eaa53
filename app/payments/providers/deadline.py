"""A session of requests whose time limit is for the whole answer.

A limit of requests or urllib3 begins anew with each byte, so a server that drips one now and then is waited for as
long as it likes. Here a clock runs from the moment the request is sent, over head and body together.
"""

import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


def session() -> requests.Session:
    """One that reads no proxies or passwords from its surroundings either."""
    made = requests.Session()
    made.trust_env = False
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made


class _Until(io.RawIOBase):
    """Reads from a socket until a time of the monotonic clock, then raises TimeoutError."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase, ends: float) -> None:
        self._sock, self._stream, self._ends = sock, stream, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("The answer did not end in time.")
        self._sock.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit = sock.gettimeout()
        if limit is not None:
            stream = self.fp.detach()
            self.fp = io.BufferedReader(_Until(sock, stream, time.monotonic() + limit))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
