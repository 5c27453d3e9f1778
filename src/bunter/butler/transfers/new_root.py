"""The root of a repository that is being loaded: a folder, or a place in a storage service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bunter import effects
from bunter.butler.config import CONFIG_NAME
from bunter.butler.remote_root import check_empty, is_remote, remote_root
from bunter.datastore.bucket import Upload
from bunter.datastore.local_place import local_place
from bunter.datastore.services import open_bucket
from bunter.errors import KeyMissingError, RepositoryExistsError

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.datastore.store_address import StoreAddress

__all__ = ["FolderRoot", "NewRoot", "StoreRoot", "new_root"]


class NewRoot(Protocol):
    """Small files at the root of a new repository, each on stable storage when a call returns."""

    @property
    def place(self) -> Path | StoreAddress:
        """Where it is."""

    def refuse_unless_empty(self) -> None:
        """Raise RepositoryExistsError if there is anything."""

    def prepare(self) -> None:
        """Make it, if need be."""

    def read(self, name: str) -> bytes | None:
        """Return a file, None if it is not there."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in place of an earlier one; after a crash it may be there in part."""

    def publish(self, name: str, content: bytes) -> None:
        """Write a new file, which is there whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file."""


class FolderRoot:
    """A folder of this machine; see `NewRoot`.

    Parameters
    ----------
    place : Path
        The folder.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    def refuse_unless_empty(self) -> None:
        """See `NewRoot`."""
        if self.place.exists() and (not self.place.is_dir() or any(self.place.iterdir())):
            what = "is a repository already" if self.read(CONFIG_NAME) is not None else "is not empty"
            raise RepositoryExistsError(f"{self.place} {what}; choose a folder that is empty or does not exist")

    def prepare(self) -> None:
        """See `NewRoot`."""
        effects.mkdirs(self.place)

    def read(self, name: str) -> bytes | None:
        """See `NewRoot`."""
        return effects.read_bytes(self.place / name) if (self.place / name).is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """See `NewRoot`."""
        effects.unlink(self.place / name, missing_ok=True)
        effects.write_new(self.place / name, content, sync=True)
        effects.sync_dir(self.place)

    def publish(self, name: str, content: bytes) -> None:
        """See `NewRoot`."""
        part = f"{name}.part"
        self.write(part, content)
        effects.rename(self.place / part, self.place / name)
        effects.sync_dir(self.place)

    def remove(self, name: str) -> None:
        """See `NewRoot`."""
        effects.unlink(self.place / name)
        effects.sync_dir(self.place)


class StoreRoot:
    """A place in a storage service; see `NewRoot`.

    Parameters
    ----------
    place : StoreAddress
        Its address.
    """

    def __init__(self, place: StoreAddress) -> None:
        self.place = place
        self._bucket = open_bucket(place)

    def refuse_unless_empty(self) -> None:
        """See `NewRoot`."""
        check_empty(self.place)

    def prepare(self) -> None:
        """See `NewRoot`: services make folders as objects come."""

    def read(self, name: str) -> bytes | None:
        """See `NewRoot`."""
        try:
            return self._bucket.read(name)[0]
        except KeyMissingError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `NewRoot`."""
        self._bucket.write_many([Upload(name, content, len(content))])

    def publish(self, name: str, content: bytes) -> None:
        """See `NewRoot`: an object appears whole."""
        self.write(name, content)

    def remove(self, name: str) -> None:
        """See `NewRoot`."""
        for failure in self._bucket.delete_many([name]).values():
            raise failure


def new_root(text: str | Path) -> NewRoot:
    """Return the root that a user names, a path or the address of a store; ConfigurationError for any other address."""
    if isinstance(text, str) and is_remote(text) and not text.startswith("file:"):
        return StoreRoot(remote_root(text))
    return FolderRoot(local_place(text, "a repository that is loaded"))
