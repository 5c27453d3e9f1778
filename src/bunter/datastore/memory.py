"""Artifacts in this process's memory, with the same steps of publication as on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import check_key
from bunter.datastore.process_staging import ProcessStaging
from bunter.datastore.store import Stat
from bunter.errors import KeyMissingError, KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore.process_staging import Waiting
    from bunter.datastore.store import ArtifactStore, Staged
    from bunter.values import ByteRange, Digests, Durability

__all__ = ["MemoryStore"]


class MemoryStore(ProcessStaging):
    """Artifacts in memory; they end with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._artifacts: dict[str, tuple[bytes, int]] = {}

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

    def stage_copy(
        self, owner: str, key: str, source: ArtifactStore, source_key: str, *, size: int, digests: Digests | None
    ) -> Staged | None:
        """Take the content of another store in memory; see `CopiesWithin`."""
        del size, digests  # those of what is really there
        return self.stage(owner, key, source.read(source_key)[0]) if isinstance(source, MemoryStore) else None

    def publish(self, staged: Sequence[Staged], durability: Durability) -> None:  # noqa: ARG002 - memory is never durable
        """Show all of them at once."""
        ours = [item for item in staged if item.owner]
        with self._lock:
            if taken := [item.key for item in ours if item.key in self._artifacts]:
                raise KeyTakenError(f"artifact key {taken[0]!r} is taken; publish under a new nonce")
            for item in ours:
                waiting = self._waiting[item.owner, item.key]
                self._artifacts[item.key] = waiting.content, effects.now_ns()
                waiting.is_published = True

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
                waiting = self._forget(item)
                if waiting is not None and waiting.is_published:
                    self._artifacts.pop(item.key, None)

    def _forget(self, item: Staged) -> Waiting | None:
        with self._lock:
            return self._waiting.pop((item.owner, item.key), None)
