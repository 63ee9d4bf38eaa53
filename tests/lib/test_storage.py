"""Files are kept whole, under names nobody chooses."""

from pathlib import Path
from typing import Any

import pytest

from app.lib.storage import LocalStorage, storage


@pytest.mark.pure
@pytest.mark.parametrize(
    "key", ["../x.webp", "/etc/passwd", "a/../../b.webp", "x.svg", "x", "", "A.webp", "x.webp\x00.png"]
)
def test_a_key_never_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        LocalStorage(tmp_path).put(key, b"x")


@pytest.mark.pure
def test_a_file_is_replaced_whole_and_removed_twice(tmp_path: Path) -> None:
    local = LocalStorage(tmp_path)
    local.put("pictures/a-400.webp", b"old")

    local.put("pictures/a-400.webp", b"new")

    assert (tmp_path / "pictures/a-400.webp").read_bytes() == b"new"
    assert [file.name for file in (tmp_path / "pictures").iterdir()] == ["a-400.webp"]
    local.delete("pictures/a-400.webp")
    local.delete("pictures/a-400.webp")


def test_a_picture_is_served_for_good_and_nothing_else_is(browser: Any) -> None:
    storage().put("pictures/b-400.webp", b"RIFF")

    answer = browser.get(storage().url("pictures/b-400.webp"))

    assert answer.data == b"RIFF"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    for path in ("/media/../secret_key", "/media/%2e%2e/secret_key", "/media/mail/x.eml", "/media/"):
        assert browser.get(path).status_code == 404
