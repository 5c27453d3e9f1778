"""Artifacts on their way into a repository, lot by lot, so that those of a million files need not be in memory together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bunter.datastore import Staged

__all__ = ["StagedLots"]


class StagedLots:
    """Lots of staged artifacts, the same whenever they are gone through.

    Parameters
    ----------
    *sources : callable
        Each gives some lots, and the same again at the next call.
    """

    def __init__(self, *sources: Callable[[], Iterable[Sequence[Staged]]]) -> None:
        self._sources = sources

    @classmethod
    def of(cls, staged: Sequence[Staged] | StagedLots) -> StagedLots:
        """Return staged artifacts as lots; a plain sequence is one."""
        if isinstance(staged, StagedLots):
            return staged
        return cls(lambda: [staged] if staged else [])

    def __iter__(self) -> Iterator[Sequence[Staged]]:
        for source in self._sources:
            yield from source()

    def __add__(self, other: StagedLots) -> StagedLots:
        return StagedLots(*self._sources, *other._sources)
