"""A store that stands for one far away: in memory, counting what is asked of it, failing when told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore import MemoryStore
from bunter.errors import KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.values import ByteRange

__all__ = ["DistantStore"]


class DistantStore(MemoryStore):
    """A memory store that counts as remote.

    Attributes
    ----------
    requests : int
        How often something was read.
    bytes_read : int
        How much.
    is_gone : bool
        Whether it answers as if it had nothing.
    """

    is_remote = True

    def __init__(self) -> None:
        super().__init__()
        self.requests = self.bytes_read = 0
        self.is_gone = False

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the artifact or ranges of it, and count."""
        if self.is_gone:
            raise KeyMissingError(f"{key} is gone")
        found = super().read(key, ranges)
        self.requests += 1
        self.bytes_read += sum(map(len, found))
        return found
