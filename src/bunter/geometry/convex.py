"""Whether convex polygons overlap, many pairs at once, as far as double precision can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["APART", "MEETING", "UNDECIDED", "edge_normals", "separations", "well_formed"]

APART, UNDECIDED, MEETING = -1, 0, 1

_SURE = 1e-14
"""A triple product of unit vectors farther from zero than this has its exact sign: its rounding error is below 1e-15."""


def edge_normals(vertices: Floats) -> Floats:
    """Vectors that point inwards from the great circles of each polygon's edges.

    Parameters
    ----------
    vertices : ndarray, (N, P, 3) float64
        Unit vectors, counter-clockwise as seen from outside the sphere.

    Returns
    -------
    ndarray, (N, P, 3) float64
        Not of unit length: a short edge has a short normal.
    """
    import numpy as np

    return np.cross(vertices, np.roll(vertices, -1, axis=1))


def well_formed(vertices: Floats, normals: Floats) -> NDArray[np.bool_]:
    """Say of which polygons all vertices lie, without doubt or as ends, on the inner side of all edges.

    Parameters
    ----------
    vertices, normals : ndarray, (N, P, 3) float64
        As for `edge_normals`, and what that gives.
    """
    import numpy as np

    heights = normals @ vertices.transpose(0, 2, 1)
    places = np.arange(vertices.shape[1])
    heights[:, places, places] = heights[:, places, (places + 1) % len(places)] = 1.0
    return np.asarray((heights > _SURE).all(axis=(1, 2)))


def separations(vertices_a: Floats, normals_a: Floats, vertices_b: Floats, normals_b: Floats) -> NDArray[np.int8]:
    """Tell of each pair whether its two polygons overlap.

    Two convex polygons of one hemisphere are apart if and only if the great circle of an edge has all of the other one
    on its outer side (separating axes, in the gnomonic projection).

    Parameters
    ----------
    vertices_a, normals_a : ndarray, (P, 3, N) float64
        The first of each pair, with pairs along the last axis; well formed.
    vertices_b, normals_b : ndarray, (Q, 3, N) float64
        The second of each pair; well formed, and within one hemisphere with the first.

    Returns
    -------
    ndarray, (N,) int8
        `APART`, `MEETING`, or `UNDECIDED` where they touch or nearly do.
    """
    import numpy as np

    farthest = np.minimum(_least_reach(normals_a, vertices_b), _least_reach(normals_b, vertices_a))
    return (farthest > _SURE).astype(np.int8) - (farthest < -_SURE).astype(np.int8)


def _least_reach(normals: Floats, vertices: Floats) -> Floats:
    """How far the vertices come inside of the edge where they come least."""
    import numpy as np

    x, y, z = vertices[:, 0], vertices[:, 1], vertices[:, 2]
    reaches = [(x * a + y * b + z * c).max(axis=0) for a, b, c in normals]
    return np.minimum.reduce(reaches)  # type: ignore[no-any-return]
