"""Files of this machine brought into a store many at a time, where the store can do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bunter.datastore.key import no_artifact
from bunter.datastore.look import Look
from bunter.datastore.recorded_content import recorded_digests, refuse_changed, refuse_other
from bunter.datastore.store import LinksFiles, Staged, StagesFiles, Transfer
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import PublishingStore

__all__ = ["bring_files"]


def bring_files(
    store: PublishingStore,
    owner: Callable[[], str],
    keys: Sequence[str],
    paths: Sequence[str],
    stored: Sequence[StoredArtifact],
    *,
    transfer: Transfer,
    verify: bool = True,
) -> list[Staged] | None:
    """Stage artifacts that are files, all or none; None where the store has no better way than one by one.

    Parameters
    ----------
    store : PublishingStore
        Where they go.
    owner : callable
        Gives the owner of what is staged there.
    keys, paths : sequence of str
        The key of each there, and where the file is.
    stored : sequence of StoredArtifact
        What is recorded of each.
    transfer : Transfer
        How they come in.
    verify : bool
        Whether what is only linked is read and compared, too.

    Raises
    ------
    FileIntegrityError
        If one is not what was recorded of it.
    KeyMissingError
        If one is not there.
    """
    try:
        with unhindered():
            if transfer is Transfer.COPY:
                files = list(zip(keys, paths, strict=True))
                staged = store.stage_files(owner(), files, transfer) if isinstance(store, StagesFiles) else None
            else:
                staged = _linked(store, owner, keys, paths, transfer)
    except (FileNotFoundError, NotADirectoryError) as exc:
        gone = next((item.key for item, path in zip(stored, paths, strict=True) if path == exc.filename), None)
        if gone is None:
            raise
        raise no_artifact(gone) from exc
    if staged is None:
        return None
    try:
        return _compared(staged, paths, stored, verify=verify)
    except BaseException:
        store.discard(staged)
        raise


def _linked(
    store: PublishingStore,
    owner: Callable[[], str],
    keys: Sequence[str],
    paths: Sequence[str],
    transfer: Transfer,
) -> list[Staged] | None:
    if not isinstance(store, LinksFiles):
        return None
    looks = [look for look in map(Look.at, paths) if look is not None]
    if len(looks) < len(paths):
        return None
    return store.link_files(owner(), keys, paths, looks, transfer)


def _compared(
    staged: list[Staged], paths: Sequence[str], stored: Sequence[StoredArtifact], *, verify: bool
) -> list[Staged]:
    """Return what was staged with the digests that it has, or has been recorded to have."""
    refuse_other(staged, stored)
    if all(item.digests is not None for item in staged):
        return staged
    if verify:
        refuse_changed(paths, stored)
    return [
        new if new.digests is not None else replace(new, digests=recorded_digests(old))
        for new, old in zip(staged, stored, strict=True)
    ]
