"""Artifacts that were fetched before they are read: a store of what is in memory for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.store import Stat
from bunter.errors import ButlerError, KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.datastore.store import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["Arrived"]


class Arrived:
    """Whole artifacts as they came from another store, not compared with anything yet.

    Parameters
    ----------
    store : ArtifactStore
        Where they are.
    keys : iterable of str
        Which ones. One that cannot be had is left out, so that who reads it asks the store again and hears why.
    """

    is_remote = False

    def __init__(self, store: ArtifactStore, keys: Iterable[str]) -> None:
        self._contents: dict[str, bytes] = {}
        for key in keys:
            try:
                self._contents[key] = store.read(key)[0]
            except ButlerError:
                continue

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return an artifact or ranges of it."""
        content = self.content(key)
        return [content] if ranges is None else [content[piece.begin : piece.end] for piece in ranges]

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

    def content(self, key: str) -> bytes:
        """Return an artifact; KeyMissingError if it has not arrived."""
        try:
            return self._contents[key]
        except KeyError:
            raise KeyMissingError(f"{key} has not arrived; the store where it is will say why") from None
