"""Files on this machine's disk, copied into the bucket: for a shop that gets one later."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.lib.storage import KEY, Storage


def copy_all(folder: Path, bucket: Storage) -> Iterator[tuple[str, bool]]:
    """Copy every file below `folder`, the same key as there; says of each whether it had to be copied.

    What is there already with the same content stays, so it may be stopped and run again. Each copy is read back
    and compared. Raises NotKept, and OSError when a copy is not what was sent.
    """
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if not path.is_file() or not KEY.fullmatch(key):
            continue
        with path.open("rb") as file:
            wanted = _digest(file)
            is_new = _digest_there(bucket, key) != wanted
            if is_new:
                file.seek(0)
                bucket.put_file(key, file)
        if is_new and _digest_there(bucket, key) != wanted:
            raise OSError(f"What the bucket keeps as {key} is not what was sent.")
        yield key, is_new


def _digest_there(bucket: Storage, key: str) -> str | None:
    try:
        with bucket.open(key) as file:
            return _digest(file)
    except FileNotFoundError:
        return None


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
