import gzip
from time import perf_counter

import brotli
import pytest

from app.lib.assets import Assets


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "css/store.css": '/* top */\n@layer a, b;\n@import url("parts/look.css");\n',
        "css/parts/look.css": "@layer a {\n  .x {\n    color: red; /* why */\n    src: url(../../fonts/f.woff2);\n}}",
        "fonts/f.woff2": "not really a font",
        "js/htmx.min.js": "var htmx = {  };",
        "js/ui.js": "{\n  // a comment\n  const text = 'a // b';\n}\n",
        "img/icons.svg": "<svg></svg>",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def assets(folder):
    return Assets(folder, bundles={"js/shop.js": ("js/htmx.min.js", "js/ui.js")})


def ask(assets, path, method="GET", **headers):
    """The answer as (status, headers, body)."""
    seen = []
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method} | {f"HTTP_{k.upper()}": v for k, v in headers.items()}
    body = assets.wrap(shop)(environ, lambda status, headers: seen.append((int(status[:3]), dict(headers))))
    return *seen[0], b"".join(body)


def shop(environ, start_response):
    start_response("200 OK", [])
    return [b"the shop"]


def test_an_address_changes_with_the_content_and_may_be_kept_for_a_year(assets, folder):
    address = assets.address("img/icons.svg")
    status, headers, body = ask(assets, address)

    assert (status, body) == (200, b"<svg></svg>")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Type"] == "image/svg+xml"
    assert headers["X-Content-Type-Options"] == "nosniff"

    (folder / "img/icons.svg").write_text("<svg><g/></svg>")
    assert Assets(folder).address("img/icons.svg") != address


def test_a_style_sheet_brings_its_imports_and_names_hashed_files(assets):
    _, _, body = ask(assets, assets.address("css/store.css"))

    assert body.decode() == "@layer a,b;@layer a{.x{color:red;src:url(" + assets.address("fonts/f.woff2") + ")}}"


def test_scripts_are_joined_without_their_comments(assets):
    _, headers, body = ask(assets, assets.address("js/shop.js"))

    assert body == b"var htmx = {  };\n{\nconst text = 'a // b';\n}"
    assert "javascript" in headers["Content-Type"]


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0, gzip;q=0.5", "gzip", gzip.decompress),
    ],
)
def test_text_is_answered_in_the_best_encoding_the_browser_knows(assets, accepted, encoding, unpack):
    _, headers, body = ask(assets, assets.address("img/icons.svg"), accept_encoding=accepted)

    assert headers["Content-Encoding"] == encoding
    assert headers["Vary"] == "Accept-Encoding"
    assert unpack(body) == b"<svg></svg>"


def test_a_font_is_not_compressed_again(assets):
    _, headers, _ = ask(assets, assets.address("fonts/f.woff2"), accept_encoding="br")

    assert "Content-Encoding" not in headers


def test_a_browser_that_has_it_already_gets_304(assets):
    address = assets.address("css/store.css")
    _, headers, _ = ask(assets, address, accept_encoding="br")

    status, _, body = ask(assets, address, accept_encoding="br", if_none_match=headers["ETag"])

    assert (status, body) == (304, b"")


def test_head_answers_the_length_without_the_body(assets):
    status, headers, body = ask(assets, assets.address("img/icons.svg"), method="HEAD")

    assert (status, headers["Content-Length"], body) == (200, "11", b"")


@pytest.mark.parametrize("name", ["/static/css/store.css", "/static/css/store.0123456789.css"])
def test_a_plain_or_outdated_name_is_answered_but_not_kept(assets, name):
    status, headers, _ = ask(assets, name)

    assert (status, headers["Cache-Control"]) == (200, "public, max-age=300")


@pytest.mark.parametrize("name", ["/static/nothing.css", "/static/../wsgi.py", "/static/css/", "/static/"])
def test_an_unknown_name_is_a_plain_404(assets, name):
    status, headers, body = ask(assets, name)

    assert (status, body) == (404, b"Not Found\n")
    assert headers["Cache-Control"] == "no-store"


def test_files_are_only_read(assets):
    status, headers, _ = ask(assets, "/static/css/store.css", method="POST")

    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_every_other_address_is_the_shops(assets):
    assert ask(assets, "/")[2] == b"the shop"


def test_a_template_that_names_a_file_not_there_fails_at_once(assets):
    with pytest.raises(KeyError):
        assets.address("css/stroe.css")


def test_in_development_a_changed_file_is_read_again(folder):
    assets = Assets(folder, bundles={}, watch=True)
    before = assets.address("img/icons.svg")

    (folder / "img/icons.svg").write_text("<svg><path/></svg>")

    assert assets.address("img/icons.svg") != before


def test_the_real_folder_loads_quickly_and_stays_inside_the_weight_budget():
    start = perf_counter()
    assets = Assets()
    seconds = perf_counter() - start

    assert seconds < 2  # about a tenth of a second; a busy machine gets room
    weights = {name: len(assets._by_name[name].bodies["gzip"]) / 1024 for name in ("css/store.css", "js/shop.js")}
    assert weights["css/store.css"] < 10
    assert weights["js/shop.js"] < 16
