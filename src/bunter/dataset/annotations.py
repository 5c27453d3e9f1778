"""What is kept beside datasets, as values: header cards, user metadata, where files came from, and who did what.

Changes are applied like those of `bunter.dataset.changes`, and inquiries answered like those of
`bunter.dataset.inquiries`. Ids are 16 bytes, times ns TAI.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Activities",
    "AddHeaders",
    "AddOrigins",
    "Annotation",
    "AnnotationChange",
    "AnnotationInquiry",
    "CardNames",
    "CardValues",
    "CreateMetadataIndex",
    "DropMetadataIndex",
    "EndActivity",
    "HeaderRow",
    "HeadersOf",
    "IndexedField",
    "MetadataIndexes",
    "MetadataOf",
    "OriginRow",
    "OriginsOf",
    "SetMetadata",
    "SourceFilesOf",
]

Annotation = Literal["header", "metadata"]


@dataclass(frozen=True, slots=True)
class IndexedField:
    """One card of the headers, or one value of the user metadata, of a dataset type.

    Parameters
    ----------
    dataset_type : str
        Name of the type.
    source : str
        "header" or "metadata".
    path : tuple of str
        Name of the card, or the keys that lead to the value.
    """

    dataset_type: str
    source: Annotation
    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(
            [self.dataset_type, self.source, *(key if key.isidentifier() else f'"{key}"' for key in self.path)]
        )


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A packed header and the dataset that it belongs to; ``base`` is the place of its base."""

    id: bytes
    base: int
    cards: str
    packed: bytes
    primary_size: int


@dataclass(frozen=True, slots=True)
class AddHeaders:
    """Keep the header cards of datasets; those of a dataset that has some already stay as they are.

    Parameters
    ----------
    bases : sequence of (str, bytes)
        Queryable cards as a JSON object, and packed text, that the headers are told apart from.
    rows : sequence of HeaderRow
        One per dataset.
    """

    bases: Sequence[tuple[str, bytes]]
    rows: Sequence[HeaderRow]


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Give datasets user metadata.

    Parameters
    ----------
    ids : sequence of bytes
        The datasets.
    documents : sequence of mapping
        One for each of them, or one for all. Its keys replace those that are there, mappings are merged, and None takes a
        key away.
    replace : bool
        Whether it takes the place of all that is there.
    """

    ids: Sequence[bytes]
    documents: Sequence[Mapping[str, Any]]
    replace: bool = False


@dataclass(frozen=True, slots=True)
class OriginRow:
    """Where the file of a dataset came from: folder (or URL), name, size in bytes and time of last change, ns since 1970 UTC."""

    id: bytes
    directory: str
    name: str
    size: int | None
    modified: int | None


@dataclass(frozen=True, slots=True)
class AddOrigins:
    """Remember where files came from."""

    rows: Sequence[OriginRow]


@dataclass(frozen=True, slots=True)
class AddMakers:
    """Remember which activities made datasets that come from another repository.

    Parameters
    ----------
    rows : sequence of (bytes, bytes)
        Dataset id, and id of the activity.
    activities : sequence of tuple
        The activities, as `ActivitiesOf` gives them, without the number.
    """

    rows: Sequence[tuple[bytes, bytes]]
    activities: Sequence[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class EndActivity:
    """Say that an activity has ended, and how: ``done``, ``failed``."""

    id: bytes
    outcome: str


@dataclass(frozen=True, slots=True)
class CreateMetadataIndex:
    """Index a card or value, so that questions about it read few rows; no change if it is indexed."""

    field: IndexedField


@dataclass(frozen=True, slots=True)
class DropMetadataIndex:
    """Drop such an index."""

    field: IndexedField


@dataclass(frozen=True, slots=True)
class HeadersOf:
    """Stored headers: ``id``, ``primary``, ``own`` (text of cards, see `bunter.dataset.header`); no row where none is stored."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class MetadataOf:
    """User metadata: ``id``, ``document`` (JSON), ``change``; no row where there is none.

    With ``history`` all versions, in the order of changes; ``retired`` is null for those that hold.
    """

    ids: Sequence[bytes]
    history: bool = False


@dataclass(frozen=True, slots=True)
class OriginsOf:
    """Who made datasets, when, and where from, one row for each that is there.

    Columns are ``id``, ``change``, ``time``, ``user``, ``host``, those of `Activities` behind ``activity_``, and
    ``path``, ``size``, ``modified`` of the file that it was ingested from (null for others).
    """

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class SourceFilesOf:
    """Which files datasets were ingested from: ``id``, ``directory``, ``name``, ``size``, ``modified``, for those that were."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class MakersOf:
    """Which activity made datasets, be it in another repository: ``id`` and ``activity``, each of 16 bytes."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ActivitiesOf:
    """Activities by their ids: ``id``, ``number`` and the other columns of `Activities`, without counts."""

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Activities:
    """What was done, the newest first.

    Columns are ``number``, ``kind``, ``label``, ``began``, ``ended``, ``outcome``, ``user``, ``host``, ``process``, ``code``
    and ``facts`` (JSON), ``command``, ``changes``, and ``datasets``, which is counted where numbers are asked for.

    Parameters
    ----------
    numbers : tuple of int
        Only these; all if empty.
    kinds : tuple of str
        Only of these kinds; all if empty.
    label, user, host, command : str, optional
        Patterns with ``*`` and ``?``.
    after, before : int, optional
        Only those that were at work between these times, ns TAI.
    limit : int, optional
        At most so many.
    """

    numbers: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    label: str | None = None
    user: str | None = None
    host: str | None = None
    command: str | None = None
    after: int | None = None
    before: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class CardValues:
    """Chosen cards of stored headers: ``id`` and ``values``, a list of JSON texts in the order of the names, null for none."""

    ids: Sequence[bytes]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardNames:
    """Which cards, or keys of metadata, datasets of a type have: ``name``, in order; looks at some thousand datasets."""

    dataset_type: str
    source: Annotation


@dataclass(frozen=True, slots=True)
class MetadataIndexes:
    """Which cards and values are indexed: ``dataset_type``, ``source``, ``path`` (JSON), ``rows``."""

    names: tuple[str, ...] = field(default=())


AnnotationChange = (
    AddHeaders | SetMetadata | AddOrigins | AddMakers | EndActivity | CreateMetadataIndex | DropMetadataIndex
)
AnnotationInquiry = (
    HeadersOf
    | CardValues
    | MetadataOf
    | OriginsOf
    | SourceFilesOf
    | MakersOf
    | ActivitiesOf
    | Activities
    | CardNames
    | MetadataIndexes
)
