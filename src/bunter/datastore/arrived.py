"""Artifacts that were fetched and compared before they are read: a store of what is in memory for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.forward import chunks_of
from bunter.datastore.reading import verified
from bunter.datastore.store import Stat
from bunter.errors import ButlerError, KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["Arrived"]


class Arrived:
    """Whole artifacts as they came from another store, each found to be what was recorded.

    Parameters
    ----------
    store : ArtifactStore
        Where they are.
    stored : iterable of StoredArtifact
        Which ones. One that cannot be had, or is damaged, is left out, so that who reads it asks the store again and hears why.
    """

    is_remote = False

    def __init__(self, store: ArtifactStore, stored: Iterable[StoredArtifact]) -> None:
        self._contents: dict[str, bytes | memoryview] = {}
        for item in stored:
            try:
                # Compared by the thread that has it in the processor's cache: later, by another one, takes ten times as long.
                self._contents[item.key] = verified(item, _whole(store, item))
            except ButlerError:
                continue

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return an artifact or ranges of it."""
        content = self.content(key)
        return [bytes(content)] if ranges is None else [bytes(content[piece.begin : piece.end]) for piece in ranges]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Return sizes; times are not known."""
        return [Stat(len(self._contents[key]), 0) if key in self._contents else None for key in keys]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Forget them here."""
        for key in keys:
            self._contents.pop(key, None)
        return {}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Yield what is here."""
        return ((key, Stat(len(held), 0)) for key, held in self._contents.items() if key.startswith(prefix))

    def has(self, stored: Iterable[StoredArtifact]) -> bool:
        """Whether all of them have arrived."""
        return all(item.key in self._contents for item in stored)

    def content(self, key: str) -> bytes | memoryview:
        """Return an artifact in the memory that it came in; KeyMissingError if it has not arrived."""
        try:
            return self._contents[key]
        except KeyError:
            raise KeyMissingError(f"{key} has not arrived; the store where it is will say why") from None


def _whole(store: ArtifactStore, item: StoredArtifact) -> bytes | memoryview:
    pieces = list(chunks_of(store, item.key, item.size))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
