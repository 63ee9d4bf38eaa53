"""Files in a bucket that speaks S3: Amazon's, MinIO, and others.

What a browser may fetch stands below media/, which the bucket's policy opens to everybody; what is private stands
below private/, which it must not. A CDN in front passes paths on as they are.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.lib.storage import FOREVER, PRIVATE, NotKept, checked

if TYPE_CHECKING:
    from app.config import Settings

log = logging.getLogger(__name__)

TYPES = {
    "avif": "image/avif",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
}
# A member of staff waits for an upload: two tries, and not long for either.
PATIENCE = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2, "mode": "standard"},
    # Other servers than Amazon's do not all know the newer checksums.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


class Bucket:
    """One bucket. `base` is what addresses begin with."""

    def __init__(self, client: Any, name: str, base: str):
        self.client = client
        self.name = name
        self.base = base

    @staticmethod
    def of(settings: "Settings") -> "Bucket":
        endpoint = settings.s3_endpoint_url
        style = {"addressing_style": "path" if endpoint else "virtual"}
        client = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key_id or None,
            aws_secret_access_key=settings.s3_secret_access_key or None,
            config=Config(s3=style, **PATIENCE),
        )
        own = f"{endpoint}/{settings.s3_bucket}" if endpoint else _amazons(settings.s3_bucket, settings.s3_region)
        return Bucket(client, settings.s3_bucket, settings.cdn_url or own)

    def put(self, key: str, content: bytes) -> None:
        with _asked(key):
            self.client.put_object(Bucket=self.name, Key=_place(key), Body=content, **_told(key))

    def put_file(self, key: str, file: BinaryIO) -> None:
        """In parts when it is long; a bucket shows an object only once it is whole."""
        with _asked(key):
            self.client.upload_fileobj(file, self.name, _place(key), ExtraArgs=_told(key))

    def open(self, key: str) -> BinaryIO:
        with _asked(key):
            return cast(BinaryIO, self.client.get_object(Bucket=self.name, Key=_place(key))["Body"])

    def url(self, key: str) -> str:
        return f"{self.base}/{_place(key)}"

    def delete(self, key: str) -> None:
        with _asked(key):
            self.client.delete_object(Bucket=self.name, Key=_place(key))


def _amazons(name: str, region: str) -> str:
    return f"https://{name}.s3.{region}.amazonaws.com"


def _place(key: str) -> str:
    return checked(key) if key.startswith(PRIVATE) else f"media/{checked(key)}"


def _told(key: str) -> dict[str, str]:
    cache = "private, no-store" if key.startswith(PRIVATE) else FOREVER
    return {"ContentType": TYPES[key.rpartition(".")[2]], "CacheControl": cache}


@contextmanager
def _asked(key: str) -> Iterator[None]:
    """Whatever the bucket's bad day looks like becomes one of two errors."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise FileNotFoundError(key) from error
        log.error("The bucket refused %s: %s", key, error)
        raise NotKept() from error
    except (BotoCoreError, boto3.exceptions.Boto3Error, OSError) as error:
        log.error("The bucket did not take %s: %s", key, error)
        raise NotKept() from error
