"""Artifacts out of a datastore into files: in parallel, whole and compared or not there, and never over another file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.carriage import Progress, Tally, checked_pieces
from bunter.datastore.key import no_artifact
from bunter.datastore.store import LocalPaths, Transfer, has_paths
from bunter.datastore.together import in_lanes
from bunter.errors import IngestError, KeyTakenError
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore

__all__ = ["Outgoing", "send"]

_WORKERS = 8
_BIG = 4 << 20
_LINKS = {Transfer.HARDLINK, Transfer.LINK, Transfer.SYMLINK, Transfer.RELSYMLINK}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An artifact and the file that it becomes."""

    store: ArtifactStore
    stored: StoredArtifact
    target: str


def send(
    items: Sequence[Outgoing],
    *,
    transfer: Transfer = Transfer.AUTO,
    sync: bool = False,
    progress: Callable[[Progress], None] | None = None,
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


def _is_done(item: Outgoing) -> bool:
    """Whether the file is there with the right content; KeyTakenError if with another one."""
    found = effects.stat(item.target)
    if found is None:
        if os.path.islink(item.target):
            raise KeyTakenError(f"{item.target} is a link to nothing; remove it, or choose an empty folder")
        return False
    if found.st_size == item.stored.size and (item.stored.xxh3 is None or _digest(item.target) == item.stored.xxh3):
        return True
    raise KeyTakenError(f"{item.target} is there already with other content; choose an empty folder")


def _digest(path: str) -> bytes:
    import xxhash

    found = xxhash.xxh3_128()
    for chunk in effects.read_chunks(path):
        found.update(chunk)
    return found.digest()


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
