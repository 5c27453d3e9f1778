"""Which regions of one set overlap which of another, in bulk.

Bounding caps are matched on a grid in NumPy; what is left is tested exactly, with each region decoded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.geometry.convex import MEETING, UNDECIDED, edge_normals, separations, well_formed
from bunter.geometry.shapes import decode, shapes_overlap, sphgeom, xyz

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PADDING = 5e-8
"""Radians that caps are wider than needed, so that tests by dot products in double precision lose nothing."""

_WIDE = 0.5  # radians; caps that together are wider than this are compared one with all
_BLOCK = 1 << 16
_CORNER = 24  # bytes of a corner of an encoded polygon, after one that says what it is
_TRIANGLE = 3 * _CORNER + 1
_PAIRS = 1 << 13  # compared at a time: what is worked out of them stays in the processor's cache
_NARROW = 0.7  # radians; two caps that meet and are no wider than this lie in one hemisphere


def caps(regions: Sequence[bytes]) -> Floats:
    """Bounding caps of encoded regions.

    Parameters
    ----------
    regions : Sequence[bytes]
        As `Region.encode` gives them.

    Returns
    -------
    ndarray, (N, 4) float64
        Unit vector of the centre and opening angle in radians, `PADDING` wider than the region. An empty region has a
        negative angle.
    """
    return Decoded(regions).caps


def overlapping_pairs(a: Sequence[bytes] | Decoded, b: Sequence[bytes] | Decoded) -> tuple[Ints, Ints]:
    """Find all pairs of overlapping regions, borders included.

    Parameters
    ----------
    a, b : Sequence[bytes] or Decoded
        Encoded regions.

    Returns
    -------
    tuple[ndarray, ndarray]
        Positions in ``a`` and in ``b`` of each pair (int64), sorted by the first, then the second.
    """
    import numpy as np

    first, second = (each if isinstance(each, Decoded) else Decoded(each) for each in (a, b))
    left, right = _candidates(first.caps, second.caps)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    keep = _exact(first, second, left, right)
    return left[keep], right[keep]


@dataclass(frozen=True, slots=True)
class _Polygons:
    """Convex polygons with one number of corners.

    ``place`` is where each region is among them; of those that are not among them it says nothing. Vertices and normals
    have polygons along their last axis.
    """

    place: Ints
    vertices: Floats
    normals: Floats
    well_formed: NDArray[np.bool_]


class Decoded:
    """Encoded regions: their caps, which of them are convex polygons, and their shapes once asked for.

    Parameters
    ----------
    regions : Sequence[bytes]
        As `Region.encode` gives them.
    """

    def __init__(self, regions: Sequence[bytes]) -> None:
        import numpy as np

        self.regions = regions
        self.caps = np.zeros((len(regions), 4))
        self.corners = np.zeros(len(regions), np.int64)  # number of vertices of a polygon, else 0
        self._vertices: dict[int, tuple[Ints, Floats]] = {}  # by their number: of which regions
        self._polygons_of: dict[int, _Polygons] = {}
        self._shapes: dict[int, Any] = {}
        self._sort_out()

    def _sort_out(self) -> None:
        import numpy as np

        lengths = np.fromiter(map(len, self.regions), np.int64, len(self.regions))
        for length in np.unique(lengths).tolist():
            where = np.flatnonzero(lengths == length)
            if length >= _TRIANGLE and length % _CORNER == 1:
                where = self._without_polygons(where, length)
            if where.size:
                self.caps[where] = [self._cap(position) for position in where.tolist()]

    def _without_polygons(self, where: Ints, length: int) -> Ints:
        """Take up the polygons among regions of one length; return the others."""
        import numpy as np

        joined = b"".join(map(self.regions.__getitem__, where.tolist()))
        table = np.frombuffer(joined, np.uint8).reshape(len(where), length)
        convex = table[:, 0] == ord("p")
        if convex.any():
            count = length // _CORNER
            corners = np.ascontiguousarray(table[convex, 1:]).view("<f8")
            self._polygons(where[convex], corners.reshape(-1, count, 3), count)
        return np.asarray(where[~convex])

    def _polygons(self, where: Ints, vertices: Floats, count: int) -> None:
        import numpy as np

        self._vertices[count] = where, vertices
        centre = vertices.sum(axis=1)
        centre /= np.sqrt(_squares(centre))[:, None]
        chord = np.sqrt(_squares(vertices - centre[:, None, :]).max(axis=1))
        self.caps[where, :3] = centre
        self.caps[where, 3] = 2 * np.arcsin(np.minimum(chord / 2, 1.0)) + PADDING
        wide = where[chord > 1.3]  # near a hemisphere the farthest point need not be a vertex
        if wide.size:
            self.caps[wide] = [self._cap(int(position)) for position in wide]
        self.corners[where] = count

    def polygons(self, count: int) -> _Polygons:
        """Polygons with so many corners, of which there are some; worked out once."""
        import numpy as np

        if count not in self._polygons_of:
            where, vertices = self._vertices[count]
            place = np.zeros(len(self.regions), np.int64)
            place[where] = np.arange(len(where))
            normals = edge_normals(vertices)
            corners, sides = (np.ascontiguousarray(each.transpose(1, 2, 0)) for each in (vertices, normals))
            self._polygons_of[count] = _Polygons(place, corners, sides, well_formed(vertices, normals))
        return self._polygons_of[count]

    def _cap(self, position: int) -> tuple[float, float, float, float]:
        circle = self.shape(position).getBoundingCircle()
        angle = circle.getOpeningAngle().asRadians()
        return *xyz(circle.getCenter()), angle + PADDING if angle >= 0 else -1.0

    def shape(self, position: int) -> Any:
        """Shape at a position, decoded once."""
        found = self._shapes.get(position)
        if found is None:
            found = self._shapes[position] = decode(self.regions[position])
        return found

    def shapes(self, positions: Ints) -> Iterator[Any]:
        """Yield the shape at each position; each is decoded once."""
        import numpy as np

        for position in np.unique(positions).tolist():
            self.shape(position)
        return map(self._shapes.__getitem__, positions.tolist())


def _squares(vectors: Floats) -> Floats:
    """Squares of the lengths of vectors along the last axis."""
    import numpy as np

    return np.asarray(np.einsum("...i,...i->...", vectors, vectors))


def _candidates(a: Floats, b: Floats) -> tuple[Ints, Ints]:
    """Pairs whose caps overlap, in no order."""
    import numpy as np

    lefts, rights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for some_a in _by_size(a):
        for some_b in _by_size(b):
            reach = a[some_a, 3].max() + b[some_b, 3].max()
            matching = _all_pairs if reach > _WIDE or len(some_a) * len(some_b) < 4096 else _grid_pairs
            for left, right in matching(a[some_a, :3], b[some_b, :3], reach):
                one, other = some_a[left], some_b[right]
                near = _caps_overlap(a[one], b[other])
                lefts.append(one[near])
                rights.append(other[near])
    return np.concatenate(lefts), np.concatenate(rights)


def _by_size(cap: Floats) -> Iterator[Ints]:
    """Positions of caps of like size, so that the grid fits all of them; empty ones are left out."""
    import numpy as np

    size = np.log2(np.maximum(cap[:, 3], 1e-6) * 1e6).astype(np.int64) // 2
    size[cap[:, 3] < 0] = -1
    for step in np.unique(size[size >= 0]):
        yield np.flatnonzero(size == step)


def _caps_overlap(a: Floats, b: Floats) -> NDArray[np.bool_]:
    import numpy as np

    apart = a[:, :3] - b[:, :3]
    reach = np.minimum(a[:, 3] + b[:, 3], np.pi)
    return _squares(apart) <= (2 * np.sin(reach / 2)) ** 2


def _all_pairs(a: Floats, b: Floats, _reach: float) -> Iterator[tuple[Ints, Ints]]:
    import numpy as np

    step = max(1, _BLOCK * 16 // max(len(b), 1))
    columns = np.arange(len(b))
    for begin in range(0, len(a), step):
        rows = np.arange(begin, min(begin + step, len(a)))
        yield np.repeat(rows, len(columns)), np.tile(columns, len(rows))


def _grid_pairs(a: Floats, b: Floats, reach: float) -> Iterator[tuple[Ints, Ints]]:
    """Pairs in the same or neighbouring cells of a cubic grid with cells as wide as the reach."""
    import numpy as np

    width = 2 * np.sin(reach / 2) * (1 + 1e-9)
    side = int(2 / width) + 4
    cell_a, cell_b = (np.floor((each + 1) / width).astype(np.int64) + 1 for each in (a, b))
    weights = np.array([side * side, side, 1])
    key_a, key_b = cell_a @ weights, cell_b @ weights
    order = np.argsort(key_b, kind="stable")
    key_b = key_b[order]
    steps = np.array([(i * side + j) * side - 1 for i in (-1, 0, 1) for j in (-1, 0, 1)])
    for step in steps:  # three cells in a row have consecutive keys
        begin = np.searchsorted(key_b, key_a + step, "left")
        end = np.searchsorted(key_b, key_a + step + 2, "right")
        count = end - begin
        left = np.repeat(np.arange(len(a)), count)
        offset = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
        yield left, order[np.repeat(begin, count) + offset]


def _exact(first: Decoded, second: Decoded, left: Ints, right: Ints) -> NDArray[np.bool_]:
    """Which of the pairs do overlap: convex polygons in bulk, what touches or is of other shapes by sphgeom."""
    import numpy as np

    state = np.full(len(left), UNDECIDED, np.int8)
    ours, theirs = first.corners[left], second.corners[right]
    narrow = (first.caps[left, 3] < _NARROW) & (second.caps[right, 3] < _NARROW)
    for count in np.unique(ours[ours > 0]).tolist():
        for other in np.unique(theirs[(ours == count) & (theirs > 0)]).tolist():
            where = np.flatnonzero(narrow & (ours == count) & (theirs == other))
            for begin in range(0, len(where), _PAIRS):
                block = where[begin : begin + _PAIRS]
                state[block] = _bulk(first.polygons(count), second.polygons(other), left[block], right[block])
    found = np.asarray(state == MEETING)
    rest = np.flatnonzero(state == UNDECIDED)
    found[rest] = _one_by_one(first, second, left[rest], right[rest])
    return found


def _bulk(ours: _Polygons, theirs: _Polygons, left: Ints, right: Ints) -> NDArray[np.int8]:
    import numpy as np

    i, j = ours.place[left], theirs.place[right]
    sides = ours.vertices[:, :, i], ours.normals[:, :, i], theirs.vertices[:, :, j], theirs.normals[:, :, j]
    state = separations(*sides)
    return np.where(ours.well_formed[i] & theirs.well_formed[j], state, UNDECIDED)


def _one_by_one(first: Decoded, second: Decoded, left: Ints, right: Ints) -> NDArray[np.bool_]:
    """Two convex polygons by one call into sphgeom, the rest with more care."""
    import numpy as np

    disjoint = sphgeom().DISJOINT
    convex = (first.corners[left] > 0) & (second.corners[right] > 0)
    pairs = zip(first.shapes(left), second.shapes(right), convex.tolist(), strict=True)
    return np.array(
        [not a.relate(b) & disjoint if simple else shapes_overlap(a, b) for a, b, simple in pairs],
        bool,
    )
