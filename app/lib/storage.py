"""Files that must survive: put() keeps one, url() says where a browser finds it."""

import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

from flask import Flask, Response, abort, send_from_directory

from app.lib import runtime

KEY = re.compile(r"[a-z0-9][a-z0-9/_-]{0,120}\.(webp|jpg|png|pdf)")


class Storage(Protocol):
    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, whole or not at all."""

    def url(self, key: str) -> str:
        """The address a browser may fetch."""

    def delete(self, key: str) -> None:
        """Remove it; nothing happens when it is not there."""


class LocalStorage:
    """Files below one folder, served by the shop at /media/."""

    def __init__(self, folder: Path):
        self.folder = folder

    def put(self, key: str, content: bytes) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft:
            draft.write(content)
        os.chmod(draft.name, 0o644)
        os.replace(draft.name, target)

    def url(self, key: str) -> str:
        return f"/media/{key}"

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key) or ".." in key:
            raise ValueError(f"{key!r} is not a storage key.")
        return self.folder / key


def storage() -> Storage:
    return LocalStorage(runtime.settings().data_dir / "media")


def init_app(app: Flask) -> None:
    @app.get("/media/<path:key>")
    def media(key: str) -> Response:
        """Names are random and never reused, so a browser may keep the file for good."""
        if not KEY.fullmatch(key):
            abort(404)
        answer = send_from_directory(runtime.settings().data_dir / "media", key, max_age=31536000)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
