"""The planned quanta of one task as columns, for tasks that must see all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["PlannedEdges", "PlannedQuanta"]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEdges:
    """What the quanta of a task read or write through one connection.

    Parameters
    ----------
    quantum : (M,) int64
        Number of the quantum, for each pair of a quantum and a dataset.
    data_ids : mapping of str to (M,) array
        Values of the dataset's dimensions, for each pair.
    """

    quantum: NDArray[np.int64]
    data_ids: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.quantum)


class PlannedQuanta:
    """The planned quanta of one task; `drop` and `unlink` take some away.

    Parameters
    ----------
    label : str
        Label of the task.
    data_ids : mapping of str to (N,) array
        Values of the task's dimensions.
    edges : mapping of str to PlannedEdges
        By connection.
    """

    def __init__(
        self, label: str, data_ids: Mapping[str, NDArray[Any]], edges: Mapping[str, PlannedEdges], size: int
    ) -> None:
        self.label, self.data_ids, self._edges, self._size = label, data_ids, edges, size
        self.dropped = np.zeros(size, bool)
        self.reasons: dict[str, NDArray[np.bool_]] = {}
        self.unlinked = {name: np.zeros(len(edge), bool) for name, edge in edges.items()}

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, connection: str) -> PlannedEdges:
        if connection not in self._edges:
            raise PipelineError(f"task {self.label!r} has no connection {connection!r}{near(connection, self._edges)}")
        return self._edges[connection]

    def count(self, connection: str) -> NDArray[np.int64]:
        """Count the datasets of each quantum at a connection, without those that were unlinked.

        Returns
        -------
        (N,) int64
            In the order of the quanta.
        """
        kept = self[connection].quantum[~self.unlinked[connection]]
        return np.bincount(kept, minlength=self._size).astype(np.int64)

    def drop(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Leave quanta out of the plan.

        Parameters
        ----------
        mask : (N,) bool
            Which.
        reason : str
            Why, for those who ask later.
        """
        new = np.asarray(mask, bool) & ~self.dropped
        self.dropped |= new
        self.reasons[reason] = self.reasons.get(reason, np.zeros(self._size, bool)) | new

    def unlink(self, connection: str, mask: NDArray[np.bool_]) -> None:
        """Let quanta not read, or not write, some datasets.

        Parameters
        ----------
        connection : str
            Name of the connection.
        mask : (M,) bool
            Which pairs of quantum and dataset.
        """
        self[connection]
        self.unlinked[connection] |= np.asarray(mask, bool)
