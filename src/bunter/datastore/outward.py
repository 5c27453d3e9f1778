"""Artifacts out of a datastore into files: in parallel, whole and compared or not there, and never over another file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.carriage import Progress, Tally, checked_pieces
from bunter.datastore.file_paths import names_of
from bunter.datastore.key import no_artifact
from bunter.datastore.recorded_content import read_recorded, xxh3_of_file
from bunter.datastore.stable import can_sync_at_once
from bunter.datastore.store import LocalPaths, Transfer, has_paths
from bunter.datastore.together import in_lanes
from bunter.errors import IngestError, KeyTakenError
from bunter.open_folder import OpenFolder, sync_file_system
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore

__all__ = ["FoldersAsFound", "Outgoing", "send"]

_WORKERS = 8
_BIG = 4 << 20
_LISTED = 16
"""For so many files it is asked once what is in their folder."""

_REMEMBERED = 20_000
"""Names in a folder that are kept; of a fuller one it is asked file by file."""

_TOGETHER = 500
"""Files that are synced together, and of which a process that is killed leaves parts."""
_LINKS = {Transfer.HARDLINK, Transfer.LINK, Transfer.SYMLINK, Transfer.RELSYMLINK}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An artifact and the file that it becomes."""

    store: ArtifactStore
    stored: StoredArtifact
    target: str


class FoldersAsFound:
    """What was in folders before the first file was written there; who writes in parts asks once."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str] | None] = {}

    def names(self, folder: str, coming: int) -> frozenset[str] | None:
        """Return the names that were in a folder; None if that is to be asked file by file."""
        if folder not in self._names and coming >= _LISTED:
            found = effects.listdir(folder)
            self._names[folder] = frozenset(found) if len(found) <= _REMEMBERED else None
        return self._names.get(folder)


def send(
    items: Sequence[Outgoing],
    *,
    transfer: Transfer = Transfer.AUTO,
    sync: bool = False,
    progress: Callable[[Progress], None] | None = None,
    found: FoldersAsFound | None = None,
) -> int:
    """Write artifacts to files; one that is there with the same content is taken as done.

    Parameters
    ----------
    items : sequence of Outgoing
        What goes where; folders are made.
    transfer : Transfer
        ``copy`` (also ``auto``: what others may change is never shared), or a kind of link.
    sync : bool
        Whether content is on stable storage when this returns.
    progress : callable, optional
        Is told after each artifact.
    found : FoldersAsFound, optional
        The same for all parts that are sent to the same folders, whose names all differ.

    Returns
    -------
    int
        How many were written; the others were there.

    Raises
    ------
    KeyTakenError
        If a file is there with other content.
    FileIntegrityError
        If an artifact is not what was recorded of it; its file is not made.
    """
    if transfer not in {Transfer.AUTO, Transfer.COPY, *_LINKS}:
        raise IngestError(f"artifacts leave a datastore as copies or links, not by {transfer}")
    folders = sorted({os.path.dirname(item.target) for item in items})
    for folder in folders:
        effects.mkdirs(folder)
    written: list[bool] = []  # appended by several threads, which is safe, and counted at the end
    tally = Tally(progress)

    def act(number: int) -> None:
        item = items[number]
        written.append(_send(item, transfer, sync=sync))
        tally.add(max(item.stored.size, 0))

    small = transfer not in _LINKS and _are_small_files(items)
    if small and not sync:
        known = found or FoldersAsFound()
        for folder, inside in _by_folder(items).items():
            written += _send_small(folder, inside, tally, known)
    elif small and can_sync_at_once(folders[0], len(items)):
        for first in range(0, len(items), _TOGETHER):
            written += _send_together(items[first : first + _TOGETHER], tally)
    else:
        in_lanes(act, len(items), _lanes(items, transfer, sync=sync))
    if sync:
        for folder in folders:
            effects.sync_dir(folder)
    return sum(written)


def _lanes(items: Sequence[Outgoing], transfer: Transfer, *, sync: bool) -> int:
    """One for small files of this machine that need not be synced: threads would cost more than they give."""
    if sync or not all(has_paths(item.store) for item in items):
        return _WORKERS
    return 1 if transfer in _LINKS or sum(item.stored.size for item in items) <= _BIG * len(items) else _WORKERS


def _send(item: Outgoing, transfer: Transfer, *, sync: bool) -> bool:
    if _is_done(item):
        return False
    if transfer in _LINKS:
        _link(item, transfer)
        return True
    folder, _, name = item.target.rpartition("/")
    part = f"{folder}/.{name[:100]}.{new_nonce()}.part"
    try:
        effects.write_new(part, checked_pieces(item.store, item.stored), sync=sync)
        effects.link(part, item.target)
    except FileExistsError:
        if not _is_done(item):
            raise
    finally:
        effects.unlink(part, missing_ok=True)
    return True


def _are_small_files(items: Sequence[Outgoing]) -> bool:
    """Whether all are files of this machine that are best read at once."""
    return bool(items) and all(0 <= item.stored.size < effects.CHUNK and has_paths(item.store) for item in items)


def _by_folder(items: Sequence[Outgoing]) -> dict[str, list[Outgoing]]:
    folders: dict[str, list[Outgoing]] = {}
    for item in items:
        folders.setdefault(item.target.rpartition("/")[0], []).append(item)
    return folders


def _send_small(folder: str, items: Sequence[Outgoing], tally: Tally, found: FoldersAsFound) -> Iterator[bool]:
    """Write small files of one folder, each read at once; yield whether each was written, or was there."""
    known = found.names(folder, len(items))
    part = f".{new_nonce()}.part"
    with OpenFolder(folder) as place:
        for item, path in zip(items, _paths(items), strict=True):
            name = item.target.rpartition("/")[2]
            is_done = (known is None or name in known) and _is_done(item)
            if not is_done:
                is_done = not _write_small(place, item, part, name, path)
            tally.add(item.stored.size)
            yield not is_done


def _write_small(place: OpenFolder, item: Outgoing, part: str, name: str, path: str) -> bool:
    """Write a file; False if somebody else has done so meanwhile."""
    content = read_recorded(path, item.stored)
    try:
        place.write_new(part, content)
        place.rename_new(part, name)
    except BaseException as exc:
        place.unlink(part)
        if isinstance(exc, FileExistsError) and _is_done(item):
            return False
        raise
    return True


def _send_together(items: Sequence[Outgoing], tally: Tally) -> list[bool]:
    """Write small files under other names, put all on stable storage at once, and then give them theirs."""
    waiting = [item for item in items if not _is_done(item)]
    mark = new_nonce()
    parts = [f"{item.target.rpartition('/')[0]}/.{mark}-{n}.part" for n, item in enumerate(waiting)]
    try:
        for part, item, path in zip(parts, waiting, _paths(waiting), strict=True):
            effects.write_new(part, read_recorded(path, item.stored), sync=False)
        if parts:
            sync_file_system(parts[0].rpartition("/")[0])
        for part, item in zip(parts, waiting, strict=True):
            try:
                effects.link(part, item.target)
            except FileExistsError:
                if not _is_done(item):
                    raise
    finally:
        for part in parts:
            effects.unlink(part, missing_ok=True)
    for item in items:
        tally.add(item.stored.size)
    return [True] * len(waiting)


def _paths(items: Sequence[Outgoing]) -> list[str]:
    """Where the artifacts of some items are."""
    if not items:
        return []
    if len({id(item.store) for item in items}) == 1 and has_paths(store := items[0].store):
        return names_of(store, [item.stored.key for item in items])
    return [str(item.store.path(item.stored.key)) for item in items if has_paths(item.store)]


def _is_done(item: Outgoing) -> bool:
    """Whether the file is there with the right content; KeyTakenError if with another one."""
    found = effects.stat(item.target)
    if found is None:
        if os.path.islink(item.target):
            raise KeyTakenError(f"{item.target} is a link to nothing; remove it, or choose an empty folder")
        return False
    if found.st_size == item.stored.size and (
        item.stored.xxh3 is None or xxh3_of_file(item.target) == item.stored.xxh3
    ):
        return True
    raise KeyTakenError(f"{item.target} is there already with other content; choose an empty folder")


def _link(item: Outgoing, transfer: Transfer) -> None:
    if not isinstance(item.store, LocalPaths):
        raise IngestError(f"{item.stored.key} is no file of this machine, so {transfer} cannot reach it; use copy")
    path = os.path.abspath(item.store.path(item.stored.key))
    if effects.stat(path) is None:
        raise no_artifact(path)
    if transfer is Transfer.SYMLINK:
        effects.symlink(path, item.target)
    elif transfer is Transfer.RELSYMLINK:
        effects.symlink(os.path.relpath(path, os.path.dirname(item.target)), item.target)
    elif transfer is Transfer.HARDLINK:
        effects.link(os.path.realpath(path), item.target)
    else:
        try:
            effects.link(os.path.realpath(path), item.target)
        except FileExistsError:
            raise
        except OSError:
            effects.symlink(path, item.target)
