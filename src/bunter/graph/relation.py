"""Relations over dimensions: columns of codes, and the few operations on them that graph building needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.graph.keys import Array

__all__ = ["Pairs", "Relation", "joint_keys", "match", "single"]

_ROOM = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of rows of two tables: ``left[k]`` goes with ``right[k]``."""

    left: Array
    right: Array

    def __len__(self) -> int:
        return len(self.left)

    def where(self, mask: Array) -> Pairs:
        """Keep the pairs for which the mask holds."""
        return self if mask.all() else Pairs(self.left[mask], self.right[mask])

    def count_left(self, size: int) -> Array:
        """Count the pairs of each of the ``size`` rows on the left."""
        return np.bincount(self.left, minlength=size)


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """Rows of codes, one column per dimension.

    Parameters
    ----------
    columns : mapping of str to array
        ``(size,) int64`` codes into a vocabulary that all relations share; -1 for null.
    size : int
        Number of rows; a relation without columns and with one row joins with everything.
    """

    columns: Mapping[str, Array]
    size: int

    @classmethod
    def unit(cls) -> Relation:
        """Make the relation without columns and with one row."""
        return cls({}, 1)

    def __len__(self) -> int:
        return self.size

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def take(self, rows: Array) -> Relation:
        """Return the rows with these numbers, or those for which a mask holds."""
        size = int(np.count_nonzero(rows)) if rows.dtype == bool else len(rows)
        return Relation({name: column[rows] for name, column in self.columns.items()}, size)

    def only(self, names: Iterable[str]) -> Relation:
        """Keep some columns, those that there are; rows may then repeat."""
        return Relation({name: self.columns[name] for name in names if name in self.columns}, self.size)

    def keys(self, names: Sequence[str]) -> Array:
        """Give rows numbers: the same to two rows if and only if they agree on ``names``."""
        return _pack([self.columns[name] for name in names], self.size)

    def distinct(self, names: Sequence[str], carry: Sequence[str] = ()) -> tuple[Relation, Array]:
        """Return one row for each combination of values, in ascending order, and the place of each old row among them.

        Parameters
        ----------
        names : sequence of str
            Columns that tell rows apart.
        carry : sequence of str
            Further columns to keep, whose values follow from ``names``.
        """
        if not names:
            return self.only(carry).take(np.arange(min(self.size, 1))), np.zeros(self.size, np.int64)
        _, rows, places = np.unique(self.keys(names), return_index=True, return_inverse=True)
        return self.only([*names, *carry]).take(rows), places.reshape(-1)

    def join(self, other: Relation) -> Relation:
        """Join with another relation on all columns that both have."""
        pairs = self.matches(other)
        columns = {name: column[pairs.left] for name, column in self.columns.items()}
        for name, column in other.columns.items():
            if name not in columns:
                columns[name] = column[pairs.right]
        return Relation(columns, len(pairs))

    def matches(self, other: Relation) -> Pairs:
        """Find all pairs of rows that agree on all columns that both have."""
        shared = [name for name in self.columns if name in other.columns]
        if not shared:
            left = np.repeat(np.arange(self.size), other.size)
            return Pairs(left, np.tile(np.arange(other.size), self.size))
        keys = joint_keys(self, other, shared)
        return match(keys[: self.size], keys[self.size :])


def joint_keys(left: Relation, right: Relation, names: Sequence[str]) -> Array:
    """Give numbers to the rows of two relations, one after the other: equal ones to rows that agree on ``names``."""
    joint = [np.concatenate([left.columns[name], right.columns[name]]) for name in names]
    return _pack(joint, left.size + right.size)


def _pack(columns: Sequence[Array], size: int) -> Array:
    """Mixed-radix numbers of rows of codes, made dense again where they would not fit into 62 bits."""
    packed, room = np.zeros(size, np.int64), 1
    for column in columns:
        radix = int(column.max(initial=-1)) + 2
        if room * radix > _ROOM:
            values, packed = np.unique(packed, return_inverse=True)
            room = len(values)
        packed = packed * radix + (column + 1)
        room *= radix
    return packed


def match(left: Array, right: Array) -> Pairs:
    """Find all pairs of equal numbers, sorted by left row, then right row."""
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    begin: Array = np.searchsorted(ordered, left, "left")
    count: Array = np.searchsorted(ordered, left, "right") - begin
    rows: Array = np.repeat(np.arange(len(left)), count)
    ends = np.cumsum(count)
    offset = np.arange(len(rows)) - np.repeat(ends - count, count)
    return Pairs(rows, order[np.repeat(begin, count) + offset])


def single(left: Array, right: Array) -> Array:
    """Find for each number on the left the row on the right that has it, of which there is at most one; -1 for none."""
    if not len(right):
        return np.full(len(left), -1, np.int64)
    order = np.argsort(right, kind="stable")
    places = np.minimum(np.searchsorted(right, left, sorter=order), len(right) - 1)
    found = order[places]
    rows: Array = np.where(right[found] == left, found, -1)
    return rows
