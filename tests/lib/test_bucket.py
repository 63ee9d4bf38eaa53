"""Files in a bucket, over real HTTP; and what happens on its bad day."""

import io
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from app.config import load
from app.lib import runtime
from app.lib.moving import copy_all
from app.lib.storage import LocalStorage, NotKept, storage
from tests.admin.desk import at_desk, words
from tests.catalog.goods import a_picture, a_product
from tests.test_config import SAFE

NAME = "shop-media"
KEYS = {"s3_access_key_id": "AKIATEST", "s3_secret_access_key": "secret-of-the-bucket"}

# As the README says: what is below media/ is for everybody, and nothing else.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{NAME}/media/*"}
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    address = f"http://{host}:{port}"
    client = bucket_client(address)
    client.create_bucket(Bucket=NAME)
    client.put_bucket_policy(Bucket=NAME, Policy=json.dumps(POLICY))
    yield address
    moto.stop()


def bucket_client(address: str) -> Any:
    keys = {name.replace("s3_", "aws_", 1): value for name, value in KEYS.items()}
    return boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)


@pytest.fixture
def settings(app: Any) -> Iterator[Any]:
    """Change settings for one test: settings(cdn_url="…")."""
    was = runtime.settings()

    def change(**values: Any) -> None:
        runtime.use(replace(was, **values))

    yield change
    runtime.use(was)


@pytest.fixture
def bucket(server: str, settings: Any) -> Any:
    settings(s3_bucket=NAME, s3_endpoint_url=server, **KEYS)
    return bucket_client(server)


def objects(client: Any) -> dict[str, Any]:
    return {it["Key"]: it for it in client.list_objects_v2(Bucket=NAME).get("Contents", ())}


@pytest.fixture(autouse=True)
def nobody_asks_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


def test_an_upload_is_in_the_bucket_and_the_page_names_it_there(server, bucket, browser):
    product = a_product("Coat")
    desk = at_desk(browser)

    answer = desk.post(f"/admin/products/{product.slug}/images", image=picture_file(), alt="A coat")

    assert answer.status_code == 303
    page = browser.get("/p/coat").text
    addresses = set(re.findall(rf'({server}/{NAME}/media/[^ ",]+)', page))
    assert {address.rpartition(".")[2] for address in addresses} == {"avif", "webp", "jpg"}
    for address in addresses:
        got = requests.get(address, timeout=5)
        assert got.status_code == 200
        assert got.headers["Content-Type"].startswith("image/")
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    policy = browser.get("/p/coat").headers["Content-Security-Policy"]
    assert f"img-src 'self' {server} data:" in policy and "script-src 'self';" in policy
    # An address from before there was a bucket leads there.
    moved = browser.get("/media/" + next(iter(addresses)).split("/media/")[1])
    assert moved.status_code == 302 and moved.location in addresses


def picture_file() -> Any:
    return (io.BytesIO(a_picture(size=(400, 500))), "coat.jpg")


def test_a_bucket_that_is_away_leaves_no_half_record_and_pages_go_on(bucket, settings, browser):
    product = a_product("Cape")
    desk = at_desk(browser)
    desk.post(f"/admin/products/{product.slug}/images", image=picture_file(), alt="First")
    kept = objects(bucket)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nowhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    settings(s3_bucket=NAME, s3_endpoint_url=nowhere, **KEYS)

    answer = desk.post(f"/admin/products/{product.slug}/images", image=picture_file(), alt="Second")

    assert answer.status_code == 503
    assert "could not be kept" in words(answer.text) and 'value="Second"' in answer.text
    page = browser.get("/p/cape")
    assert page.status_code == 200 and page.text.count("<source") == 2
    assert objects(bucket) == kept


def test_a_full_disk_refuses_with_a_sentence(settings, browser, tmp_path):
    product = a_product("Scarf")
    desk = at_desk(browser)
    (tmp_path / "media").write_text("a file where a folder should be")
    settings(data_dir=tmp_path)

    answer = desk.post(f"/admin/products/{product.slug}/images", image=picture_file(), alt="Knitted")

    assert answer.status_code == 503
    assert "could not be kept" in words(answer.text)


def test_private_files_have_no_address(bucket, browser, server):
    storage().put("private/exports/a.csv", b"sku\n")

    assert "private/exports/a.csv" in objects(bucket)
    with storage().open("private/exports/a.csv") as file:
        assert file.read() == b"sku\n"
    assert requests.get(f"{server}/{NAME}/private/exports/a.csv", timeout=5).status_code == 403
    assert browser.get("/media/private/exports/a.csv").status_code == 404
    with pytest.raises(FileNotFoundError):
        storage().open("private/exports/b.csv")


def test_a_shop_that_gets_a_bucket_later_copies_its_files(bucket, tmp_path):
    disk = LocalStorage(tmp_path)
    for number in range(3):
        disk.put(f"p/moved-{number}.webp", b"RIFF" * (number + 1))

    first, again = list(copy_all(tmp_path, storage())), list(copy_all(tmp_path, storage()))

    assert [is_new for _, is_new in first] == [True] * 3
    assert [is_new for _, is_new in again] == [False] * 3
    assert objects(bucket)["media/p/moved-2.webp"]["Size"] == 12


def test_what_is_half_sent_is_not_there(bucket):
    class Torn:
        def read(self, size: int = -1) -> bytes:
            raise OSError("the disk it came from is gone")

    with pytest.raises(NotKept):
        storage().put_file("private/torn.csv", Torn())  # type: ignore[arg-type]

    assert "private/torn.csv" not in objects(bucket)


def test_a_cdn_stands_in_every_address(settings, browser, app):
    product = a_product("Vest")
    desk = at_desk(browser)
    desk.post(f"/admin/products/{product.slug}/images", image=picture_file(), alt="A vest")
    settings(cdn_url="https://cdn.example.com")
    assets, was = app.extensions["assets"], app.extensions["assets"].host
    assets.host = "https://cdn.example.com"
    try:
        answer = browser.get("/p/vest")
    finally:
        assets.host = was

    assert "https://cdn.example.com/media/p/" in answer.text
    assert re.search(r'href="https://cdn.example.com/static/css/store\.\w{10}\.css"', answer.text)
    # A browser takes the symbols of an SVG from the page's own site only.
    assert 'use href="/static/img/icons' in answer.text
    policy = answer.headers["Content-Security-Policy"]
    for kind in ("script-src", "style-src", "font-src", "img-src"):
        assert f"{kind} 'self' https://cdn.example.com" in policy
    font = browser.get("/static/fonts/figtree-latin.woff2")
    assert font.headers["Access-Control-Allow-Origin"] == "*"


def test_the_wrong_words_in_the_settings_are_named():
    for name, value in (("CDN_URL", "https://cdn.example.com/path"), ("S3_BUCKET", "My Bucket")):
        with pytest.raises(Exception, match=name):
            load({**SAFE, name: value})
    assert "secret-of-the-bucket" in load({**SAFE, "S3_SECRET_ACCESS_KEY": "secret-of-the-bucket"}).secrets
