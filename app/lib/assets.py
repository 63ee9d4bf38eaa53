"""The files under static/: content-hashed addresses, compressed ahead of time, answered before Flask.

Files are written as people read them. What leaves here is the same with addresses hashed, `@import` written
in, comments and indentation taken out, and scripts joined as BUNDLES says. No build step, nothing on disk.
"""

import gzip
import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from posixpath import join, normpath
from typing import Any

import brotli

STATIC = Path(__file__).resolve().parents[2] / "static"
BASE = "/static/"

# One request instead of two or three for the scripts every page needs.
BUNDLES = {
    "js/shop.js": ("js/htmx.min.js", "js/ui.js"),
    "js/staff.js": ("js/htmx.min.js", "js/ui.js", "js/admin.js"),
}

FOREVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
IMPORT = re.compile(r'@import url\("([^"]+)"\);')
COMPRESSIBLE = {".css", ".js", ".svg", ".txt", ".json", ".webmanifest"}

# Type checkers cannot know a WSGI server's start_response; the shape is fixed by PEP 3333.
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Asset:
    """One file as it is answered: its hashed name and its body in each encoding ("" is plain)."""

    name: str
    content_type: str
    digest: str
    bodies: Mapping[str, bytes]

    @property
    def hashed(self) -> str:
        """`css/store.css` -> `css/store.1f0c3a9b2d.css`"""
        stem, dot, suffix = self.name.rpartition(".")
        return f"{stem}.{self.digest}{dot}{suffix}"


class Assets:
    """Every asset of one folder, by plain and by hashed name. `watch` notices files that change."""

    def __init__(
        self,
        folder: Path = STATIC,
        *,
        bundles: Mapping[str, tuple[str, ...]] = BUNDLES,
        watch: bool = False,
        host: str = "",
    ):
        self.folder = folder
        self.host = host
        self.bundles = bundles
        self.watch = watch
        self._load()

    def address(self, name: str, here: bool = False) -> str:
        """The hashed address of `css/store.css`, for templates. Raises KeyError for a name not there.

        `here` stays on the shop's own site although there is a CDN.
        """
        self._reload_if_changed()
        return ("" if here else self.host) + BASE + self._by_name[name].hashed

    def wrap(self, app: WSGIApp) -> WSGIApp:
        """A WSGI app that answers /static/ itself and leaves the rest to `app`."""

        def with_assets(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if not path.startswith(BASE):
                return app(environ, start_response)
            return self._answer(path.removeprefix(BASE), environ, start_response)

        return with_assets

    def _answer(self, name: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _plain(start_response, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
        self._reload_if_changed()
        asset, cache = self._find(name)
        if asset is None:
            return _plain(start_response, "404 Not Found")

        encoding = _best_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""), asset.bodies)
        etag = f'"{asset.digest}{encoding and "-" + encoding}"'
        headers = [("ETag", etag), ("Cache-Control", cache), ("X-Content-Type-Options", "nosniff")]
        headers.append(("Access-Control-Allow-Origin", "*"))  # a font from another site is shown only with this
        if len(asset.bodies) > 1:
            headers.append(("Vary", "Accept-Encoding"))
        if etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            start_response("304 Not Modified", headers)
            return []

        body = asset.bodies[encoding]
        headers += [("Content-Type", asset.content_type), ("Content-Length", str(len(body)))]
        if encoding:
            headers.append(("Content-Encoding", encoding))
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _find(self, name: str) -> tuple[Asset | None, str]:
        if name in self._by_hash:
            return self._by_hash[name], FOREVER
        # In a rolling update the page of one release asks a server of another: answer with today's file.
        plain = re.sub(r"\.[0-9a-f]{10}(?=\.\w+$)", "", name)
        return self._by_name.get(plain), SHORT

    def _reload_if_changed(self) -> None:
        if self.watch and self._stamp() != self._loaded:
            self._load()

    def _stamp(self) -> tuple[tuple[str, int], ...]:
        return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(self.folder.rglob("*")) if path.is_file())

    def _load(self) -> None:
        self._loaded = self._stamp()
        sources = {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        parts = _parts(sources, self.bundles)
        made = {name: _asset(name, body, parts) for name, body in sources.items() if not name.endswith(".css")}
        for name, scripts in self.bundles.items():
            if all(script in sources for script in scripts):
                joined = b"\n".join(_squeezed_script(script, sources[script]) for script in scripts)
                made[name] = _asset(name, joined, parts)
        for name in sources:
            if name.endswith(".css"):
                made[name] = _asset(name, _squeezed_style(_stylesheet(name, sources, made)).encode(), parts)
        self._by_name = made
        self._by_hash = {asset.hashed: asset for asset in made.values()}


def init_app(app: Any, folder: Path = STATIC, *, watch: bool = False, host: str = "") -> Assets:
    """Give templates `asset(name)`, and put the files in front of the app. `host` is a CDN that asks the shop."""
    assets = Assets(folder, watch=watch, host=host)
    app.extensions["assets"] = assets
    app.jinja_env.globals["asset"] = assets.address
    app.wsgi_app = assets.wrap(app.wsgi_app)
    return assets


def _parts(sources: Mapping[str, bytes], bundles: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Files that travel inside another one. Nobody asks for them by themselves."""
    imported = {
        normpath(join(str(PurePosixPath(name).parent), each))
        for name, body in sources.items()
        if name.endswith(".css")
        for each in IMPORT.findall(body.decode())
    }
    return imported.union(*bundles.values())


def _asset(name: str, body: bytes, parts: set[str]) -> Asset:
    bodies = {"": body}
    if PurePosixPath(name).suffix in COMPRESSIBLE:
        # The best quality takes a tenth of a second, well spent on what every visitor fetches.
        bodies["br"] = brotli.compress(body, quality=4 if name in parts else 11)
        bodies["gzip"] = gzip.compress(body, 9, mtime=0)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith("text/") or kind.endswith(("javascript", "json")) else ""
    return Asset(name, kind + charset, sha256(body).hexdigest()[:10], bodies)


def _stylesheet(name: str, sources: Mapping[str, bytes], made: Mapping[str, Asset]) -> str:
    """The style sheet with imports written in and addresses hashed. Raises KeyError for a file not there."""
    folder = str(PurePosixPath(name).parent)
    text = sources[name].decode()
    text = IMPORT.sub(lambda m: _stylesheet(normpath(join(folder, m[1])), sources, made), text)
    return re.sub(
        r'url\("?(?!"|data:|/|#)([^")]+)"?\)',
        lambda m: f"url({BASE}{made[normpath(join(folder, m[1]))].hashed})",
        text,
    )


def _squeezed_style(text: str) -> str:
    pieces = re.split(r"(\"[^\"]*\"|'[^']*')", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    for i in range(0, len(pieces), 2):  # the odd ones are strings
        piece = re.sub(r"\s+", " ", pieces[i])
        piece = re.sub(r" ?([{};,]) ?", r"\1", piece)
        pieces[i] = piece.replace(": ", ":").replace(";}", "}")
    return "".join(pieces).strip()


def _squeezed_script(name: str, body: bytes) -> bytes:
    """Our scripts without indentation and comment lines. A minified file is left alone."""
    if name.endswith(".min.js"):
        return body
    lines = (line.strip() for line in body.decode().splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")).encode()


def _best_encoding(accepted: str, bodies: Mapping[str, bytes]) -> str:
    wanted = {
        token.split(";")[0].strip() for token in accepted.lower().split(",") if "q=0" not in token.replace("q=0.", "")
    }
    return next((encoding for encoding in ("br", "gzip") if encoding in wanted and encoding in bodies), "")


def _plain(start_response: StartResponse, status: str, *extra: tuple[str, str]) -> Iterable[bytes]:
    body = status[4:].encode() + b"\n"
    start_response(
        status,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *extra,
        ],
    )
    return [body]
