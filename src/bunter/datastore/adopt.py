"""Files that exist already, brought into a store by one of the ways of transfer."""

from __future__ import annotations

import os
from contextlib import nullcontext
from itertools import repeat
from typing import TYPE_CHECKING

from bunter.datastore.look import Look
from bunter.datastore.recorded import staying
from bunter.datastore.store import LinksFiles, LocalPaths, Staged, StagesFiles, Transfer
from bunter.errors import IngestError
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from bunter.datastore.store import PublishingStore

__all__ = ["adopt"]

_WORKERS = 4
_BIG = 4 << 20  # below this, a pool of threads costs more than it gives


def adopt(
    store: PublishingStore,
    owner: Callable[[], str],
    paths: Sequence[str | Path],
    transfer: Transfer,
    keys: Sequence[str] | None,
    *,
    looks: Sequence[Look | None] = (),
) -> list[Staged]:
    """Stage files; see `Datastore.ingest_stage`."""
    looks = looks or [Look.at(path) for path in paths]
    absolute, sizes = _look(paths, looks)
    if transfer is Transfer.DIRECT:
        return staying(absolute, sizes, repeat(None))
    root = _root(store)
    inside = [bool(root) and path.startswith(root) for path in absolute]
    if transfer is Transfer.IN_PLACE and not all(inside):
        outside = [(path, f"is not below {root}") for path, is_in in zip(absolute, inside, strict=True) if not is_in]
        raise IngestError("files can only be recorded in place if they lie inside the store", rejected=outside)
    if transfer in {Transfer.AUTO, Transfer.IN_PLACE} and all(inside):
        return [_in_place(path, size, root) for path, size in zip(absolute, sizes, strict=True)]
    if keys is None or len(keys) != len(absolute):
        raise ValueError(f"{len(absolute)} files need as many keys to be transferred by {transfer}")
    if isinstance(store, LinksFiles) and not any(inside):
        seen = [look for look in looks if look is not None]
        if (linked := store.link_files(owner(), keys, absolute, seen, transfer)) is not None:
            return linked
    stay = inside if transfer is Transfer.AUTO else [False] * len(absolute)
    return _stage_all(store, owner(), transfer, list(zip(absolute, sizes, stay, keys, strict=True)), root)


def _look(paths: Sequence[str | Path], looks: Iterable[Look | None]) -> tuple[list[str], list[int]]:
    """Absolute path and size of each file; IngestError names those that are none."""
    absolute, sizes, rejected = [], [], []
    for given, found in zip(paths, looks, strict=True):
        path = _absolute(os.fspath(given))
        if found is None or found.st_mode & 0o170000 != 0o100000:
            rejected.append((path, "there is no such file" if found is None else "is not a file"))
            continue
        absolute.append(path)
        sizes.append(found.st_size)
    if rejected:
        raise IngestError(f"{len(rejected)} of {len(paths)} files cannot be ingested; none was", rejected=rejected)
    return absolute, sizes


def _absolute(path: str) -> str:
    if path.startswith("/") and "/." not in path and "//" not in path:
        return path
    return os.path.abspath(path)  # symbolic links are kept in the user's spelling


def _root(store: PublishingStore) -> str:
    return f"{store.path('x').parent}/" if isinstance(store, LocalPaths) else ""


def _in_place(path: str, size: int, root: str) -> Staged:
    return Staged(path.removeprefix(root), size, None, "", owned=False)


def _stage_all(
    store: PublishingStore, owner: str, transfer: Transfer, files: list[tuple[str, int, bool, str]], root: str
) -> list[Staged]:
    big = transfer is Transfer.COPY and sum(size for _, size, _, _ in files) > _BIG * len(files)
    if isinstance(store, StagesFiles) and not (big and root) and not any(stays for _, _, stays, _ in files):
        with unhindered() if root else nullcontext():
            together = store.stage_files(owner, [(key, path) for path, _, _, key in files], transfer)
        if together is not None:
            return together
    staged: list[Staged | None] = [None] * len(files)

    def stage(index: int) -> None:
        path, size, stays, key = files[index]
        if stays:
            staged[index] = _in_place(path, size, root)
        else:
            staged[index] = store.stage(owner, key, path, transfer=transfer, sync=False)

    try:
        with unhindered() if root and not big else nullcontext():
            _each(stage, len(files), _WORKERS if big else 1)
    except BaseException:
        store.discard([item for item in staged if item is not None])
        raise
    return [item for item in staged if item is not None]


def _each(act: Callable[[int], None], count: int, workers: int) -> None:
    """Act on 0 to ``count``; when this raises, nothing is going on any more."""
    if workers == 1:
        for index in range(count):
            act(index)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(act, range(count)))
