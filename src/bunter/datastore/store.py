"""The seam to storage: bytes under keys, and the publication of new ones in steps that can be undone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path
    from typing import TypeGuard

    from bunter.database import Transaction
    from bunter.datastore.look import Look
    from bunter.values import ByteRange, Digests, Durability, Pieces

__all__ = [
    "MAIN",
    "ArtifactStore",
    "ConfirmingStore",
    "GivesChunks",
    "LinksFiles",
    "LocalPaths",
    "PublishingStore",
    "SetsAside",
    "Staged",
    "Stat",
    "Transfer",
    "gives_chunks",
    "has_paths",
]

MAIN = "main"
"""Name of the store that new artifacts go to, unless the configuration says otherwise."""


class Transfer(StrEnum):
    """How a file comes into a store."""

    AUTO = "auto"
    """In place if it lies inside the store; else a hard link, or a copy where links do not reach."""
    COPY = "copy"
    MOVE = "move"
    """A hard link, or a verified copy across file systems; the source goes after the commit."""
    LINK = "link"
    """A hard link, or a symbolic link where hard links do not reach."""
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    RELSYMLINK = "relsymlink"
    DIRECT = "direct"
    """The file stays where it is and is known by its absolute path; it is never removed."""
    IN_PLACE = "in-place"
    """The file already lies inside the store; it is never removed."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What a store knows of an artifact without reading it.

    Parameters
    ----------
    size : int
        Bytes.
    modified_ns : int
        Time of the last change, ns UTC since 1970.
    """

    size: int
    modified_ns: int


class Staged(Struct, frozen=True):
    """An artifact on its way into a store.

    Parameters
    ----------
    key : str
        Its final key; an absolute path where the file stays where it is.
    size : int
        Bytes.
    digests : Digests or None
        Of its content, where the content passed through our hands.
    owner : str
        Owner of the staging area that holds it; empty where there is nothing to publish.
    owned : bool
        Whether the artifact will be ours to remove.
    synced : bool
        Whether its content is on stable storage already.
    source : str
        File to remove after the commit, for a move; else empty.
    datastore : str
        Name of the store that it is on its way into.
    copies : tuple of Staged
        The same on its way into other stores, under the same key.
    origin : str
        Where nothing is staged: the file that gets the key as another name when it is published, or the text of the
        symbolic link that is made then.
    inode : int
        Of that file; 0 for a symbolic link.
    """

    key: str
    size: int
    digests: Digests | None
    owner: str
    owned: bool = True
    synced: bool = False
    source: str = ""
    datastore: str = MAIN
    copies: tuple[Staged, ...] = ()
    origin: str = ""
    inode: int = 0


class ArtifactStore(Protocol):
    """Artifacts under keys that are used once. No reader ever sees half an artifact."""

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the whole artifact as the only item, or the ranges in the order asked for; raise KeyMissingError."""

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each key, None where there is none, in the order asked for."""

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove the artifacts, a missing one is no error; return why some could not be removed."""

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every artifact whose key begins with ``prefix``, without those being staged; in no promised order."""


@runtime_checkable
class PublishingStore(ArtifactStore, Protocol):
    """A store that takes new artifacts in steps: own, stage, publish, (the caller commits), settle.

    Until `publish`, nothing is visible under a key. Until `settle`, what an owner published is known to be its own, and
    `recover` undoes it if the owner died and the caller's commit did not happen. `discard` undoes at any time before.
    """

    def own(self) -> str:
        """Return a new owner of staged artifacts; it lives until `disown` or until this process ends."""

    def disown(self, owner: str) -> None:
        """End an owner; what it has staged and not settled is left for `recover`."""

    def stage(
        self,
        owner: str,
        key: str,
        source: bytes | Pieces | str | Path,
        *,
        transfer: Transfer = Transfer.COPY,
        sync: bool = True,
    ) -> Staged:
        """Bring content, or that of a file, near its key, on stable storage if ``sync``; TemplateError for a key that leaves the store."""

    def read_staged(self, item: Staged) -> bytes:
        """Return the content of a staged artifact to its owner, before or after `publish`."""

    def publish(self, staged: Sequence[Staged], durability: Durability) -> None:
        """Make all visible under their keys; on KeyTakenError or any other error none of them is."""

    def settle(self, staged: Sequence[Staged]) -> None:
        """Forget that they were staged, and remove the sources of moves: the caller has committed."""

    def discard(self, staged: Sequence[Staged]) -> None:
        """Take them back, published or not; never touches an artifact that they did not create."""

    def staged(self) -> Iterator[tuple[str, bool]]:
        """Keys that are staged or published and not settled, and whether their owner lives."""

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what dead owners left; ``is_registered`` tells which keys are committed. Return how many keys."""


@runtime_checkable
class StagesFiles(Protocol):
    """A store that stages many files at once faster than one by one."""

    def stage_files(self, owner: str, files: Sequence[tuple[str, str]], transfer: Transfer) -> list[Staged] | None:
        """Stage files, given by key and path, all or none; None where it has no better way than one by one."""


@runtime_checkable
class LinksFiles(Protocol):
    """A store that gives many files their names when they are published, without staging each."""

    def link_files(
        self,
        owner: str,
        keys: Sequence[str],
        paths: Sequence[str],
        looks: Sequence[Look],
        transfer: Transfer,
    ) -> list[Staged] | None:
        """Stage files, of which ``looks`` were just seen, all or none; None where each has to be staged by itself."""


@runtime_checkable
class ConfirmingStore(Protocol):
    """A store that is told of the commit inside its transaction; who was taken for dead meanwhile is refused there."""

    def confirm(self, transaction: Transaction, staged: Sequence[Staged]) -> None:
        """Take the intents of published artifacts out, in the transaction that registers them."""


@runtime_checkable
class SetsAside(Protocol):
    """A store that is no folder, and takes objects out of the way itself."""

    def set_aside(self, keys: Sequence[str]) -> None:
        """Rename artifacts to names below ``.orphans``, which are no keys."""


@runtime_checkable
class LocalPaths(Protocol):
    """A store whose artifacts are files of this machine."""

    def path(self, key: str) -> Path:
        """Return where the artifact is, whether it exists or not."""


class GivesChunks(Protocol):
    """A store that gives out an artifact in pieces, from one request."""

    def chunks(self, key: str) -> Iterator[bytes | memoryview]:
        """Yield the whole artifact in pieces; raise KeyMissingError."""


def has_paths(store: Any) -> TypeGuard[LocalPaths]:
    """Whether a store has its artifacts as files of this machine; asked of a protocol, this would take ten times as long."""
    kind: Any = type(store)
    return _can(kind, "path")


def gives_chunks(store: Any) -> TypeGuard[GivesChunks]:
    """Whether a store gives out artifacts in pieces."""
    kind: Any = type(store)
    return _can(kind, "chunks")


@functools.cache
def _can(kind: type, method: str) -> bool:
    return callable(getattr(kind, method, None))
