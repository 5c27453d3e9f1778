"""Whether content is what an artifact holds already, and in which way it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.format import TellsDifferences, format_of
from bunter.values import sized

if TYPE_CHECKING:
    from bunter.dataset import StoredArtifact
    from bunter.datastore.datastore import Datastore, Encoded
    from bunter.datastore.format import Format
    from bunter.datastore.store import Staged

__all__ = ["difference"]

_LARGEST = 1 << 30
"""Bytes beyond which two contents are not both brought into memory to say how they differ."""


def difference(
    datastore: Datastore, stored: StoredArtifact, staged: Staged, encoded: Encoded, *, is_pending: bool = False
) -> str | None:
    """Say how new content differs from that of an artifact.

    Parameters
    ----------
    datastore : Datastore
        Where the artifact is.
    stored : StoredArtifact
        What is there.
    staged : Staged
        The new content, digested.
    encoded : Encoded
        The same, and its format.
    is_pending : bool
        Whether the artifact is not published yet, so that only digests can be compared.

    Returns
    -------
    str or None
        How they differ; empty where that cannot be told; None if they hold the same.
    """
    if staged.digests is None:
        return ""
    if stored.sha256 == staged.digests.sha256:
        return None
    if stored.format != encoded.format:
        return f"it was written as {stored.format}, and this is {encoded.format}"
    if is_pending:
        return ""
    if max(stored.size, staged.size) > _LARGEST:
        return f"{sized(stored.size)} and {sized(staged.size)} whose digests differ"
    form = format_of(encoded.format)
    old, new = datastore.uri(stored).read(), bytes(encoded.data)
    return None if form.same(old, new) else _told(form, old, new)


def _told(form: Format, old: bytes, new: bytes) -> str:
    """Say how two artifacts differ; a format that fails to say so must not hide that they do."""
    if not isinstance(form, TellsDifferences):
        return f"{sized(len(old))} and {sized(len(new))} that differ" if len(old) != len(new) else ""
    try:
        return form.difference(old, new)
    except Exception as exc:  # noqa: BLE001 - the conflict is what has to be told
        return f"in a way that could not be told ({exc!r})"
