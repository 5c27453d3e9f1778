"""Content that waits in the memory of this process until it is published and registered."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import check_key
from bunter.datastore.process_owners import ProcessOwners
from bunter.datastore.store import Staged, Transfer
from bunter.errors import KeyTakenError
from bunter.values import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from bunter.values import Pieces

__all__ = ["ProcessStaging", "Waiting"]


@dataclass(slots=True)
class Waiting:
    """Content that is on its way in, and the file that goes when it has come."""

    content: bytes
    source: str
    is_published: bool = False
    is_written: bool = False


class ProcessStaging(ProcessOwners):
    """The staging of stores that are no folders. Files come in as copies, whatever transfer is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[tuple[str, str], Waiting] = {}
        self._lock = threading.RLock()

    @abstractmethod
    def settle(self, staged: Sequence[Staged]) -> None:
        """Finish what is committed."""

    @abstractmethod
    def discard(self, staged: Sequence[Staged]) -> None:
        """Undo what is not."""

    def stage(
        self,
        owner: str,
        key: str,
        source: bytes | Pieces | str | Path,
        *,
        transfer: Transfer = Transfer.COPY,
        sync: bool = True,
    ) -> Staged:
        """Take the content in."""
        is_file = isinstance(source, str | Path)
        content = effects.read_bytes(source) if isinstance(source, str | Path) else bytes(source)
        self._admit(key, len(content))
        origin = str(source) if is_file and transfer is Transfer.MOVE else ""
        with self._lock:
            if (owner, check_key(key)) in self._waiting:
                raise KeyTakenError(f"artifact key {key!r} is already being staged; draw a new nonce")
            self._waiting[owner, key] = Waiting(content, origin)
        return Staged(key, len(content), digest(content), owner, synced=sync, source=origin)

    def _admit(self, key: str, size: int) -> None:
        """Refuse what is too large for the store."""

    def read_staged(self, item: Staged) -> bytes:
        """Return the content."""
        return self._waiting[item.owner, item.key].content

    def staged(self) -> Iterator[tuple[str, bool]]:
        """Keys that are not settled, and whether their owner lives."""
        with self._lock:
            return iter([(key, owner in self._owners) for owner, key in self._waiting])

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what ended owners of this process left; what other processes staged ended with them."""
        with self._lock:
            left = [(place, each.source) for place, each in self._waiting.items() if place[0] not in self._owners]
        committed = is_registered([key for (_, key), _ in left]) if left else ()
        for (owner, key), source in left:
            items = [Staged(key, 0, None, owner, source=source)]
            (self.settle if key in committed else self.discard)(items)
        return len(left)
