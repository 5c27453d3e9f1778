"""The content of artifacts beside what was recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import no_artifact
from bunter.errors import FileIntegrityError
from bunter.values import Digests, quick_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import Staged

__all__ = [
    "differs",
    "read_recorded",
    "recorded_digests",
    "refuse_changed",
    "refuse_other",
    "wrong_size",
    "xxh3_of_file",
]


def recorded_digests(stored: StoredArtifact) -> Digests | None:
    """Return the digests that were recorded of an artifact, None if they were not."""
    return None if stored.sha256 is None or stored.xxh3 is None else Digests(stored.sha256, stored.xxh3)


def read_recorded(path: str, stored: StoredArtifact) -> bytes:
    """Read a small artifact, a file, at once.

    Raises
    ------
    KeyMissingError
        If it is gone.
    FileIntegrityError
        If it is not what was recorded of it.
    """
    try:
        content = effects.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise no_artifact(stored.key) from exc
    if len(content) != stored.size:
        raise wrong_size(stored, len(content))
    if stored.xxh3 is not None and quick_digest(content) != stored.xxh3:
        raise differs(stored)
    return content


def refuse_other(staged: Sequence[Staged], stored: Sequence[StoredArtifact]) -> None:
    """Raise FileIntegrityError if any artifact that was brought is not what was recorded of it."""
    for new, old in zip(staged, stored, strict=True):
        if new.size != old.size >= 0:
            raise wrong_size(old, new.size)
        if (digests := new.digests) is not None and old.xxh3 is not None and digests.xxh3 != old.xxh3:
            raise differs(old)


def refuse_changed(paths: Sequence[str], stored: Sequence[StoredArtifact]) -> None:
    """Raise FileIntegrityError if the content of any file is not what was recorded of it."""
    for path, item in zip(paths, stored, strict=True):
        if item.xxh3 is not None and xxh3_of_file(path) != item.xxh3:
            raise differs(item)


def xxh3_of_file(path: str | Path) -> bytes:
    """Return the XXH3-128 digest of a file; a large one is read in pieces."""
    if (content := effects.read_small(path)) is not None:
        return quick_digest(content)
    import xxhash

    found = xxhash.xxh3_128()
    for chunk in effects.read_chunks(path):
        found.update(chunk)
    return bytes(found.digest())


def wrong_size(stored: StoredArtifact, size: int) -> FileIntegrityError:
    """Return the error for an artifact that has another size than was recorded."""
    return FileIntegrityError(
        f"{stored.key} has {size} bytes where {stored.size} were recorded, so it stays where it is; see `bunter check --deep`"
    )


def differs(stored: StoredArtifact) -> FileIntegrityError:
    """Return the error for an artifact that has another content than was recorded."""
    return FileIntegrityError(
        f"{stored.key} is not what was recorded of it, so it stays where it is; see `bunter check --deep`"
    )
