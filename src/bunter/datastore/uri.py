"""Where an artifact is, as a value that can be opened."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from msgspec.structs import replace

from bunter.datastore.bucket import Signs
from bunter.datastore.key import is_direct, no_artifact
from bunter.datastore.members import is_member, member_of
from bunter.datastore.store import has_paths
from bunter.errors import ConfigurationError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore

__all__ = ["ArtifactURI"]


class ArtifactURI:
    """Where an artifact is.

    Parameters
    ----------
    store : ArtifactStore
        Where its bytes are.
    stored : StoredArtifact
        What is recorded of it.
    """

    def __init__(self, store: ArtifactStore, stored: StoredArtifact) -> None:
        self._archive = str(ArtifactURI(store, replace(stored, selector=""))) if is_member(stored) else ""
        self._store, self.stored = member_of(store, stored) if is_member(stored) else (store, stored)

    @property
    def path(self) -> Path | None:
        """File of this machine that holds it; None where there is no such file."""
        if is_direct(self.stored.key):
            return Path(self.stored.key)
        return self._store.path(self.stored.key) if has_paths(self._store) else None

    @property
    def selector(self) -> str:
        """Member of the artifact that is the dataset; empty for all of it."""
        return self.stored.selector

    @property
    def size(self) -> int:
        """Recorded size of the whole artifact, in bytes."""
        return self.stored.size

    def exists(self) -> bool:
        """Whether the artifact is there now."""
        return self._store.stat_many([self.stored.key])[0] is not None

    def read(self) -> bytes:
        """Return the whole artifact."""
        return self._store.read(self.stored.key)[0]

    def read_range(self, begin: int, size: int) -> bytes:
        """Return ``size`` bytes from offset ``begin``; fewer at the end."""
        return self._store.read(self.stored.key, [ByteRange(begin, size)])[0]

    def sign(self, seconds: float = 900.0, method: str = "GET") -> str:
        """Return an address that opens the whole artifact without credentials, for a while.

        Parameters
        ----------
        seconds : float
            How long it holds.
        method : str
            What it allows: ``GET`` or ``PUT``.

        Raises
        ------
        ConfigurationError
            If the artifact is not in a store that gives out such addresses.
        """
        if not isinstance(self._store, Signs):
            raise ConfigurationError(
                f"{self} is not in a store that signs addresses, as S3 does; `open` or `read` it instead"
            )
        return self._store.sign(self.stored.key, seconds, method)

    def open(self) -> BinaryIO:
        """Open it for reading; close it, or use it as a context."""
        if (path := self.path) is None:
            return io.BytesIO(self.read())
        try:
            return path.open("rb")
        except FileNotFoundError as exc:
            raise no_artifact(path) from exc

    def __str__(self) -> str:
        if self._archive:
            inner = f"&{self.selector}" if self.selector else ""
            return f"{self._archive}#zip-path={quote(self.stored.key)}{inner}"
        place = self.path
        where = getattr(self._store, "address", None)
        remote = f"{where}/{self.stored.key}" if where else f"memory:{self.stored.key}"
        address = place.as_uri() if place is not None else remote
        return f"{address}#{self.selector}" if self.selector else address

    def __repr__(self) -> str:
        return f"ArtifactURI({str(self)!r})"
