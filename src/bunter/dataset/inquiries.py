"""Questions to the books of a repository, as values: what happened when, and what a collection or a look-up consists of.

They hold names and numbers only, so that they can be sent to another process; each is answered by one table. Times are
ns TAI, ids 16 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.annotations import AnnotationInquiry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.values import Timespan


@dataclass(frozen=True, slots=True)
class Moment:
    """Which change was the last one at a time.

    The answer has one row: ``change`` (null before the first), ``first`` and ``latest``, the numbers of the first and
    the last change of all, and ``began``, the time of the first (null if there is none).

    Parameters
    ----------
    time : int, optional
        The time; None for now.
    """

    time: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Which snapshots there are: ``name``, ``change``, ``time`` of that change, ``doc``, and who made it when."""


@dataclass(frozen=True, slots=True)
class CollectionHistory:
    """What became of the collections that have, or once had, a name; rows in the order of time.

    Columns are ``change``, ``time``, ``user``, ``host``, ``command``, ``event`` (created, chain, doc, renamed, members,
    removed), ``text`` (in words) and ``children`` (of chains, in search order after the event; else null).
    """

    name: str


@dataclass(frozen=True, slots=True)
class Tombstones:
    """When and by whom datasets were removed; no row for those that are there, or never were.

    Columns are ``id``, ``dataset_type``, ``run``, ``change``, ``time``, ``user``, ``host`` and ``command``.
    """

    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Summaries:
    """What RUN, TAGGED and CALIBRATION collections hold: ``collection``, ``dataset_type``, governors, ``datasets``, ``bytes``.

    One row for each combination of values of the governor dimensions (null where a type does not have them). Bytes are
    those of the artifacts, null where sizes are not asked for; an artifact that several datasets of a row share counts
    once. ``together`` makes one summary of all collections, in which each dataset counts once; ``collection`` is null then.
    """

    collections: tuple[str, ...]
    sizes: bool = True
    together: bool = False


@dataclass(frozen=True, slots=True)
class Certifications:
    """Which validity ranges there are and were, in CALIBRATION collections.

    Columns are those of associations, and ``added``, ``added_time``, ``added_by``, ``retired``, ``retired_time``,
    ``retired_by``; the last three are null where the range holds.
    """

    dataset_type: str
    collections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """All datasets of a type and data ID: ``collection``, ``id``, ``run``, ``timespan_begin``, ``timespan_end``.

    Those that are certified several times have several rows; in other collections timespans are null.
    """

    dataset_type: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Datasets of a type whose data IDs differ from one in a single dimension: the nearest few for each dimension.

    Columns are ``collection``, ``dimension``, ``value`` (as text) and ``distance`` (null for texts); RUN, TAGGED and
    CALIBRATION collections only.

    Parameters
    ----------
    dataset_type : str
        The type.
    values : tuple
        Values of the required dimensions.
    collections : tuple of str
        Where to look.
    timespan : Timespan, optional
        When a calibration must be valid.
    """

    dataset_type: str
    values: tuple[Any, ...]
    collections: tuple[str, ...]
    timespan: Timespan | None = None


@dataclass(frozen=True, slots=True)
class Among:
    """Datasets of several types of one dimension group that have one of the data IDs given.

    Columns are ``dataset_type``, ``id``, ``run``, ``collection`` and the dimensions of the group; rows in the order of types.

    Parameters
    ----------
    dataset_types : tuple of str
        The types, all of one dimension group.
    collections : tuple of str
        Where to look, in order; chains are flattened before.
    keys : tuple of str
        Some of the required dimensions.
    rows : sequence of tuple
        Their values.
    find_first : bool
        Whether of several with one data ID only that of the first collection counts.
    """

    dataset_types: tuple[str, ...]
    collections: tuple[str, ...]
    keys: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    find_first: bool = True


@dataclass(frozen=True, slots=True)
class RecordReferences:
    """What refers to dimension records: ``kind``, ``name``, ``count`` and an ``example``.

    Kinds are "records" (of the element ``name``), "datasets" (of the type ``name``), and "along" for records that go
    with those that they name.

    Parameters
    ----------
    element : str
        What they are records of.
    columns : mapping of str to sequence
        Values of its required dimensions.
    """

    element: str
    columns: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class KeyedRecords:
    """Which records of an element have some values; rows of those that are there, with the columns of `Records`.

    Parameters
    ----------
    element : str
        The element.
    keys : mapping of str to sequence
        Values of its columns, row by row; mostly of its required dimensions.
    """

    element: str
    keys: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Packers:
    """Which layouts of packers are kept: ``name``, ``fixed`` and ``layout`` (JSON), ``change`` and ``time``.

    Parameters
    ----------
    name : str
        Only those of this name; empty for all.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class Migrations:
    """What was changed about the repository itself: ``change``, ``time``, ``user``, ``kind``, ``title``, ``detail``."""


@dataclass(frozen=True, slots=True)
class WithdrawnCollections:
    """Which collections, and which places in chains, there were once and are no more.

    Columns are ``name`` and ``child``: null for a name that no collection has any more, else a former member of a chain.
    """


@dataclass(frozen=True, slots=True)
class WithdrawnMembers:
    """Which datasets of a type were in a TAGGED or CALIBRATION collection, and are so no more.

    Columns are ``id``, and ``timespan_begin`` and ``timespan_end`` of validity ranges, null for tags.
    """

    dataset_type: str
    collection: str


@dataclass(frozen=True, slots=True)
class MetricsOf:
    """What tables of metrics have of datasets: ``place`` (of the id, from 0), ``name``, ``value`` and ``text``.

    Numbers have no text and texts no value; a number that is not finite may have neither.

    Parameters
    ----------
    ids : sequence of bytes
        The datasets.
    names : tuple of str
        Which metrics; all if empty.
    """

    ids: Sequence[bytes]
    names: tuple[str, ...] = ()


Inquiry = (
    Moment
    | MetricsOf
    | Snapshots
    | CollectionHistory
    | Tombstones
    | Summaries
    | Certifications
    | Candidates
    | Neighbours
    | Among
    | RecordReferences
    | KeyedRecords
    | Packers
    | Migrations
    | WithdrawnCollections
    | WithdrawnMembers
    | AnnotationInquiry
)
