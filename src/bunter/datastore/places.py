"""Artifacts grouped by the stores that have them, so that each store is asked once for all."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from bunter.datastore.key import is_direct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore, Staged

__all__ = ["are_there", "by_store", "places_of"]

_STORE, _COPIES = attrgetter("datastore"), attrgetter("copies")


def by_store(staged: Sequence[Staged]) -> dict[str, list[Staged]]:
    """Group staged artifacts and their copies by the store that they are on their way into."""
    if len(staged) == 1 and not staged[0].copies:  # a single put asks three times
        return {staged[0].datastore: list(staged)}
    names = set(map(_STORE, staged))
    if len(names) == 1 and not any(map(_COPIES, staged)):
        return {names.pop(): list(staged)}
    groups: dict[str, list[Staged]] = {}
    for item in staged:
        for one in (*item.copies, item):
            groups.setdefault(one.datastore, []).append(one)
    return groups


def places_of(
    stored: Sequence[StoredArtifact], holders: Callable[[StoredArtifact], list[ArtifactStore]]
) -> list[ArtifactStore]:
    """Return for each artifact the first store that has it; the last asked where none has."""
    asked = _asked(stored, holders)
    answer = [stores[-1] for stores in asked]
    many = [index for index, stores in enumerate(asked) if len(stores) > 1]
    for index, store in _first_there(stored, asked, many).items():
        answer[index] = store
    return answer


def _asked(
    stored: Sequence[StoredArtifact], holders: Callable[[StoredArtifact], list[ArtifactStore]]
) -> list[list[ArtifactStore]]:
    """Return the stores that may have each artifact: the same for all of one store whose keys are below its root."""
    known: dict[tuple[str, bool], list[ArtifactStore]] = {}
    found = []
    for item in stored:
        place = item.datastore, is_direct(item.key)
        if place not in known:
            known[place] = holders(item)
        found.append(known[place])
    return found


def are_there(stored: Sequence[StoredArtifact], holders: Callable[[StoredArtifact], list[ArtifactStore]]) -> list[bool]:
    """Whether any store has each artifact."""
    asked = _asked(stored, holders)
    there = _first_there(stored, asked, range(len(stored)))
    return [index in there for index in range(len(stored))]


def _first_there(
    stored: Sequence[StoredArtifact], asked: Sequence[list[ArtifactStore]], wanted: Sequence[int]
) -> dict[int, ArtifactStore]:
    """Ask the first store of each artifact, then the second of those not found, and so on."""
    found: dict[int, ArtifactStore] = {}
    turn = 0
    while left := [index for index in wanted if index not in found and turn < len(asked[index])]:
        groups: dict[int, tuple[ArtifactStore, list[int]]] = {}
        for index in left:
            store = asked[index][turn]
            groups.setdefault(id(store), (store, []))[1].append(index)
        for store, indexes in groups.values():
            stats = store.stat_many([stored[index].key for index in indexes])
            found |= {index: store for index, stat in zip(indexes, stats, strict=True) if stat is not None}
        turn += 1
    return found
