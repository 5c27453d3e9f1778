"""Artifacts in this process's memory, with the same steps of publication as on disk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import check_key
from bunter.datastore.process_owners import ProcessOwners
from bunter.datastore.store import Staged, Stat, Transfer
from bunter.errors import KeyMissingError, KeyTakenError
from bunter.values import Digests, Durability, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange, Pieces

__all__ = ["MemoryStore"]


class MemoryStore(ProcessOwners):
    """Artifacts in memory; they end with the process. Files come in as copies, whatever transfer is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._artifacts: dict[str, tuple[bytes, int]] = {}
        self._staged: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._published: set[tuple[str, str]] = set()
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[MemoryStore], tuple[()]]:
        return MemoryStore, ()  # the memory of another process

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._artifacts)} artifacts)"

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the artifact or ranges of it."""
        try:
            content, _ = self._artifacts[check_key(key)]
        except KeyError as exc:
            raise KeyMissingError(
                f"no artifact {key!r} in the memory of this process; what another one kept there ended with it"
            ) from exc
        if ranges is None:
            return [content]
        return [content[piece.begin : piece.begin + piece.size] for piece in ranges]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of publication of each artifact."""
        found = [self._artifacts.get(check_key(key)) for key in keys]
        return [None if item is None else Stat(len(item[0]), item[1]) for item in found]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Forget the artifacts; never fails."""
        with self._lock:
            for key in keys:
                self._artifacts.pop(check_key(key), None)
        return {}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every artifact of a moment."""
        with self._lock:
            found = [(key, Stat(len(item[0]), item[1])) for key, item in self._artifacts.items()]
        return (pair for pair in found if pair[0].startswith(prefix))

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
        origin = str(source) if is_file and transfer is Transfer.MOVE else ""
        digests: Digests = digest(content)
        with self._lock:
            if (owner, check_key(key)) in self._staged:
                raise KeyTakenError(f"artifact key {key!r} is already being staged; draw a new nonce")
            self._staged[owner, key] = content, origin
        return Staged(key, len(content), digests, owner, synced=sync, source=origin)

    def stage_copy(
        self, owner: str, key: str, source: ArtifactStore, source_key: str, *, size: int, digests: Digests | None
    ) -> Staged | None:
        """Take the content of another store in memory; see `CopiesWithin`."""
        del size, digests  # those of what is really there
        return self.stage(owner, key, source.read(source_key)[0]) if isinstance(source, MemoryStore) else None

    def read_staged(self, item: Staged) -> bytes:
        """Return the content."""
        return self._staged[item.owner, item.key][0]

    def publish(self, staged: Sequence[Staged], durability: Durability) -> None:  # noqa: ARG002 - memory is never durable
        """Show all of them at once."""
        ours = [item for item in staged if item.owner]
        with self._lock:
            if taken := [item.key for item in ours if item.key in self._artifacts]:
                raise KeyTakenError(f"artifact key {taken[0]!r} is taken; publish under a new nonce")
            for item in ours:
                content, _ = self._staged[item.owner, item.key]
                self._artifacts[item.key] = content, effects.now_ns()
                self._published.add((item.owner, item.key))

    def settle(self, staged: Sequence[Staged]) -> None:
        """Remove sources of moves and forget the staging."""
        for item in staged:
            if item.source:
                effects.unlink(item.source, missing_ok=True)
            self._forget(item)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Take back what these published, and forget the staging."""
        with self._lock:
            for item in staged:
                if (item.owner, item.key) in self._published:
                    self._artifacts.pop(item.key, None)
                self._forget(item)

    def _forget(self, item: Staged) -> None:
        with self._lock:
            self._published.discard((item.owner, item.key))
            self._staged.pop((item.owner, item.key), None)

    def staged(self) -> Iterator[tuple[str, bool]]:
        """Keys that are not settled, and whether their owner lives."""
        with self._lock:
            return iter([(key, owner in self._owners) for owner, key in self._staged])

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what ended owners left."""
        with self._lock:
            left = [place for place in self._staged if place[0] not in self._owners]
            committed = is_registered([key for _, key in left]) if left else ()
            for owner, key in left:
                item = Staged(key, 0, None, owner, source=self._staged[owner, key][1])
                self._finish(item, committed=key in committed)
        return len(left)

    def _finish(self, item: Staged, *, committed: bool) -> None:
        if committed:
            self.settle([item])
        else:
            self.discard([item])
