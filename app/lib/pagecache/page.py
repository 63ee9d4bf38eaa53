"""One finished page: compressed ahead, with a hole where the shell of each shopper goes."""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import brotli

from app.lib.pagecache.versions import Position, Versions

GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
QUICK, DENSE = 1, 9  # zlib's levels: while the first reader waits, and for pages that are read again
DENSE_BR = 5  # brotli's, for the latter
WINDOW = 18  # brotli's, as a power of two: hardly a page is longer
OVERHEAD = 1500  # bytes a page costs beside its bodies

Header = tuple[str, str]


class Page:
    """The answer to one address. `headers` are those that are the same for everybody.

    Kept as two pieces of a deflate stream, each ending at a whole byte: between them goes what fills the hole, stored
    as it is. So a shopper's page costs no compressing at all. A page without a hole has an empty second piece.
    """

    __slots__ = (
        "_after",
        "_before",
        "_br",
        "_crcs",
        "_lengths",
        "_own_end",
        "_shift",
        "checked",
        "digest",
        "ends",
        "headers",
        "hole",
        "is_dense",
        "position",
        "sequence",
        "size",
        "slots",
        "until",
    )

    def __init__(self, headers: Sequence[Header], before: bytes, after: bytes, hole: bytes):
        self.headers = tuple(headers)
        self.hole = hole
        self.digest = blake2b(b"".join((before, hole, after)), digest_size=9).hexdigest()
        self._lengths = (len(before), len(after))
        self._crcs = (zlib.crc32(before), zlib.crc32(after))
        self._compress(before, after, QUICK)
        self._begin()

    def _compress(self, before: bytes, after: bytes, level: int) -> None:
        # Each piece is whole by itself, so whoever reads while they change may meet one new and one old.
        self._before = _deflated(before, zlib.Z_FULL_FLUSH, level)
        self._after = _deflated(after, zlib.Z_FINISH, level)

    def _begin(self) -> None:
        # Bytes of memory, with the bodies that will be made. It stays as it was counted when they get shorter.
        self.size = OVERHEAD + 2 * (len(self._before) + len(self._after))
        self._br = self._own_end = b""
        self._shift: tuple[int, ...] = ()
        self.is_dense = False

    def make_dense(self) -> None:
        """Compress it anew, and better: a page that is read again is read often."""
        self.is_dense = True
        self._compress(*self._inflated(), DENSE)
        self.body("br")

    def shown_at(self, sequence: int, slots: tuple[int, ...], position: Position, ends: float, until: float) -> None:
        """How long it is fresh. `ends` is of the monotonic clock, `until` the same of the database's."""
        self.sequence = self.checked = sequence
        self.slots, self.position, self.ends, self.until = slots, position, ends, until

    def is_fresh(self, versions: Versions, now: float) -> bool:
        if now >= self.ends:
            return False
        number = versions.sequence
        if self.checked == number:
            return True
        if not versions.is_fresh(self.sequence, self.slots):
            return False
        self.checked = number
        return True

    def body(self, encoding: str) -> bytes:
        """As a visitor gets it: "br", "gzip" or ""."""
        if encoding == "br":
            if not self._br:
                self._br = brotli.compress(self.plain(self.hole), quality=DENSE_BR, lgwin=WINDOW)
            return self._br
        if encoding == "gzip":
            return self.gzip(self.hole)
        return self.plain(self.hole)

    def plain(self, hole: bytes) -> bytes:
        before, after = self._inflated()
        return before + hole + after

    def _inflated(self) -> tuple[bytes, bytes]:
        return zlib.decompress(self._before + b"\x03\x00", -15), zlib.decompress(self._after, -15)

    def gzip(self, hole: bytes) -> bytes:
        """With something else in the hole."""
        stored = b""
        if hole:
            size = len(hole).to_bytes(2, "little")
            stored = b"\x00" + size + bytes(255 - byte for byte in size) + hole
        return b"".join((GZIP_START, self._before, stored, self._after, self._end(hole)))

    def _end(self, hole: bytes) -> bytes:
        """The checksum and the length of the whole; of what visitors get they are worked out once."""
        if hole is self.hole and self._own_end:
            return self._own_end
        crc = self._shifted(zlib.crc32(hole, self._crcs[0])) ^ self._crcs[1]
        length = sum(self._lengths) + len(hole)
        end = crc.to_bytes(4, "little") + length.to_bytes(4, "little")
        if hole is self.hole:
            self._own_end = end
        return end

    def _shifted(self, crc: int) -> int:
        """The checksum `crc` followed by as many zeros as there are bytes after the hole.

        That is linear in the bits of `crc`, so what each bit becomes is worked out once, and not the whole page each
        time.
        """
        if not self._shift:
            self._shift = _shifts(self._lengths[1])
        shifted = 0
        for bit in self._shift:
            if crc & 1:
                shifted ^= bit
            crc >>= 1
        return shifted

    def parts(self) -> tuple[dict[str, object], list[bytes]]:
        """For a store: what is said about it, and its bodies."""
        facts = {
            "headers": self.headers,
            "digest": self.digest,
            "lengths": self._lengths,
            "crcs": self._crcs,
            "slots": self.slots,
            "snapshot": self.position.written(),
            "until": self.until,
            "has_hole": bool(self.hole),
        }
        return facts, [self._before, self._after, self._br]

    @classmethod
    def from_parts(cls, facts: dict[str, object], bodies: Sequence[bytes], hole: bytes) -> "Page":
        page = cls.__new__(cls)
        page.headers = tuple((name, value) for name, value in facts["headers"])  # type: ignore[attr-defined]
        page.digest = str(facts["digest"])
        page._lengths = tuple(facts["lengths"])  # type: ignore[arg-type,assignment]
        page._crcs = tuple(facts["crcs"])  # type: ignore[arg-type,assignment]
        page.hole = hole if facts["has_hole"] else b""
        page._before, page._after, br = bodies
        page._begin()
        page._br = br
        page.is_dense = True
        return page


def _deflated(piece: bytes, ending: int, level: int) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return stream.compress(piece) + stream.flush(ending)


@lru_cache(maxsize=512)
def _shifts(length: int) -> tuple[int, ...]:
    zeros = bytes(length)
    nothing = zlib.crc32(zeros)
    return tuple(zlib.crc32(zeros, 1 << bit) ^ nothing for bit in range(32))
