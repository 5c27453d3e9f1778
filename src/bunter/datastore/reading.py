"""Artifacts to objects: whole ones verified, parts read as parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from msgspec.structs import replace

from bunter import effects
from bunter.datastore.format import ReadRequest, ReadsFiles, ReadsMembers, format_of
from bunter.datastore.forward import Forward
from bunter.datastore.key import no_artifact
from bunter.datastore.members import is_member, member_of
from bunter.datastore.ranged import LARGE, RangedFile, VerifiedFile
from bunter.datastore.store import gives_chunks, has_paths
from bunter.datastore.traffic import note_ranges
from bunter.errors import (
    FileIntegrityError,
    FormatError,
    KeyMissingError,
    NotLocalError,
    StoreDeniedError,
    StoreUnavailableError,
)
from bunter.storage_class import storage_class as named_class
from bunter.values import quick_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset import StoredArtifact
    from bunter.datastore.format import Format
    from bunter.datastore.store import ArtifactStore
    from bunter.errors import ButlerError
    from bunter.storage_class import StorageClass

__all__ = ["part_for", "read_artifact", "read_verified", "result_class", "verified"]

_Content = TypeVar("_Content", bound="bytes | memoryview")
_LARGE_FORWARD = 1 << 20
"""For files of this machine that are read from the first byte to the last: into the object that is returned."""


def result_class(storage_class: StorageClass | str, component: str | None = None) -> StorageClass:
    """Return the storage class of what is read: that of a component where one is asked for."""
    whole = named_class(storage_class) if isinstance(storage_class, str) else storage_class
    part = component and (whole.components.get(component) or whole.derived.get(component))
    return named_class(part) if part else whole


def part_for(stored: Sequence[StoredArtifact], component: str | None) -> tuple[StoredArtifact, str | None]:
    """Choose the artifact that holds a component, and what is still to be taken from it."""
    for artifact in stored:
        if artifact.component == (component or ""):
            return artifact, None
    for artifact in stored:
        if not artifact.component:
            return artifact, component
    raise FormatError(f"no artifact holds the component {component!r}; there are {[item.component for item in stored]}")


def read_artifact(store: ArtifactStore, stored: StoredArtifact, request: ReadRequest) -> object:
    """Read what is requested of an artifact.

    Raises
    ------
    FileIntegrityError
        If the whole artifact was read and is not what was recorded.
    FormatError
        If the bytes cannot be read as the recorded format.
    KeyMissingError
        If the artifact is gone.
    """
    if is_member(stored):
        store, stored = member_of(store, stored)
        request = replace(request, selector=stored.selector)
    form = format_of(stored.format)
    if stored.format_version > form.version:
        raise FormatError(
            f"{stored.key} was written in version {stored.format_version} of the format {form.name}, and this Bunter reads "
            f"up to {form.version}; upgrade Bunter"
        )
    try:
        return _read(store, stored, form, request)
    except FormatError as exc:
        if (cause := _of_store(exc)) is not None:
            raise cause from exc
        raise FormatError(f"{stored.key}: {exc}") from exc


def _of_store(exc: BaseException | None) -> ButlerError | None:
    """Find what the store said, where a format took it for damage of the file."""
    while exc is not None:
        if isinstance(exc, NotLocalError | StoreUnavailableError | StoreDeniedError | KeyMissingError):
            return exc
        exc = exc.__cause__ or exc.__context__
    return None


def _read(store: ArtifactStore, stored: StoredArtifact, form: Format, request: ReadRequest) -> object:
    if request.is_partial:
        if stored.selector and isinstance(form, ReadsMembers):
            return form.from_bytes(store.read(stored.key, [form.member(stored.selector)])[0], request)
        if isinstance(form, ReadsFiles):
            return _read_part(RangedFile(store, stored.key, _size(store, stored)), form, request)
    elif stored.size >= _large(store, form) and isinstance(form, ReadsFiles):
        return _read_large(store, stored, form, request)
    return form.from_bytes(read_verified(store, stored), request)


def _large(store: ArtifactStore, form: Format) -> int:
    """Bytes from which on a whole artifact is not read into memory first."""
    return _LARGE_FORWARD if getattr(form, "reads_forward", False) and has_paths(store) else LARGE


def _read_part(file: RangedFile, form: ReadsFiles, request: ReadRequest) -> object:
    note_ranges(whole=file.size)
    try:
        return form.read_file(cast("BinaryIO", file), request)
    except FormatError as exc:
        raise FormatError(file.damage or str(exc)) from exc


def _read_large(store: ArtifactStore, stored: StoredArtifact, form: ReadsFiles, request: ReadRequest) -> object:
    """Read a whole artifact piece by piece, so that its bytes are never in memory beside the object."""
    _check_size(stored, _size(store, stored, recorded=False))
    jumps = gives_chunks(store) and not getattr(form, "reads_forward", False)
    if jumps:
        return _read_aside(store, stored, form, request)
    file = VerifiedFile(store, stored)
    try:
        found = form.read_file(cast("BinaryIO", file), request)
        file.finish()
    except Exception:
        file.finish()  # damage is the better explanation
        raise
    finally:
        file.release()
    return found


def _read_aside(store: ArtifactStore, stored: StoredArtifact, form: ReadsFiles, request: ReadRequest) -> object:
    """Fetch a whole artifact into a file without a name, compare it, and read there: each byte comes once, from one request."""
    coming = Forward(store, stored.key, stored.size, digested=stored.xxh3 is not None)
    step = memoryview(bytearray(_LARGE_FORWARD))
    with effects.nameless_file() as file:
        while count := coming.readinto(step):
            file.write(step[:count])
        _check_size(stored, coming.place)
        _check_digest(stored, coming.digest)
        file.seek(0)
        return form.read_file(file, request)


def _size(store: ArtifactStore, stored: StoredArtifact, *, recorded: bool = True) -> int:
    """Size of an artifact as it is now, or as it was recorded if that is known."""
    if recorded and stored.size >= 0:
        return stored.size
    found = store.stat_many([stored.key])[0]
    if found is None:
        raise no_artifact(stored.key)
    return found.size


def _check_size(stored: StoredArtifact, size: int) -> None:
    if size != stored.size >= 0:
        raise FileIntegrityError(
            f"{stored.key} has {size} bytes where {stored.size} were recorded; `bunter check --deep` looks for more damage"
        )


def _check_digest(stored: StoredArtifact, found: bytes) -> None:
    if stored.xxh3 is not None and found != stored.xxh3:
        raise FileIntegrityError(
            f"{stored.key} is damaged: its digest differs from the one recorded; `bunter check --deep` looks for more damage"
        )


def read_verified(store: ArtifactStore, stored: StoredArtifact) -> bytes:
    """Read a whole artifact and compare it with what was recorded."""
    return verified(stored, store.read(stored.key)[0])


def verified(stored: StoredArtifact, content: _Content) -> _Content:
    """Return the content of an artifact if it is what was recorded; else FileIntegrityError."""
    _check_size(stored, len(content))
    if stored.xxh3 is not None:
        _check_digest(stored, quick_digest(content))
    return content
