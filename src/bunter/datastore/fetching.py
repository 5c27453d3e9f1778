"""Reading of artifacts that may be far away: by way of the cache, or not at all where nothing may be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.cache import ArtifactCache, CachedFile
from bunter.datastore.memory import MemoryStore
from bunter.datastore.reading import read_artifact
from bunter.datastore.store import LocalPaths
from bunter.errors import FileIntegrityError, KeyMissingError, NotLocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.format import ReadRequest
    from bunter.datastore.store import ArtifactStore, Stat
    from bunter.values import ByteRange

__all__ = ["Fetching", "OfflineStore", "is_remote"]


def is_remote(store: ArtifactStore) -> bool:
    """Whether the artifacts of a store have to come from elsewhere; a store may say so by ``is_remote``."""
    told: bool = getattr(store, "is_remote", not isinstance(store, LocalPaths | MemoryStore | OfflineStore))
    return told


class OfflineStore:
    """A remote store of which nothing is asked.

    Parameters
    ----------
    store : ArtifactStore
        The store, for messages.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self.address: str = getattr(store, "address", "")

    def __repr__(self) -> str:
        return f"OfflineStore({self._store!r})"

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:  # noqa: ARG002 - nothing is read
        """Refuse."""
        raise NotLocalError(
            f"{key} is in {self.address or 'a remote store'} and not on this machine, and nothing is fetched as long as datastore.offline is set; "
            "read it once without, with a cache, or unset BUNTER_CONFIG__DATASTORE__OFFLINE"
        )

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Know of nothing, as what is there cannot be seen from here."""
        return [None] * len(keys)

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Refuse."""
        return {key: NotLocalError(f"{key} is not on this machine, and datastore.offline is set") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:  # noqa: ARG002 - nothing is listed
        """Nothing."""
        return iter(())


class Fetching:
    """Reads artifacts from the nearest place that has them.

    Parameters
    ----------
    config : DatastoreConfig or None
        Says whether there is a cache, and whether anything may be fetched.
    """

    def __init__(self, config: DatastoreConfig | None) -> None:
        self.cache = ArtifactCache(config.cache) if config is not None and config.cache.root is not None else None
        self.offline = config is not None and config.offline
        self._closed: dict[int, OfflineStore] = {}

    def close(self) -> None:
        """Give up what this process holds of the cache."""
        if self.cache is not None:
            self.cache.close()

    def seen(self, store: ArtifactStore) -> ArtifactStore:
        """Return a store as it may be used: one that is remote is not asked where nothing may be fetched."""
        if not self.offline or not is_remote(store):
            return store
        return self._closed.setdefault(id(store), OfflineStore(store))

    def or_cached(self, stored: Sequence[StoredArtifact], there: list[bool]) -> list[bool]:
        """Count as there also what the cache has, where nothing may be fetched."""
        if not self.offline or self.cache is None:
            return there
        return [found or self.cache.find(item) is not None for found, item in zip(there, stored, strict=True)]

    def read(
        self, stores: Sequence[ArtifactStore], stored: StoredArtifact, request: ReadRequest, *, keeps: bool = True
    ) -> object:
        """Read what is requested from the first store that has the artifact as it was recorded; the cache keeps it if it may.

        Raises
        ------
        NotLocalError
            If nothing may be fetched and it is not here.
        FileIntegrityError, KeyMissingError
            What the first store has to say, if no other has it.
        """
        trouble: Exception | None = None
        for store in stores:
            try:
                return self._read(store, stored, request, keeps=keeps)
            except (KeyMissingError, FileIntegrityError, NotLocalError) as exc:
                trouble = trouble or exc
        assert trouble is not None, "there is a store for each artifact"
        raise trouble

    def _read(self, store: ArtifactStore, stored: StoredArtifact, request: ReadRequest, *, keeps: bool) -> object:
        if self.cache is None or not keeps or not is_remote(store):
            return read_artifact(self.seen(store), stored, request)
        try:
            if (copy := self._copy(self.cache, store, stored, request)) is not None:
                return read_artifact(copy, stored, request)
        except OSError as exc:  # it had to make room for others, or the cache has a trouble of its own
            if isinstance(exc, FileIntegrityError):
                self.cache.forget(stored)
        return read_artifact(self.seen(store), stored, request)

    def _copy(
        self, cache: ArtifactCache, store: ArtifactStore, stored: StoredArtifact, request: ReadRequest
    ) -> CachedFile | None:
        """Return the cache's copy; a part is not worth fetching the whole for."""
        if request.is_partial or self.offline:
            return cache.find(stored)
        return cache.fetch(store, stored)
