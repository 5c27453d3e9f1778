"""Many artifacts at once: on their way in, and as they are recorded."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from bunter.dataset import ArtifactRow
from bunter.datastore.key import split_key
from bunter.datastore.store import MAIN, Staged
from bunter.values.rows import instances

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.values import Digests

__all__ = ["artifact_rows", "staged_alike", "staying"]

_UNOWNED: dict[str, Any] = {
    "owner": "",
    "owned": False,
    "synced": False,
    "source": "",
    "datastore": MAIN,
    "copies": (),
    "origin": "",
    "inode": 0,
}


def staying(paths: Sequence[str], sizes: Iterable[int], digests: Iterable[Digests | None]) -> list[Staged]:
    """Return files that stay where they are, by their absolute paths: there is nothing to publish and nothing to remove."""
    same = {name: repeat(value) for name, value in _UNOWNED.items()}
    return instances(Staged, len(paths), key=paths, size=sizes, digests=digests, **same)


def staged_alike(
    keys: Sequence[str], sizes: Iterable[int], digests: Iterable[Digests | None], *, owner: str, synced: bool = False
) -> list[Staged]:
    """Return what is in the staging area of an owner, files that are not synced yet unless it is said."""
    alike = {**_UNOWNED, "owner": owner, "owned": True, "synced": synced}
    same = {name: repeat(value) for name, value in alike.items()}
    return instances(Staged, len(keys), key=keys, size=sizes, digests=digests, **same)


def artifact_rows(
    staged: Sequence[Staged], nonces: Iterable[str], formats: Iterable[str], versions: Iterable[int]
) -> list[ArtifactRow]:
    """Return what is to be recorded of staged artifacts; for one see `Datastore.row`."""
    digests = [item.digests for item in staged]
    return instances(
        ArtifactRow,
        len(staged),
        nonce=nonces,
        datastore=[item.datastore for item in staged],
        directory=[split_key(item.key)[0] for item in staged],  # twice: tuples that stay are looked at by the collector
        name=[split_key(item.key)[1] for item in staged],
        size=[item.size for item in staged],
        sha256=[None if each is None else each.sha256 for each in digests],
        xxh3=[None if each is None else each.xxh3 for each in digests],
        format=formats,
        format_version=versions,
        owned=[item.owned for item in staged],
    )
