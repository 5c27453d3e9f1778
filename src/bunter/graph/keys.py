"""Data IDs as columns of small integers into one vocabulary per dimension."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Array", "Dictionary", "KeyTable", "KeyValue", "Vocabulary", "smallest_unsigned"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
KeyValue: TypeAlias = int | str


def smallest_unsigned(limit: int) -> np.dtype[Any]:
    """Narrowest unsigned type that holds all integers below ``limit``."""
    return np.min_scalar_type(max(limit - 1, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """A column of values that repeat.

    Parameters
    ----------
    values : array
        Distinct values.
    codes : array
        Place of each row's value among them; -1 for null.
    """

    values: Array
    codes: Array

    def __len__(self) -> int:
        return len(self.codes)


def _sortable(values: Iterable[Any]) -> Array:
    """Values of one dimension as an array: int64, or UTF-8 bytes of fixed width."""
    array = values if isinstance(values, np.ndarray) else np.asarray(list(values))
    if array.dtype.kind in "iub":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "S":
        return array
    if array.size == 0:
        return np.zeros(0, np.int64)
    return np.char.encode(array.astype(np.str_), "utf-8")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The distinct values of each dimension that a graph knows, sorted; a code is a place in its list."""

    values: Mapping[str, Array]
    _seen: dict[tuple[str, int], KeyValue | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, columns: Iterable[Mapping[str, Sequence[Any] | Array | Dictionary]]) -> Vocabulary:
        """Vocabulary of all values in some sets of columns keyed by dimension."""
        found: dict[str, list[Array]] = {}
        for columns_of_one in columns:
            for dimension, column in columns_of_one.items():
                values = column.values if isinstance(column, Dictionary) else column
                found.setdefault(dimension, []).append(np.unique(_sortable(values)))
        return cls({dimension: _merged(arrays) for dimension, arrays in found.items()})

    def encode(self, dimension: str, column: Sequence[Any] | Array | Dictionary) -> Array:
        """Return the codes of values; -1 for a value that is not known."""
        if isinstance(column, Dictionary):
            places = np.append(self.encode(dimension, column.values), -1)
            return np.asarray(places[column.codes])
        known, wanted = self.values[dimension], _sortable(column)
        if not len(known) or not len(wanted) or (known.dtype.kind == "S") != (wanted.dtype.kind == "S"):
            return np.full(len(wanted), -1, np.int64)
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return np.where(known[places] == wanted, places, -1)

    def size(self, dimension: str) -> int:
        """Count the values of a dimension."""
        return len(self.values[dimension])

    def value(self, dimension: str, code: int) -> KeyValue | None:
        """Return the value behind a code; None for the code that follows the last, which is null."""
        try:
            return self._seen[dimension, code]
        except KeyError:
            values = self.values[dimension]
            value = values[code].item() if code < len(values) else None
            self._seen[dimension, code] = found = value.decode("utf-8") if isinstance(value, bytes) else value
            return found

    def decode(self, dimension: str, codes: Array) -> Array:
        """Return the values behind codes: int64 or text."""
        values = self.values[dimension][codes]
        return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def _merged(arrays: list[Array]) -> Array:
    filled = [array for array in arrays if array.size]
    return np.unique(np.concatenate(filled)) if filled else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class KeyTable:
    """Data IDs of one dimension group, one per row.

    Parameters
    ----------
    required, implied : tuple of str
        Dimensions of the group; the required ones tell rows apart.
    size : int
        Number of rows.
    codes : mapping of str to array
        For each dimension ``(size,)`` unsigned codes, or a 0-d array where all rows have the same one.
    vocabulary : Vocabulary
        Values behind the codes.
    """

    required: tuple[str, ...]
    implied: tuple[str, ...]
    size: int
    codes: Mapping[str, Array]
    vocabulary: Vocabulary
    _columns: dict[str, Array] = field(default_factory=dict, repr=False)
    _last: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.size

    def code(self, dimension: str, row: int) -> int:
        """Code of a dimension in a row."""
        codes = self.codes[dimension]
        return int(codes[row] if codes.ndim else codes)

    def column(self, dimension: str) -> Array:
        """Codes of a dimension in all rows."""
        return np.broadcast_to(self.codes[dimension], (self.size,))

    def values(self, dimension: str) -> Array:
        """Values of a dimension in all rows: int64 or text."""
        return self.vocabulary.decode(dimension, self.column(dimension))

    def data_id(self, row: int) -> dict[str, KeyValue | None]:
        """Return the data ID of a row: required dimensions first, then those implied that are known."""
        last = self._last.get("row")
        if last and last[0] == row:
            return dict(last[1])
        if not self._columns:
            names = [*self.required, *(name for name in self.implied if name in self.codes)]
            self._columns.update({name: self.codes[name] for name in names})
        value = self.vocabulary.value
        found = {name: value(name, int(codes[row] if codes.ndim else codes)) for name, codes in self._columns.items()}
        self._last["row"] = row, found  # outputs of one quantum mostly share its data ID
        return dict(found)

    def find(self, data_id: Mapping[str, object]) -> Array:
        """Rows that have all the values given; dimensions that the table does not have are ignored."""
        found = np.ones(self.size, bool)
        for name, value in data_id.items():
            if name in self.codes:
                textual = self.vocabulary.values[name].dtype.kind == "S"
                code = int(self.vocabulary.encode(name, [str(value) if textual else value])[0])
                found &= self.column(name) == code if code >= 0 else False
        return np.flatnonzero(found)
