"""What a graph is built from: dimension records, existing datasets and calibrations, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bunter.graph.keys import Dictionary, Vocabulary
from bunter.graph.relation import Pairs, Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bunter.dimensions import Universe
    from bunter.graph.keys import Array

__all__ = ["Certified", "Existing", "PlainColumns", "RecordTable", "Sources"]

PlainColumns: TypeAlias = "Mapping[str, Sequence[Any] | Array | Dictionary]"


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable:
    """Records of one element.

    Parameters
    ----------
    keys : Relation
        Its required and implied dimensions.
    columns : mapping of str to array
        Metadata that the selection asks for, and ``timespan_begin``, ``timespan_end`` (int64, ns TAI).
    """

    keys: Relation
    columns: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Existing:
    """Datasets of one type that exist, at most one per data ID.

    Parameters
    ----------
    keys : Relation
        Required dimensions.
    ids : array
        ``(n, 16) uint8``.
    runs : tuple of str
        Names of runs.
    run : array
        Place of each dataset's run in ``runs``.
    """

    keys: Relation
    ids: Array
    runs: tuple[str, ...]
    run: Array

    def take(self, rows: Array) -> Existing:
        """Return the datasets with these numbers."""
        return Existing(self.keys.take(rows), self.ids[rows], self.runs, self.run[rows])

    def with_more(self, other: Existing) -> Existing:
        """Append other datasets of the type; data IDs may then repeat."""
        size = self.keys.size + other.keys.size
        columns = {
            name: np.concatenate([column, other.keys.columns[name]]) for name, column in self.keys.columns.items()
        }
        run = np.concatenate([self.run, other.run + len(self.runs)])
        return Existing(Relation(columns, size), np.concatenate([self.ids, other.ids]), self.runs + other.runs, run)


@dataclass(frozen=True, slots=True, eq=False)
class Certified:
    """Certifications of datasets of one calibration type; no two of one rank and data ID overlap in time.

    Parameters
    ----------
    existing : Existing
        The datasets; here data IDs may repeat.
    begin, end : array
        Validity, int64 ns TAI, half-open.
    rank : array
        Place of the collection in the search; the lowest that has a valid one is taken.
    """

    existing: Existing
    begin: Array
    end: Array
    rank: Array

    def take(self, rows: Array) -> Certified:
        """Return the certifications with these numbers."""
        return Certified(self.existing.take(rows), self.begin[rows], self.end[rows], self.rank[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """All that a graph is built from.

    Parameters
    ----------
    universe : Universe
        Where dimensions are defined.
    vocabulary : Vocabulary
        Values behind the codes of all relations.
    records : mapping of str to RecordTable
        By element; for a sky-pixel dimension, the pixels that matter.
    datasets : mapping of str to Existing
        Existing datasets of overall inputs and prerequisites, found first in the input collections.
    calibrations : mapping of str to Certified
        Prerequisites that have validity ranges.
    overlap : callable
        For two elements (spatial or temporal, or two levels of one sky pixelization), the pairs of rows of their records
        that overlap.
    alternatives : mapping of (str, str) to Existing
        By dataset type and collection, the datasets that operators want to be used in some places.
    """

    universe: Universe
    vocabulary: Vocabulary
    records: Mapping[str, RecordTable]
    datasets: Mapping[str, Existing]
    calibrations: Mapping[str, Certified]
    overlap: Callable[[str, str], Pairs]
    alternatives: Mapping[tuple[str, str], Existing] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        universe: Universe,
        *,
        records: Mapping[str, PlainColumns],
        datasets: Mapping[str, tuple[PlainColumns, Array, Sequence[str] | Dictionary]],
        calibrations: Mapping[str, tuple[PlainColumns, Array, Sequence[str] | Dictionary, Array, Array, Array]],
        overlap: Callable[[str, str], Pairs],
        alternatives: Mapping[tuple[str, str], tuple[PlainColumns, Array, Sequence[str] | Dictionary]] | None = None,
    ) -> Sources:
        """Make sources from plain values.

        Parameters
        ----------
        universe : Universe
            Where dimensions are defined.
        records : mapping
            By element, columns by name; None for null.
        datasets : mapping
            By dataset type: columns of required dimensions, ids ``(n, 16) uint8``, and the run of each.
        calibrations : mapping
            The same, then begin, end and rank.
        overlap : callable
            As above.
        alternatives : mapping, optional
            By dataset type and collection, what ``datasets`` has by dataset type.
        """
        keys = {name: {d: c for d, c in columns.items() if d in universe and universe[d].is_dimension}
                for name, columns in records.items()}  # fmt: skip
        others = alternatives or {}
        every = [*keys.values(), *(part[0] for parts in (datasets, others, calibrations) for part in parts.values())]
        vocabulary = Vocabulary.of([{name: _filled(column) for name, column in columns.items()} for columns in every])
        tables = {
            name: RecordTable(
                encode(vocabulary, keys[name]),
                {other: _plain(column) for other, column in columns.items() if other not in keys[name]},
            )
            for name, columns in records.items()
        }
        existing = {name: _existing(vocabulary, *part) for name, part in datasets.items()}
        certified = {
            name: Certified(_existing(vocabulary, *part[:3]), *map(np.asarray, part[3:]))
            for name, part in calibrations.items()
        }
        more = {name: _existing(vocabulary, *part) for name, part in others.items()}
        return cls(universe, vocabulary, tables, existing, certified, overlap, more)


def _plain(column: Sequence[Any] | Array | Dictionary) -> Array:
    """Return the values of a column that is no key, as they are; masked arrays stay masked."""
    return column.values[column.codes] if isinstance(column, Dictionary) else np.asanyarray(column)


def _filled(column: Sequence[Any] | Array | Dictionary) -> Sequence[Any] | Array | Dictionary:
    """Leave out nulls."""
    return column if isinstance(column, np.ndarray | Dictionary) else [value for value in column if value is not None]


def encode(vocabulary: Vocabulary, columns: PlainColumns) -> Relation:
    """Relation of the codes of plain columns; -1 for None."""
    codes = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray | Dictionary):
            codes[name] = vocabulary.encode(name, column)
        else:
            known = np.fromiter((value is not None for value in column), bool, len(column))
            codes[name] = np.full(len(column), -1, np.int64)
            codes[name][known] = vocabulary.encode(name, _filled(column))
    return Relation(codes, len(next(iter(codes.values()))) if codes else 1)


def _existing(vocabulary: Vocabulary, columns: PlainColumns, ids: Array, runs: Sequence[str] | Dictionary) -> Existing:
    if isinstance(runs, Dictionary):
        names, run = runs.values, runs.codes
    else:
        names, run = np.unique(np.asarray(runs, np.str_), return_inverse=True)
    size = len(ids)
    keys = encode(vocabulary, columns)
    return Existing(Relation(keys.columns, size), ids, tuple(str(name) for name in names), run.reshape(-1))
