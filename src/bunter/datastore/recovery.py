"""What dead owners left in their staging areas: finished where it was committed, undone where it was not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.lease import LOCK_SUFFIX, dead_owners, is_alive
from bunter.datastore.links import LINKS, take_links_back
from bunter.datastore.moves import MOVES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["is_same_file", "recover", "staged_keys"]


def recover(stage_root: str, prefix: str, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
    """Clean the staging areas of dead owners.

    Parameters
    ----------
    stage_root : str
        Directory of all staging areas.
    prefix : str
        What stands before a key in the path of its artifact.
    is_registered : callable
        Tells which of some keys are committed.

    Returns
    -------
    int
        Number of staged artifacts found.
    """
    found = 0
    for owner in dead_owners(stage_root):
        area = f"{stage_root}/{owner}"
        names = [name for name, _ in effects.walk(area)]
        keys = [name for name in names if not (MOVES.has(name) or LINKS.has(name))]
        lists = [f"{area}/{name}" for name in names if MOVES.has(name)]
        linked = [f"{area}/{name}" for name in names if LINKS.has(name)]
        _finish_moves(area, prefix, lists, is_registered)
        _undo(area, prefix, keys, is_registered)
        found += sum(_undo_links(path, prefix, is_registered) for path in linked)
        for path in (*lists, *linked):
            effects.unlink(path, missing_ok=True)
        for place, _, _ in os.walk(area, topdown=False):
            effects.rmdir(place)
        found += len(keys)
    return found


def staged_keys(stage_root: str) -> Iterator[tuple[str, bool]]:
    """Keys in all staging areas, and whether the owner lives; nothing is changed."""
    for owner in effects.listdir(stage_root):
        if owner.endswith(LOCK_SUFFIX):
            continue
        alive = is_alive(stage_root, owner)
        for name, _ in effects.walk(f"{stage_root}/{owner}"):
            if LINKS.has(name):
                yield from ((link.key, alive) for link in LINKS.read(f"{stage_root}/{owner}/{name}"))
            elif not MOVES.has(name):
                yield name, alive


def _finish_moves(
    area: str, prefix: str, lists: Sequence[str], is_registered: Callable[[Sequence[str]], Collection[str]]
) -> None:
    """Remove the sources of committed moves, unless the name or the key belongs to another file by now."""
    for path in lists:
        moves = MOVES.read(path)
        committed = is_registered([move.key for move in moves])
        for move in moves:
            is_there = is_same_file(f"{area}/{move.key}", prefix + move.key)
            if move.key in committed and is_there and move.is_unchanged():
                effects.unlink(move.source, missing_ok=True)


def _undo(
    area: str, prefix: str, keys: Sequence[str], is_registered: Callable[[Sequence[str]], Collection[str]]
) -> None:
    """Take back what was published but not committed; the final name goes before its staging link."""
    committed = is_registered(keys) if keys else ()
    for key in keys:
        staging, final = f"{area}/{key}", prefix + key
        if key not in committed and is_same_file(staging, final):
            effects.unlink(final, missing_ok=True)
        effects.unlink(staging, missing_ok=True)


def _undo_links(path: str, prefix: str, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
    """Take back the names of a list that were not committed; return how many names it has."""
    links = LINKS.read(path)
    committed = is_registered([link.key for link in links]) if links else ()
    take_links_back(prefix, [link for link in links if link.key not in committed])
    return len(links)


def is_same_file(one: str, other: str) -> bool:
    """Whether two names are links to one file; symbolic links are not followed."""
    try:
        first, second = os.lstat(one), os.lstat(other)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
