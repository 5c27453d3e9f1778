"""Datasets that are members of an archive in a store: how their places are written down, and how they are read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bunter.datastore.zip_members import ZipMembers
from bunter.errors import FormatError

if TYPE_CHECKING:
    from bunter.dataset import StoredArtifact
    from bunter.datastore.store import ArtifactStore

__all__ = ["is_member", "member_name", "member_of", "member_selector"]

_BEGIN = "zip!"


def member_selector(stored: StoredArtifact, member: str) -> str:
    """Return the selector of a dataset in an archive: format, version, place in the member, and the member."""
    inner = stored.selector.replace("%", "%25").replace("!", "%21")
    return f"{_BEGIN}{stored.format}!{stored.format_version}!{inner}!{member}"


def is_member(stored: StoredArtifact) -> bool:
    """Whether a dataset is a member of an archive."""
    return stored.selector.startswith(_BEGIN)


def member_name(stored: StoredArtifact) -> str:
    """Return the name of the member that a dataset is, without a look at the archive."""
    return _parts(stored)[3]


def member_of(store: ArtifactStore, stored: StoredArtifact) -> tuple[ArtifactStore, StoredArtifact]:
    """Return the archive's members as a store, and the member as an artifact of it."""
    form, number, inner, member = _parts(stored)
    known: Any = store
    members: ZipMembers = _members(known, stored.key)
    found = members.stat_many([member])[0]
    return members, replace(
        stored,
        key=member,
        size=-1 if found is None else found.size,
        sha256=None,
        xxh3=None,
        format=form,
        format_version=number,
        selector=inner.replace("%21", "!").replace("%25", "%"),
    )


def _parts(stored: StoredArtifact) -> tuple[str, int, str, str]:
    """Return format, version, place in the member, and the member."""
    try:
        form, version, inner, member = stored.selector.removeprefix(_BEGIN).split("!", 3)
        return form, int(version), inner, member
    except ValueError as exc:
        raise FormatError(f"{stored.key} has no place {stored.selector!r}") from exc


@lru_cache(maxsize=32)
def _members(store: Any, key: str) -> ZipMembers:
    """Keep the directories of some archives; a key is used once, so they do not change."""
    return ZipMembers(store, key)
