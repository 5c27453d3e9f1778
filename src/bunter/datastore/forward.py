"""Artifacts from their first byte on: in pieces, or into the memory of who asks, with the digest taken on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import no_artifact
from bunter.datastore.store import gives_chunks, has_paths
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from bunter.datastore.store import ArtifactStore, LocalPaths

__all__ = ["Forward", "chunks_of", "in_ranges"]

_CHUNK = 8 << 20
_STEP = 1 << 20
"""Small enough that the digest finds in the processor's cache what was just read."""


def chunks_of(store: ArtifactStore, key: str, size: int) -> Iterator[bytes | memoryview]:
    """Return a whole artifact in pieces, so that little of it is in memory at a time.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    key : str
        Its key.
    size : int
        Its length as recorded, in bytes; negative if it is not known.

    Raises
    ------
    KeyMissingError
        If it is gone.
    """
    if has_paths(store):
        return _of_file(store, key)
    if gives_chunks(store):
        return store.chunks(key)
    return _at_once(store, key) if 0 <= size <= _CHUNK else in_ranges(store, key)


def _at_once(store: ArtifactStore, key: str) -> Iterator[bytes]:
    yield from store.read(key)


def _of_file(store: LocalPaths, key: str) -> Iterator[bytes]:
    try:
        yield from effects.read_chunks(store.path(key))
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise no_artifact(key) from exc


def in_ranges(store: ArtifactStore, key: str) -> Iterator[bytes]:
    """Yield a whole artifact in pieces of 8 MB, each a read of its own."""
    if (found := store.stat_many([key])[0]) is None:
        raise no_artifact(key)
    for begin in range(0, found.size, _CHUNK):
        yield store.read(key, [ByteRange(begin, min(_CHUNK, found.size - begin))])[0]


class Forward:
    """An artifact that is read once, forwards.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    key : str
        Its key.
    size : int
        Its length as recorded, in bytes.
    digested : bool
        Whether its digest is wanted.
    """

    def __init__(self, store: ArtifactStore, key: str, size: int, *, digested: bool = True) -> None:
        import xxhash

        self._store, self._key, self._size = store, key, size
        self._digest = xxhash.xxh3_128()
        self._digested = digested
        self._paths = store if has_paths(store) else None
        self._file: FileIO | None = None
        self._coming: Iterator[bytes | memoryview] | None = None
        self._rest = memoryview(b"")
        self.place = 0
        """How many bytes were read."""

    @property
    def digest(self) -> bytes:
        """XXH3-128 of what was read."""
        return bytes(self._digest.digest())

    def readinto(self, view: memoryview) -> int:
        """Fill memory with what comes next; return how many bytes there were, fewer only at the end."""
        filled = 0
        while filled < len(view):
            count = self._some(view[filled : filled + _STEP])
            if not count:
                break
            if self._digested:
                self._digest.update(view[filled : filled + count])
            filled += count
        self.place += filled
        return filled

    def skip(self, end: int) -> None:
        """Read on to a place, or the end."""
        step = memoryview(bytearray(min(_STEP, max(0, end - self.place))))
        while self.place < end and self.readinto(step[: end - self.place]):
            pass

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._coming = iter(())

    def _some(self, view: memoryview) -> int:
        if self._paths is not None:
            return self._from_file(self._paths, view)
        if not self._rest:
            self._coming = self._coming or chunks_of(self._store, self._key, self._size)
            self._rest = memoryview(next(self._coming, b""))
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _from_file(self, store: LocalPaths, view: memoryview) -> int:
        if self._file is None:
            try:
                self._file = effects.open_to_read(store.path(self._key))
            except (FileNotFoundError, NotADirectoryError) as exc:
                raise no_artifact(self._key) from exc
        return self._file.readinto(view)
