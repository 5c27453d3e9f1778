"""The seam to a storage service: whole objects under names, in bulk, with no publication protocol of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bunter.datastore.store import Stat
    from bunter.values import ByteRange, Pieces

__all__ = ["Bucket", "Copies", "CopiesAcross", "CopyOf", "PiecewiseUpload", "Signs", "Streams", "Upload"]


@dataclass(frozen=True, slots=True)
class Upload:
    """An object to be written.

    Parameters
    ----------
    key : str
        Its name, relative to the address of the bucket.
    content : bytes or Path
        What it holds, or a file of this machine that holds it.
    size : int
        Bytes.
    """

    key: str
    content: bytes | Path
    size: int


@dataclass(frozen=True, slots=True)
class PiecewiseUpload:
    """An object to be written whose content is made while it is sent; see `Upload`."""

    key: str
    content: Pieces
    size: int


class Bucket(Protocol):
    """Objects of a storage service below one address. An object appears whole or not at all.

    Every method raises StoreDeniedError without the rights, and StoreUnavailableError if the service fails for longer than
    the retries last.
    """

    address: str
    """Such as ``s3://bucket/prefix``, without a final slash and without credentials."""

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the whole object as the only item, or the ranges in the order asked for; raise KeyMissingError."""

    def read_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return whole objects, in the order asked for; raise KeyMissingError if one is not there."""

    def write_many(self, uploads: Sequence[Upload]) -> None:
        """Write objects, several at a time; on an error some may have been written."""

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each object, None where there is none, in the order asked for."""

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove objects, a missing one is no error; return why some could not be removed."""

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every object whose name begins with ``prefix``, in no promised order."""


@runtime_checkable
class Signs(Protocol):
    """A store that gives out addresses which open one object, for a while, without credentials."""

    def sign(self, key: str, seconds: float, method: str = "GET") -> str:
        """Return an address that allows ``method`` on one object for so long."""


@runtime_checkable
class Copies(Protocol):
    """A service that renames an object without its bytes passing through this machine."""

    def rename(self, key: str, target: str) -> None:
        """Give an object another name."""


@dataclass(frozen=True, slots=True)
class CopyOf:
    """An object of another bucket that a service is to copy.

    Parameters
    ----------
    bucket : Bucket
        Where it is.
    key : str
        Its name there.
    """

    bucket: Bucket
    key: str


@runtime_checkable
class Streams(Protocol):
    """A service that takes objects as they are made, and gives them out as they come."""

    def write_each(self, count: int, make: Callable[[int], Upload | PiecewiseUpload], *, is_large: bool) -> None:
        """Send so many objects, several at a time; on an error some may have been sent.

        ``make`` gives each by its number when its turn has come; small ones are made in several threads.
        """

    def chunks(self, key: str) -> Iterator[bytes | memoryview]:
        """Yield an object in pieces of about a megabyte, from one request."""


@runtime_checkable
class CopiesAcross(Protocol):
    """A service that copies objects from some other buckets without their bytes passing through this machine."""

    def reaches(self, other: object, size: int) -> bool:
        """Whether objects of so many bytes of the other bucket can be copied."""

    def copy_many(self, copies: Sequence[tuple[CopyOf, str]]) -> None:
        """Copy objects to names of this bucket, several at a time; on an error some may have been copied."""
