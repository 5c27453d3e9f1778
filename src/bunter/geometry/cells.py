"""Cells of the sky by which an index finds regions: each region has one, at a level that its size decides.

The sky is divided as a cube is: six faces, each of them into 4**level cells, numbered along a curve so that the cells within
a coarser one are a range. A region belongs to the cell that its centre lies in, at the deepest level whose cells are at least
as wide as the region. What a circle can meet lies, at each level, in the few cells around it; so one range of numbers, or a
few, per level find all candidates, however many regions there are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["DEEPEST", "WHOLE_SKY", "cells_near", "cells_of"]

DEEPEST: Final = 16
"""Level of the smallest cells, 5 arcseconds wide."""

WHOLE_SKY: Final = 0
"""Cell of what is wider than a face of the cube."""

_WIDEST = math.pi / 4  # half the width of a face: a region of level L reaches at most this / 2**L from its centre
_MOST = 48  # cells of one level that are told apart; beyond that coarser ones stand for those within them
_SLACK = 1e-9


def cells_of(circles: Floats) -> Ints:
    """Return the cell of each region, given its bounding cap.

    Parameters
    ----------
    circles : ndarray, (N, 4) float64
        Unit vector of the centre and opening angle in radians, as `bunter.geometry.caps` gives them.

    Returns
    -------
    ndarray, (N,) int64
    """
    import numpy as np

    angle = np.maximum(circles[:, 3], _WIDEST / 2**DEEPEST)
    level = np.floor(np.log2(_WIDEST / angle)).astype(np.int64)
    level = np.minimum(level, DEEPEST)
    wide = level < 0
    level[wide] = 0
    face, u, v = _on_cube(circles[:, :3])
    size = np.left_shift(1, level)
    column, row = (np.clip(((each + 1) / 2 * size).astype(np.int64), 0, size - 1) for each in (u, v))
    cells: Ints = _first(level) + np.left_shift(face, 2 * level) + _interleaved(column, row)
    cells[wide] = WHOLE_SKY
    return cells


def cells_near(circle: Sequence[float]) -> list[tuple[int, int]]:
    """Return ranges of cells, both ends included, in which all regions lie that can meet a circle.

    Parameters
    ----------
    circle : sequence of float
        Unit vector of the centre and opening angle in radians.
    """
    import numpy as np

    centre, angle = np.asarray(circle[:3], float), max(0.0, float(circle[3]))
    kept = np.arange(6, dtype=np.int64)  # faces, then cells: the face's number before those along the curve
    found = [(WHOLE_SKY, WHOLE_SKY)]
    depth = 0
    for level in range(DEEPEST + 1):
        if level and len(kept) <= _MOST:
            kept = (kept[:, None] * 4 + np.arange(4)).ravel()
            depth = level
        if depth == level:
            kept = kept[_may_meet(kept, level, centre, angle + _WIDEST / 2**level)]
        found += _ranges(kept, level, depth)
    return found


def _may_meet(cells: Ints, level: int, centre: Floats, reach: float) -> Any:
    """Say of which cells some point may lie within a distance of the centre."""
    import numpy as np

    middles, radius = _middles(cells, level)
    distance = 2 * np.arcsin(np.clip(np.linalg.norm(middles - centre, axis=1) / 2, 0, 1))
    return distance <= reach + radius + _SLACK


def _middles(cells: Ints, level: int) -> tuple[Floats, Floats]:
    """Return the middle of each cell, and how far its corners are from there."""
    import numpy as np

    face = np.right_shift(cells, 2 * level)
    along = cells - np.left_shift(face, 2 * level)
    column, row = _apart(along), _apart(np.right_shift(along, 1))
    size = float(2**level)
    middle = _on_sphere(face, (column + 0.5) / size * 2 - 1, (row + 0.5) / size * 2 - 1)
    corners = [_on_sphere(face, (column + a) / size * 2 - 1, (row + b) / size * 2 - 1) for a in (0, 1) for b in (0, 1)]
    chord = np.max([np.linalg.norm(corner - middle, axis=1) for corner in corners], axis=0)
    return middle, 2 * np.arcsin(np.clip(chord / 2, 0, 1))


def _ranges(kept: Ints, level: int, depth: int) -> list[tuple[int, int]]:
    """Return numbers of cells of a level, given those of it or of a coarser level that they lie in."""
    import numpy as np

    if not len(kept):
        return []
    ordered = np.sort(kept)
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    begins, ends = ordered[np.r_[0, breaks + 1]], ordered[np.r_[breaks, len(ordered) - 1]]
    shift, first = 2 * (level - depth), int(_first(level))
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    return [(first + (begin << shift), first + ((end + 1) << shift) - 1) for begin, end in pairs]


def _first(level: Any) -> Any:
    """Return the number of the first cell of a level: those of coarser levels come before, and the whole sky first."""
    return 2 * (4**level - 1) + 1


def _on_cube(vectors: Floats) -> tuple[Ints, Floats, Floats]:
    """Return the face of the cube that each direction leaves through, and where: -1 to 1, in equal angles."""
    import numpy as np

    axis = np.argmax(np.abs(vectors), axis=1)
    rows = np.arange(len(vectors))
    along = vectors[rows, axis]
    face = (2 * axis + (along < 0)).astype(np.int64)
    depth = np.where(along == 0, 1.0, np.abs(along))
    u = np.arctan(vectors[rows, (axis + 1) % 3] / depth) * (4 / math.pi)
    v = np.arctan(vectors[rows, (axis + 2) % 3] / depth) * (4 / math.pi)
    return face, u, v


def _on_sphere(face: Ints, u: Any, v: Any) -> Floats:
    """Return unit vectors of places on the cube."""
    import numpy as np

    axis = face // 2
    rows = np.arange(len(face))
    vectors = np.empty((len(face), 3))
    vectors[rows, axis] = np.where(face % 2, -1.0, 1.0)
    vectors[rows, (axis + 1) % 3] = np.tan(u * (math.pi / 4))
    vectors[rows, (axis + 2) % 3] = np.tan(v * (math.pi / 4))
    length: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / length


_SPREAD = ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555))


def _interleaved(column: Ints, row: Ints) -> Ints:
    """Return numbers along the curve: bits of column and row by turns."""
    return _spread(column) | (_spread(row) << 1)


def _spread(bits: Ints) -> Ints:
    for shift, mask in _SPREAD:
        bits = (bits | (bits << shift)) & mask
    return bits


def _apart(along: Ints) -> Ints:
    bits = along & 0x55555555
    for shift, mask in ((1, 0x33333333), (2, 0x0F0F0F0F), (4, 0x00FF00FF), (8, 0x0000FFFF)):
        bits = (bits | (bits >> shift)) & mask
    return bits
