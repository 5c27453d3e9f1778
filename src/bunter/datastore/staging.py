"""How content comes into a staging area: written, copied, or linked."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bunter import effects
from bunter.datastore.store import Staged, Transfer
from bunter.errors import FileIntegrityError
from bunter.values import Digesting, Pieces, digest

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.values import Digests

__all__ = ["bring"]

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP}


def bring(
    source: bytes | Pieces | str | Path, staging: str, final: str, item: Staged, *, transfer: Transfer, sync: bool
) -> Staged:
    """Make the staged file and return its item, completed.

    Parameters
    ----------
    source : bytes, Pieces, or str or Path
        Content, or a file that holds it.
    staging, final : str
        Where it is staged, and where it will be.
    item : Staged
        Key and owner.
    transfer : Transfer
        How; content in memory is always written.
    sync : bool
        Whether the content is on stable storage when this returns.
    """
    if isinstance(source, bytes):
        size = effects.write_new(staging, source, sync=sync)
        return Staged(item.key, size, digest(source), item.owner, synced=sync)
    if isinstance(source, Pieces):
        digesting = Digesting()
        size = effects.write_new(staging, digesting.tee(source), sync=sync)
        return Staged(item.key, size, digesting.digests(), item.owner, synced=sync)
    return _WAYS[transfer](source, staging, final, item, sync)


def _copy(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: ARG001, FBT001 - one signature for all ways
    size, digests = _copy_file(source, staging, sync=sync)
    return Staged(item.key, size, digests, item.owner, synced=sync)


def _copy_file(source: str | Path, target: str, *, sync: bool) -> tuple[int, Digests]:
    if (content := effects.read_small(source)) is not None:
        return effects.write_new(target, content, sync=sync), digest(content)
    digesting = Digesting()
    effects.write_new(target, digesting.tee(effects.read_chunks(source)), sync=sync)
    return digesting.size, digesting.digests()


def _hard_link(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: ARG001, FBT001 - one signature for all ways
    # The file itself: a hard link to a symbolic link would keep pointing elsewhere.
    content = os.path.realpath(source) if os.path.islink(source) else source
    effects.link(content, staging)
    return Staged(item.key, _size(content), None, item.owner)


def _link_or_copy(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: FBT001 - one signature for all ways
    try:
        return _hard_link(source, staging, final, item, sync)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
    return _copy(source, staging, final, item, sync)


def _link_or_symlink(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: FBT001 - one signature for all ways
    try:
        return _hard_link(source, staging, final, item, sync)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
    return _symlink(source, staging, final, item, sync)


def _symlink(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: ARG001, FBT001 - one signature for all ways
    effects.symlink(os.path.abspath(source), staging)  # keeps links in the user's spelling
    return replace(item, size=_size(source), synced=True)


def _relative_symlink(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: ARG001, FBT001 - one signature for all ways
    effects.symlink(os.path.relpath(source, os.path.dirname(final)), staging)
    return replace(item, size=_size(source), synced=True)


def _move(source: str | Path, staging: str, final: str, item: Staged, sync: bool) -> Staged:  # noqa: FBT001 - one signature for all ways
    origin = os.path.abspath(source)
    try:
        return replace(_hard_link(source, staging, final, item, sync), source=origin)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
    size, digests = _copy_file(source, staging, sync=sync)
    _verify(staging, source, digests)
    return replace(item, size=size, digests=digests, synced=sync, source=origin)


def _verify(copy: str, source: str | Path, digests: Digests) -> None:
    """Read the copy back before its source may go."""
    reading = Digesting()
    for chunk in effects.read_chunks(copy):
        reading.add(chunk)
    if reading.digests() != digests:
        effects.unlink(copy, missing_ok=True)
        raise FileIntegrityError(
            f"the copy of {source} differs from it; nothing was moved, check the disk and try again"
        )


def _size(path: str | Path) -> int:
    found = effects.stat(path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return found.st_size


_WAYS = {
    Transfer.AUTO: _link_or_copy,
    Transfer.COPY: _copy,
    Transfer.MOVE: _move,
    Transfer.LINK: _link_or_symlink,
    Transfer.HARDLINK: _hard_link,
    Transfer.SYMLINK: _symlink,
    Transfer.RELSYMLINK: _relative_symlink,
}
