"""A folder of this machine with copies of artifacts that are far away, shared by all processes that read them."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.cache_entries import Entry, Totals, surplus, totals
from bunter.datastore.forward import chunks_of
from bunter.datastore.lease import OwnerLease, dead_owners
from bunter.datastore.store import Stat
from bunter.errors import ButlerError, FileIntegrityError, KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.config import CacheConfig
    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["ArtifactCache", "CachedFile"]

_log = logging.getLogger(__name__)
_PIECE = 8 << 20
_PAUSE_S = 60.0
"""For so long nothing is added to a cache that could not be written: each attempt reads the beginning of an artifact twice."""

_OFTEN = 64
"""After so many new files, those of other processes are counted as well."""


class CachedFile:
    """The read side of a store with one artifact: a file of the cache.

    Parameters
    ----------
    place : Path
        The file; others may remove it at any moment.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def path(self, key: str) -> Path:  # noqa: ARG002 - there is one artifact only
        """Return the file."""
        return self._place

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the whole file or ranges of it; KeyMissingError if it left the cache meanwhile."""
        try:
            if ranges is None:
                return [effects.read_bytes(self._place)]
            return [effects.read_range(self._place, piece.begin, piece.size) for piece in ranges]
        except FileNotFoundError as exc:
            raise KeyMissingError(f"{key} has left the cache") from exc

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of the file."""
        found = effects.stat(self._place)
        return [None if found is None else Stat(found.st_size, found.st_mtime_ns) for _ in keys]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove nothing: the cache removes what it does not need."""
        return {key: PermissionError(f"{key} is not removed by way of the cache") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:  # noqa: ARG002 - part of the protocol
        """Nothing."""
        return iter(())


class ArtifactCache:
    """Copies of artifacts, found by the digest that was recorded for them.

    A file appears under its name when it is whole and its digest is right. Whatever happens to the process that fetches
    it, nobody sees less; what it leaves is removed by others. May be used by many processes and threads at once.

    Parameters
    ----------
    config : CacheConfig
        Folder and limits.
    """

    def __init__(self, config: CacheConfig) -> None:
        if config.root is None:
            raise ValueError("a cache needs a folder")
        self.config = config
        self.root = Path(os.path.abspath(Path(config.root).expanduser()))  # the user's spelling
        self._files, self._stage = f"{self.root}/files", f"{self.root}/stage"
        self._lease: OwnerLease | None = None
        self._lock = threading.Lock()
        self._number = 0
        self._known: Totals | None = None
        self._since = 0
        self._trusted: set[str] = set()
        self._closed_until_s = 0.0
        self._is_told = False

    def __repr__(self) -> str:
        return f"ArtifactCache({str(self.root)!r})"

    # ------------------------------------------------------------------ reading

    def find(self, stored: StoredArtifact) -> CachedFile | None:
        """Return the copy of an artifact, None if there is none; one whose content is not what was recorded goes."""
        if stored.xxh3 is None:
            return None
        folder, name = _place(stored)
        for found in effects.listdir(f"{self._files}/{folder}"):
            if found.startswith(f"{name}."):
                path = f"{self._files}/{folder}/{found}"
                if self._is_whole(path, stored):
                    return CachedFile(Path(path))
                effects.unlink(path, missing_ok=True)
        return None

    def _is_whole(self, path: str, stored: StoredArtifact) -> bool:
        """See that a file is what it should be, once in this process: a power cut may have left less."""
        try:
            self._use(path)
            if path not in self._trusted:
                for _ in _verified(effects.read_chunks(path, _PIECE), stored):
                    pass
                self._trusted.add(path)
        except (FileNotFoundError, FileIntegrityError):
            return False
        return True

    @staticmethod
    def _use(path: str) -> None:
        """Say that a copy was used; FileNotFoundError if there is none."""
        try:
            effects.touch(path)
        except FileNotFoundError:
            raise
        except OSError:  # a file system that is only read, or another user's file: the copy is good all the same
            return

    def forget(self, stored: StoredArtifact) -> None:
        """Remove the copy of an artifact."""
        folder, name = _place(stored)
        for found in effects.listdir(f"{self._files}/{folder}"):
            if found.startswith(f"{name}."):
                effects.unlink(f"{self._files}/{folder}/{found}", missing_ok=True)
                self._trusted.discard(f"{self._files}/{folder}/{found}")

    def fetch(self, store: ArtifactStore, stored: StoredArtifact) -> CachedFile | None:
        """Return the copy of an artifact, made first if there is none; None if it cannot be cached.

        Raises
        ------
        FileIntegrityError
            If the store gives something else than was recorded.
        KeyMissingError
            If the store has it not.
        """
        if (found := self.find(stored)) is not None:
            return found
        if not self._is_worth_it(stored) or effects.monotonic() < self._closed_until_s:
            return None
        folder, name = _place(stored)
        final = f"{self._files}/{folder}/{name}.{stored.dataset_id.hex()}"
        try:
            staging = self._staging_name()
            effects.mkdirs(f"{self._files}/{folder}")
        except OSError as exc:  # a cache that cannot be written is no reason not to read
            self._pause(exc)
            return None
        try:
            effects.write_new(staging, _verified(chunks_of(store, stored.key, stored.size), stored), sync=False)
            effects.rename(staging, final)
        except (KeyMissingError, FileIntegrityError):
            raise
        except OSError as exc:
            if effects.stat(staging) is not None:
                effects.unlink(staging, missing_ok=True)
            self._pause(exc)
            return None
        self._trusted.add(final)
        try:
            self._grew(stored)
        except OSError as exc:
            self._pause(exc)
        return CachedFile(Path(final))

    def _pause(self, exc: OSError) -> None:
        """Add nothing for a while, and say so once; what the store itself says, the reader hears from it."""
        if isinstance(exc, ButlerError):
            return
        with self._lock:
            was_told, self._is_told = self._is_told, True
            self._closed_until_s = effects.monotonic() + _PAUSE_S
        if not was_told:
            _log.warning(
                "the cache in %s cannot be written (%s), so artifacts are read from where they are; make room there, or give the "
                "cache another folder or a limit (datastore.cache)",
                self.root,
                exc.strerror or exc,
            )

    def _is_worth_it(self, stored: StoredArtifact) -> bool:
        limits = self.config
        if stored.xxh3 is None or stored.size < 0 or 0 in {limits.max_files, limits.max_datasets}:
            return False
        return limits.max_bytes is None or stored.size <= limits.max_bytes

    def _staging_name(self) -> str:
        with self._lock:
            if self._lease is None or self._lease.process != os.getpid():
                self._lease = OwnerLease(self._stage)
            self._number += 1
            area = f"{self._stage}/{self._lease.owner}"
            effects.mkdirs(area)
            return f"{area}/{self._number}"

    def close(self) -> None:
        """Give up what this process fetches; it can be used again."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None and lease.process == os.getpid():
            effects.rmdir(f"{self._stage}/{lease.owner}")
            lease.end()

    # ------------------------------------------------------------------ keeping

    def _grew(self, stored: StoredArtifact) -> None:
        """Count one more file, and look at all of them if that may be too much."""
        with self._lock:
            known, self._since = self._known, self._since + 1
            if known is not None:
                known = self._known = Totals(known.size + stored.size, known.files + 1, known.datasets + 1)
            is_bounded = any(limit is not None for limit in self.config.model_dump(exclude={"root"}).values())
        if is_bounded and (known is None or known.exceed(self.config) or self._since >= _OFTEN):
            self.trim()

    def trim(self) -> list[Entry]:
        """Remove what is too much or too old, and what dead processes left; return what went.

        Where another process is doing so, nothing is done.
        """
        effects.mkdirs(self.root)
        lock = effects.flock(f"{self.root}/lock", blocking=False)
        if lock is None:
            return []
        with lock:
            self._sweep()
            entries = self.entries()
            going = surplus(entries, self.config, effects.now_ns())
            self._remove(going)
            gone = set(going)
            left = totals(entry for entry in entries if entry not in gone)
        with self._lock:
            self._known, self._since = left, 0
        return going

    def clear(self) -> list[Entry]:
        """Remove all copies; return what went."""
        going = self.entries()
        self._remove(going)
        self._sweep()
        with self._lock:
            self._known = None
        return going

    def _remove(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            effects.unlink(f"{self._files}/{entry.name}", missing_ok=True)
            self._trusted.discard(f"{self._files}/{entry.name}")

    def _sweep(self) -> None:
        if effects.stat(self._stage) is None:
            return
        for owner in dead_owners(self._stage):
            for name, _ in effects.walk(f"{self._stage}/{owner}"):
                effects.unlink(f"{self._stage}/{owner}/{name}", missing_ok=True)
            effects.rmdir(f"{self._stage}/{owner}")

    def entries(self) -> list[Entry]:
        """Return every copy that there is, in no promised order."""
        if effects.stat(self._files) is None:
            return []
        return [Entry(name, found.st_size, found.st_mtime_ns) for name, found in effects.walk(self._files)]


def _place(stored: StoredArtifact) -> tuple[str, str]:
    """Folder and beginning of the name of an artifact's copy."""
    assert stored.xxh3 is not None, "what has no digest is not cached"
    digest = stored.xxh3.hex()
    return digest[:2], f"{digest}-{stored.size}"


def _verified(pieces: Iterator[bytes | memoryview], stored: StoredArtifact) -> Iterator[bytes | memoryview]:
    """Pass pieces on; FileIntegrityError at the end if they are not what was recorded."""
    import xxhash

    digest, size = xxhash.xxh3_128(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        yield piece
    if size != stored.size or digest.digest() != stored.xxh3:
        raise FileIntegrityError(
            f"{stored.key} is damaged: its digest differs from the one recorded; `bunter check --deep` looks for more damage"
        )
