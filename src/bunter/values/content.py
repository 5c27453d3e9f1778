"""Stretches of bytes, their digests, and how safely they are kept."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """``size`` bytes from offset ``begin``."""

    begin: int
    size: int

    def __post_init__(self) -> None:
        if self.begin < 0 or self.size < 0:
            raise ValueError(f"a byte range has no negative parts, not begin={self.begin}, size={self.size}")

    @property
    def end(self) -> int:
        """Offset just behind the last byte."""
        return self.begin + self.size


class Pieces:
    """Content that comes in pieces, and again as often as it is asked for; it need never be in memory as a whole.

    Parameters
    ----------
    make : callable
        Gives the pieces, from the first, each time it is called; each is bytes or a contiguous memoryview.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Iterator[bytes | memoryview]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return self._make()

    def __bytes__(self) -> bytes:
        return b"".join(self)


class Durability(enum.Enum):
    """What survives a power cut once a call has returned.

    ``full``: everything; ``batch``: everything once the batch it is part of is complete; ``none``: nothing is promised.
    """

    full = "full"
    batch = "batch"
    none = "none"


class Digests(Struct, frozen=True):
    """Fingerprints of content: SHA-256 (32 bytes) is its identity, XXH3-128 (16 bytes, big-endian) checks it fast."""

    sha256: bytes
    xxh3: bytes


class Digesting:
    """Digests of bytes that come in pieces."""

    __slots__ = ("_sha256", "_xxh3", "size")

    def __init__(self) -> None:
        import xxhash

        self._sha256 = hashlib.sha256()
        self._xxh3 = xxhash.xxh3_128()
        self.size = 0

    def add(self, chunk: bytes | memoryview) -> None:
        """Take in the next piece."""
        self._sha256.update(chunk)
        self._xxh3.update(chunk)
        self.size += len(chunk)

    def tee(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        """Take in pieces while handing them on."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def digests(self) -> Digests:
        """Digests of all pieces so far."""
        return Digests(self._sha256.digest(), self._xxh3.digest())


def digest(content: bytes | Iterable[bytes | memoryview]) -> Digests:
    """Digest bytes, whole or in pieces."""
    if isinstance(content, bytes):  # most are small: two calls instead of objects that take pieces
        return Digests(hashlib.sha256(content).digest(), quick_digest(content))
    digesting = Digesting()
    for chunk in [content] if isinstance(content, bytearray | memoryview) else content:
        digesting.add(chunk)
    return digesting.digests()


def quick_digest(content: bytes | memoryview) -> bytes:
    """XXH3-128 of content, 16 bytes big-endian, as in `Digests.xxh3`."""
    import xxhash

    return xxhash.xxh3_128_digest(content)
