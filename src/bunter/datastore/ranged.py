"""An artifact as a file to seek and read in, of which only what is asked for moves."""

from __future__ import annotations

import io
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Any

from bunter.datastore.forward import Forward
from bunter.datastore.store import LocalPaths
from bunter.datastore.traffic import note_ranges
from bunter.errors import FileIntegrityError, FormatError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore

__all__ = ["LARGE", "RangedFile", "VerifiedFile", "coalesced"]

LARGE = 32 << 20
"""Bytes from which on an artifact is read piece by piece rather than as a whole."""

_FIRST = 16 << 10
_MOST = 8 << 20
_MOST_HERE = 2 << 20
"""For files of this machine: small enough that the digest finds in the cache of the processor what was just read."""
_KEPT = 64 << 20
_GAP = 1 << 20
_DIRECT = 128 << 10
"""Reads of so many bytes go from the store into the memory of who asks, smaller ones by way of a piece that is kept."""

_WASTE = 0.5
_SHARE = 0.028
_ANYHOW = 4 << 20


def coalesced(ranges: Iterable[ByteRange], size: int = 0) -> list[ByteRange]:
    """Join neighbouring ranges, the smallest gaps first, as long as not too much is read that is not wanted.

    Gaps may add half to what is wanted. Of an artifact that is far away they may add up to 4 MB, as long as no more than
    2.8 % of it move: a request costs as much time as some hundred kilobytes.

    Parameters
    ----------
    ranges : iterable of ByteRange
        In any order; they may touch or overlap.
    size : int
        Of the artifact, in bytes, if it is far away.

    Returns
    -------
    list of ByteRange
        In the order of the artifact, apart from each other, and covering all of ``ranges``.
    """
    joined: list[ByteRange] = []
    for each in sorted(each for each in ranges if each.size):
        if joined and each.begin <= joined[-1].end:
            joined[-1] = ByteRange(joined[-1].begin, max(each.end, joined[-1].end) - joined[-1].begin)
        else:
            joined.append(each)
    bridged = _worth_reading(joined, size)
    found: list[ByteRange] = []
    for index, each in enumerate(joined):
        if index - 1 in bridged:
            found[-1] = ByteRange(found[-1].begin, each.end - found[-1].begin)
        else:
            found.append(each)
    return found


def _worth_reading(ranges: Sequence[ByteRange], size: int) -> set[int]:
    """Indexes of the ranges behind which the gap is read as well."""
    wanted = sum(each.size for each in ranges)
    left = max(wanted * _WASTE, min(size * _SHARE - wanted, _ANYHOW))
    gaps = sorted((ranges[i + 1].begin - ranges[i].end, i) for i in range(len(ranges) - 1))
    chosen = set()
    for gap, index in gaps:
        if gap > min(left, _GAP):
            break
        left -= gap
        chosen.add(index)
    return chosen


class RangedFile(io.RawIOBase):
    """An artifact to seek and read in; each read is a ranged read of its store, reads that follow each other grow.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    key : str
        Its key.
    size : int
        Its length in bytes.
    """

    mode = "rb"
    damage = ""
    """What was found wrong with the artifact while reading; readers may have taken the error for something else."""

    def __init__(self, store: ArtifactStore, key: str, size: int) -> None:
        super().__init__()
        self._store, self._key, self.size = store, key, size
        self._is_far = not isinstance(store, LocalPaths)
        self._most = _MOST if self._is_far else _MOST_HERE
        self._place = 0
        self._pieces: list[tuple[int, bytes]] = []
        self._kept = 0
        self._next = _FIRST
        self._expected = -1

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is read."""
        self._place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence])
        return self._place

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end; all that is left for a negative number."""
        left = max(0, self.size - self._place)
        wanted = left if size is None or size < 0 else min(size, left)
        found = self._within(self._place, wanted)
        if found is None:
            parts = bytearray(wanted)
            found = bytes(memoryview(parts)[: self._fill(memoryview(parts))])
        else:
            self._place += len(found)
        return found

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; return how many bytes there were."""
        return self._fill(memoryview(buffer).cast("B"))

    def prefetch(self, ranges: Iterable[ByteRange]) -> None:
        """Read ranges at once, neighbours together, so that reading them costs nothing more."""
        missing = [each for each in ranges if self._within(each.begin, each.size) is None]
        wanted = coalesced(missing, self.size if self._is_far else 0)
        for each, content in zip(wanted, self._fetch(wanted), strict=True):
            insort(self._pieces, (each.begin, content))

    def _within(self, begin: int, size: int) -> bytes | None:
        """Bytes that one kept piece has; None where none has all of them."""
        index = bisect_right(self._pieces, begin, key=lambda piece: piece[0]) - 1
        if index < 0:
            return None
        start, content = self._pieces[index]
        return content[begin - start : begin - start + size] if begin + size <= start + len(content) else None

    def _fill(self, view: memoryview) -> int:
        filled = 0
        wanted = min(len(view), max(0, self.size - self._place))
        while filled < wanted:
            piece = self._some(self._place, wanted - filled)
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._place += len(piece)
        return filled

    def _some(self, begin: int, wanted: int) -> bytes | memoryview:
        """Return at least one byte from ``begin``, unless the artifact is shorter than was recorded."""
        index = bisect_right(self._pieces, begin, key=lambda piece: piece[0]) - 1
        if index >= 0 and begin < self._pieces[index][0] + len(self._pieces[index][1]):
            start, content = self._pieces[index]
            return memoryview(content)[begin - start : begin - start + wanted]
        end = self._pieces[index + 1][0] if index + 1 < len(self._pieces) else self.size
        content = self._fetch([ByteRange(begin, min(self._stretch(begin, wanted), end - begin))])[0]
        if wanted < self._most:
            self._keep(begin, content)
        return memoryview(content)[:wanted]

    def _stretch(self, begin: int, wanted: int) -> int:
        """How much to read: more each time that reads follow each other."""
        self._next = min(2 * self._next, self._most) if begin == self._expected else _FIRST
        size = min(max(wanted, self._next), self._most)
        self._expected = begin + size
        return size

    def _keep(self, begin: int, content: bytes) -> None:
        self._kept += len(content)
        if self._kept > _KEPT:
            self._pieces.clear()
            self._kept = len(content)
        insort(self._pieces, (begin, content))

    def _fetch(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        found = self._store.read(self._key, ranges) if ranges else []
        note_ranges(sum(map(len, found)), len(found))
        for each, content in zip(ranges, found, strict=True):
            if len(content) < min(each.size, self.size - each.begin):
                self._refuse_short(each.end)
        return found

    def _refuse_short(self, end: int) -> None:
        self.damage = f"the file is cut short: it ends before byte {end}, and {self.size} were recorded; fetch it again"
        raise FormatError(self.damage)


class VerifiedFile(RangedFile):
    """An artifact read as a whole, once and forwards, whose digest is taken on the way; what is asked for again is read again.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    stored : StoredArtifact
        What was recorded of it.
    """

    def __init__(self, store: ArtifactStore, stored: StoredArtifact) -> None:
        super().__init__(store, stored.key, stored.size)
        self._stored = stored
        self._forward = Forward(store, stored.key, stored.size, digested=stored.xxh3 is not None)

    def release(self) -> None:
        """Close what it reads from; not by `close`, which readers call before all is read."""
        self._forward.close()

    def _fill(self, view: memoryview) -> int:
        wanted = min(len(view), max(0, self.size - self._place))
        before = max(0, min(wanted, self._forward.place - self._place))
        if wanted - before < _DIRECT:
            return super()._fill(view)
        filled = super()._fill(view[:before]) if before else 0
        count = self._take(self._place, view[filled:wanted])
        self._place += count
        return filled + count

    def _fetch(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        return [self._ahead(each) if each.begin >= self._forward.place else self._behind(each) for each in ranges]

    def _ahead(self, piece: ByteRange) -> bytes:
        content = bytearray(min(piece.size, max(0, self.size - piece.begin)))
        self._take(piece.begin, memoryview(content))
        return bytes(content)

    def _behind(self, piece: ByteRange) -> bytes:
        return super()._fetch([piece])[0]

    def _take(self, begin: int, view: memoryview) -> int:
        """Read on to a place, and what follows it into memory."""
        self._forward.skip(begin)
        filled = self._forward.readinto(view)
        if filled < len(view):
            self._refuse_short(begin + len(view))
        return filled

    def finish(self) -> None:
        """Read what was not read, and compare the digest; FileIntegrityError if it is not what was recorded."""
        self._forward.skip(self.size)
        if self._forward.place != self.size:
            raise FileIntegrityError(
                f"{self._key} has {self._forward.place} bytes where {self.size} were recorded; `bunter check --deep` looks for more damage"
            )
        if self._stored.xxh3 is not None and self._forward.digest != self._stored.xxh3:
            raise FileIntegrityError(
                f"{self._key} is damaged: its digest differs from the one recorded; `bunter check --deep` looks for more damage"
            )
