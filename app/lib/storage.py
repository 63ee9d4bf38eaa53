"""Files that must survive: put() keeps one, url() says where a browser finds it.

On the local disk or in a bucket that speaks S3. Keys that begin with `private/` have no address: only the shop
itself opens them.
"""

import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, send_from_directory

from app.lib import runtime
from app.lib.errors import ShopError

if TYPE_CHECKING:
    from app.config import Settings

log = logging.getLogger(__name__)

KEY = re.compile(r"[a-z0-9][a-z0-9/_-]{0,120}\.(avif|webp|jpg|png|pdf|csv)")
PRIVATE = "private/"
FOREVER = "public, max-age=31536000, immutable"


class NotKept(ShopError):
    """The place where files are kept is away or full. Nothing of the file is left there."""

    status = 503
    title = "Not kept"

    def __init__(self) -> None:
        super().__init__(
            "The file could not be kept: the place for files does not answer or is full. "
            "Nothing was changed; try again in a minute."
        )

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "60"}


class Storage(Protocol):
    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, whole or not at all. Raises NotKept."""

    def put_file(self, key: str, file: BinaryIO) -> None:
        """The same for what is too long to hold in memory, from where it stands."""

    def open(self, key: str) -> BinaryIO:
        """Read it from its beginning; the caller closes it. Raises FileNotFoundError, NotKept."""

    def url(self, key: str) -> str:
        """The address a browser may fetch."""

    def delete(self, key: str) -> None:
        """Remove it; nothing happens when it is not there. Raises NotKept."""


class LocalStorage:
    """Files below one folder, served by the shop at /media/, or by a CDN in front of it."""

    def __init__(self, folder: Path, base: str = ""):
        self.folder = folder
        self.base = base

    def put(self, key: str, content: bytes) -> None:
        self._keep(key, lambda draft: draft.write(content))

    def put_file(self, key: str, file: BinaryIO) -> None:
        self._keep(key, lambda draft: shutil.copyfileobj(file, draft))

    def _keep(self, key: str, write: Callable[[BinaryIO], object]) -> None:
        target = self._path(key)
        draft: Path | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as opened:
                draft = Path(opened.name)
                write(opened)  # type: ignore[arg-type]
            draft.chmod(0o644)
            draft.replace(target)
        except OSError as error:
            if draft is not None:
                draft.unlink(missing_ok=True)
            log.error("Could not keep %s: %s", key, error)
            raise NotKept() from error

    def open(self, key: str) -> BinaryIO:
        return self._path(key).open("rb")

    def url(self, key: str) -> str:
        return f"{self.base}/media/{key}"

    def delete(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise NotKept() from error

    def _path(self, key: str) -> Path:
        return self.folder / checked(key)


def checked(key: str) -> str:
    """Raises ValueError for what is not a key."""
    if not KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"{key!r} is not a storage key.")
    return key


def storage() -> Storage:
    return _storage_of(runtime.settings())


@lru_cache(maxsize=4)
def _storage_of(settings: "Settings") -> Storage:
    if not settings.s3_bucket:
        return local(settings)
    from app.lib.bucket import Bucket  # with boto3, which a shop without a bucket never loads

    return Bucket.of(settings)


def local(settings: "Settings") -> LocalStorage:
    """The files on this machine's disk, whether or not a bucket is used."""
    return LocalStorage(settings.data_dir / "media", settings.cdn_url)


def origins() -> set[str]:
    """The sites other than the shop that its pictures and static files come from."""
    found = {origin_of(storage().url("x.webp")), origin_of(runtime.settings().cdn_url)}
    return found - {""}


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def init_app(app: Flask) -> None:
    @app.get("/media/<path:key>")
    def media(key: str) -> Response:
        """Names are random and never reused, so a browser may keep the file for good."""
        if not KEY.fullmatch(key) or key.startswith(PRIVATE):
            abort(404)
        settings = runtime.settings()
        if settings.s3_bucket:  # an address from before there was a bucket, in a letter or a page kept somewhere
            answer = redirect(storage().url(key))
            answer.headers["Cache-Control"] = "public, max-age=3600"
            return answer  # type: ignore[return-value]
        answer = send_from_directory(settings.data_dir / "media", key, max_age=31536000)
        answer.headers["Cache-Control"] = FOREVER
        return answer
