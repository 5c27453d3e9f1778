"""The tables of a graph: quanta per task, datasets per type, edges per connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from bunter.graph.predicted import predicted_id

if TYPE_CHECKING:
    from bunter.graph.artifacts import ArtifactTable
    from bunter.graph.keys import Array, KeyTable
    from bunter.graph.unique import Units

__all__ = ["DatasetTable", "EdgeKind", "Edges", "QuantumTable"]

EdgeKind: TypeAlias = Literal["input", "prerequisite", "output", "init_input", "init_output"]


class _Numbered:
    """Rows that have numbers within a whole graph: one after the other from ``first``, or those that ``rows`` lists."""

    __slots__ = ()
    first: int
    rows: Array | None

    def number(self, row: int) -> int:
        """Return the number within the graph of a row of this table."""
        return self.first + row if self.rows is None else int(self.rows[row])

    def numbers(self, rows: Array) -> Array:
        """Return the numbers within the graph of some rows of this table, as int64."""
        return rows.astype(np.int64) + self.first if self.rows is None else self.rows[rows]

    def row_of(self, number: int) -> int | None:
        """Return the row of this table that has a number within the graph; None if no row has it."""
        if self.rows is None:
            row = number - self.first
            return row if 0 <= row < len(self) else None  # type: ignore[arg-type]
        row = int(np.searchsorted(self.rows, number))
        return row if row < len(self.rows) and self.rows[row] == number else None

    def rows_of(self, numbers: Array) -> Array:
        """Return the rows of this table that have some of these ascending numbers."""
        if self.rows is None:
            begin, end = np.searchsorted(numbers, [self.first, self.first + len(self)])  # type: ignore[arg-type]
            return numbers[begin:end] - self.first
        return np.flatnonzero(np.isin(self.rows, numbers))


@dataclass(frozen=True, slots=True, eq=False)
class QuantumTable(_Numbered):
    """The quanta of one task.

    Parameters
    ----------
    label : str
        Label of the task.
    first : int
        Row within the graph of its first quantum.
    keys : KeyTable
        Their data IDs.
    fingerprints : array, optional
        ``(n, 16) uint8``, one fingerprint per quantum.
    roles : array, optional
        Why each is there: 1 the selection asks for it, 2 something reads from it, 3 it came along; 0-d if all alike.
    rows : array, optional
        Numbers of the quanta within the graph, ascending int64; None where they follow each other from ``first``.
    """

    label: str
    first: int
    keys: KeyTable
    fingerprints: Array | None = None
    roles: Array | None = None
    rows: Array | None = None

    def __len__(self) -> int:
        return self.keys.size


@dataclass(frozen=True, slots=True, eq=False)
class DatasetTable(_Numbered):
    """The datasets of one type that the graph reads or writes.

    Parameters
    ----------
    name : str
        Name of the dataset type.
    first : int
        Row within the graph of its first dataset.
    keys : KeyTable
        Their data IDs.
    storage_class : str
        Storage class of the dataset type.
    is_calibration : bool
        Whether the dataset type is one of calibrations.
    runs : tuple of str
        The runs that hold them.
    run : array, optional
        Code of each dataset's run; None where all are in the only one.
    ids : array, optional
        ``(n, 16) uint8``; None where all are predicted.
    exists : array, optional
        Whether each exists; None where all do or, without ``ids``, none does.
    artifacts : ArtifactTable, optional
        Where those that exist are stored.
    rows : array, optional
        Numbers of the datasets within the graph, ascending int64; None where they follow each other from ``first``.
    makers : array, optional
        In a part of a graph, the number of the quantum that makes each, -1 for none; int64.
    """

    name: str
    first: int
    keys: KeyTable
    storage_class: str = ""
    is_calibration: bool = False
    runs: tuple[str, ...] = ()
    run: Array | None = None
    ids: Array | Units | None = None
    exists: Array | None = None
    artifacts: ArtifactTable | None = None
    rows: Array | None = None
    makers: Array | None = None

    def __len__(self) -> int:
        return self.keys.size

    def has(self, row: int) -> bool:
        """Whether the dataset in a row existed when the graph was built."""
        return self.ids is not None and (self.exists is None or bool(self.exists[row]))

    def id_of(self, row: int, base: bytes) -> bytes:
        """Id of the dataset in a row: its own, or the predicted one."""
        if self.ids is not None and self.has(row):
            return bytes(self.ids[row].tobytes())
        return predicted_id(base, self.number(row))

    def run_of(self, row: int) -> str:
        """Return the run of the dataset in a row."""
        return self.runs[0 if self.run is None else int(self.run[row])]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Which datasets the quanta of one task read or write through one connection, sorted by quantum.

    Parameters
    ----------
    label, connection : str
        The task and its connection.
    kind : str
        "input", "prerequisite", "output", "init_input" or "init_output".
    dataset_type : str
        What is at the other end.
    component : str or None
        Component that is read.
    storage_class : str
        Storage class that the task sees.
    size : int
        Number of quanta of the task (1 for the construction of a task).
    multiple, deferred : bool
        As declared.
    begin : array, optional
        ``(size + 1,)``; datasets of quantum i are ``dataset[begin[i]:begin[i + 1]]``. None where each has exactly one.
    dataset : array, optional
        Rows in the dataset table, ascending within a quantum. None where quantum i has dataset i.
    """

    label: str
    connection: str
    kind: EdgeKind
    dataset_type: str
    component: str | None
    storage_class: str
    size: int
    multiple: bool = False
    deferred: bool = False
    begin: Array | None = None
    dataset: Array | None = None

    @classmethod
    def compact(cls, quantum: Array, dataset: Array, size: int) -> tuple[Array | None, Array | None]:
        """Return the columns ``begin`` and ``dataset`` for pairs, in the shortest of the three forms."""
        order = np.lexsort((dataset, quantum))
        quantum, dataset = quantum[order], dataset[order].astype(np.uint32)
        counts = np.bincount(quantum, minlength=size)
        if (counts == 1).all():
            same = bool((dataset == np.arange(size)).all())
            return None, None if same else dataset
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32), dataset

    @property
    def is_read(self) -> bool:
        """Whether quanta read what is at the other end, each its own; what constructs a task is not meant."""
        return self.kind in {"input", "prerequisite"}

    def __len__(self) -> int:
        if self.begin is not None:
            return int(self.begin[-1])
        return self.size

    def of_quantum(self, row: int) -> list[int]:
        """Dataset rows of the task's quantum number ``row``, ascending."""
        if self.dataset is None:
            return [row]
        if self.begin is None:
            return [int(self.dataset[row])]
        return [int(found) for found in self.dataset[int(self.begin[row]) : int(self.begin[row + 1])]]

    @property
    def quanta(self) -> Array:
        """Quantum of each edge, ascending."""
        if self.begin is None:
            return np.arange(self.size)
        return np.repeat(np.arange(self.size), (self.begin[1:] - self.begin[:-1]).astype(np.int64))

    @property
    def datasets(self) -> Array:
        """Dataset of each edge."""
        return np.arange(self.size) if self.dataset is None else self.dataset.astype(np.int64)
