"""How much work follows from each quantum: the length of the longest path that begins there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["heights"]


def heights(
    size: int,
    parents: NDArray[np.int64],
    children: NDArray[np.int64],
    durations: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Length of the longest path that begins at each quantum, with the quantum itself.

    Parameters
    ----------
    size : int
        Number of quanta.
    parents, children : array of int64
        The edges.
    durations : (N,) float64, optional
        Length of each quantum, in seconds; 1 if left out.

    Raises
    ------
    ValueError
        If the edges have a cycle.
    """
    own = np.ones(size) if durations is None else np.asarray(durations, np.float64)
    height = own.copy()
    for _ in range(size + 1):
        longer = own[parents] + height[children]
        if not (longer > height[parents]).any():
            return height
        np.maximum.at(height, parents, longer)
    raise ValueError("the quanta depend on each other in a circle")
