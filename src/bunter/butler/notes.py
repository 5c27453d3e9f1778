"""What a user wants kept beside a dataset that is put: metadata, header cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.annotations import SetMetadata
from bunter.dataset.header import headers_change, packed_alike
from bunter.dataset.metadata import checked_metadata
from bunter.errors import MetadataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import DatasetRef
    from bunter.dataset.changes import Change
    from bunter.datastore import Encoded

__all__ = ["Notes", "note_changes"]


@dataclass(frozen=True, slots=True)
class Notes:
    """What to keep beside one dataset.

    Parameters
    ----------
    metadata : dict
        User metadata, checked.
    header : bool
        Whether the header cards of its file are kept.
    """

    metadata: dict[str, Any]
    header: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any] | None, *, header: bool) -> Notes | None:
        """Check what was given; None if there is nothing to keep."""
        if not metadata and not header:
            return None
        return cls(checked_metadata(metadata or {}), header)


def note_changes(items: Sequence[tuple[DatasetRef, Encoded, Notes | None]]) -> list[Change]:
    """Return the changes that keep what is noted of datasets, whose files have just been written.

    Raises
    ------
    MetadataError
        If a header is wanted of something that is not written as FITS.
    """
    changes: list[Change] = []
    described = [(ref.id.bytes, notes.metadata) for ref, _, notes in items if notes is not None and notes.metadata]
    if described:
        ids, documents = zip(*described, strict=True)
        changes.append(SetMetadata(ids, documents))
    headed = [(ref, encoded) for ref, encoded, notes in items if notes is not None and notes.header]
    headers = packed_alike([_header(ref, encoded) for ref, encoded in headed])
    kept = headers_change((ref.id.bytes, header) for (ref, _), header in zip(headed, headers, strict=True))
    return [*changes, kept] if kept is not None else changes


def _header(ref: DatasetRef, encoded: Encoded) -> Any:
    from bunter.datastore.formats.fits_cards import headers_in

    if encoded.format != "fits":
        raise MetadataError(
            f"{ref.dataset_type.name!r} is written as {encoded.format}, which has no header cards; give metadata={{...}} instead"
        )
    return headers_in(bytes(encoded.data))[0]
