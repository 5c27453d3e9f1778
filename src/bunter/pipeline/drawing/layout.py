"""Places for the boxes of a diagram: layers from top to bottom, few crossings, arrows that bend round boxes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bunter.pipeline.drawing.diagram import Diagram

__all__ = ["Layout", "lay_out"]

_GAP, _LANE, _SWEEPS, _SETTLING = 26.0, 14.0, 12, 60


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is, in pixels from the top left.

    Parameters
    ----------
    centres : Mapping[str, tuple[float, float]]
        Centre of each box.
    routes : Mapping[tuple[str, str], list[tuple[float, float]]]
        Points that each arrow passes, its ends at the centres of the boxes.
    width, height : float
        Of the whole.
    """

    centres: Mapping[str, tuple[float, float]]
    routes: Mapping[tuple[str, str], list[tuple[float, float]]]
    width: float
    height: float


@dataclass(slots=True)
class _Layers:
    """Boxes and the places where long arrows pass a layer ("lanes"), layer by layer."""

    rows: list[list[str]]
    widths: dict[str, float]
    up: dict[str, list[str]] = field(default_factory=dict)
    down: dict[str, list[str]] = field(default_factory=dict)
    x: dict[str, float] = field(default_factory=dict)

    def join(self, above: str, below: str) -> None:
        self.down.setdefault(above, []).append(below)
        self.up.setdefault(below, []).append(above)


def lay_out(diagram: Diagram, sizes: Mapping[str, tuple[float, float]], *, spacing: float = 34.0) -> Layout:
    """Find places for boxes of given sizes.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    sizes : Mapping[str, tuple[float, float]]
        Width and height of each box, pixels.
    spacing : float
        Distance between layers, pixels.
    """
    rank = _ranks(diagram)
    layers = _Layers([[] for _ in range(max(rank.values(), default=0) + 1)], {k: w for k, (w, _) in sizes.items()})
    for box in diagram.boxes:
        layers.rows[rank[box.key]].append(box.key)
    chains = {arrow: _chain(arrow, rank, layers) for arrow in diagram.arrows}
    _reduce_crossings(layers)
    _place(layers)
    heights = [max((sizes[key][1] for key in row if key in sizes), default=0.0) for row in layers.rows]
    tops = [sum(heights[:i]) + spacing * i for i in range(len(heights))]
    middle = {key: top + height / 2 for row, top, height in zip(layers.rows, tops, heights, strict=True) for key in row}
    reach = {key: height / 2 for row, height in zip(layers.rows, heights, strict=True) for key in row}
    left = min((layers.x[key] - layers.widths[key] / 2 for key in layers.x), default=0.0)
    points = {key: (layers.x[key] - left, middle[key]) for key in layers.x}
    return Layout(
        centres={key: points[key] for key in sizes},
        routes={arrow: _route(chain, points, reach) for arrow, chain in chains.items()},
        width=max((points[key][0] + layers.widths[key] / 2 for key in points), default=0.0),
        height=tops[-1] + heights[-1] if heights else 0.0,
    )


def _route(
    chain: Sequence[str], points: Mapping[str, tuple[float, float]], reach: Mapping[str, float]
) -> list[tuple[float, float]]:
    """Return the points of an arrow: it passes a layer straight down, beside the boxes there."""
    lanes = [(x, y + end * reach[key]) for key in chain[1:-1] for x, y in [points[key]] for end in (-1, 1)]
    return [points[chain[0]], *lanes, points[chain[-1]]]


def _ranks(diagram: Diagram) -> dict[str, int]:
    """Return the layer of each box: below all that lead to it; a box without any, just above what it leads to."""
    rank: dict[str, int] = {}
    for box in diagram.boxes:
        rank[box.key] = max((rank[tail] + 1 for tail in diagram.into(box.key) if tail in rank), default=0)
    changed = True
    while changed:  # an overall input may be listed after a task that pushes its reader down
        changed = False
        for tail, tip in diagram.arrows:
            if rank[tip] <= rank[tail]:
                rank[tip], changed = rank[tail] + 1, True
    for box in diagram.boxes:
        tips = diagram.out_of(box.key)
        if tips and not diagram.into(box.key):
            rank[box.key] = min(rank[tip] for tip in tips) - 1
    return rank


def _chain(arrow: tuple[str, str], rank: Mapping[str, int], layers: _Layers) -> list[str]:
    """Return the box, lanes and box that an arrow passes, and enter them into the layers."""
    tail, tip = arrow
    lanes = [f"{tail}>{tip}@{level}" for level in range(rank[tail] + 1, rank[tip])]
    for level, lane in enumerate(lanes, start=rank[tail] + 1):
        layers.rows[level].append(lane)
        layers.widths[lane] = _LANE
    chain = [tail, *lanes, tip]
    for above, below in itertools.pairwise(chain):
        layers.join(above, below)
    return chain


def _crossings(layers: _Layers) -> int:
    count = 0
    for row, following in zip(layers.rows, layers.rows[1:], strict=False):
        place = {key: i for i, key in enumerate(following)}
        ends = [place[below] for key in row for below in sorted(layers.down.get(key, ()), key=place.__getitem__)]
        count += sum(later < earlier for i, earlier in enumerate(ends) for later in ends[i + 1 :])
    return count


def _reduce_crossings(layers: _Layers) -> None:
    """Order each layer by the mean place of its neighbours, downwards and upwards in turn; keep the best."""
    best, fewest = [list(row) for row in layers.rows], _crossings(layers)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        levels = range(1, len(layers.rows)) if downwards else range(len(layers.rows) - 2, -1, -1)
        for level in levels:
            other = layers.rows[level - 1 if downwards else level + 1]
            neighbours = layers.up if downwards else layers.down
            layers.rows[level].sort(key=_mean_place(layers.rows[level], other, neighbours))
        if (count := _crossings(layers)) < fewest:
            best, fewest = [list(row) for row in layers.rows], count
    layers.rows = best


def _mean_place(
    row: Sequence[str], other: Sequence[str], neighbours: Mapping[str, list[str]]
) -> Callable[[str], float]:
    """Return a sorting key: the mean place of a box's neighbours in the other layer, its own place without any."""
    place = {key: i / max(len(other) - 1, 1) for i, key in enumerate(other)}
    own = {key: i / max(len(row) - 1, 1) for i, key in enumerate(row)}

    def mean(key: str) -> float:
        found = [place[one] for one in neighbours.get(key, ()) if one in place]
        return sum(found) / len(found) if found else own[key]

    return mean


def _place(layers: _Layers) -> None:
    """Give each box the mean place of its neighbours as nearly as the order and widths in its layer allow."""
    for row in layers.rows:
        at = 0.0
        for key in row:
            layers.x[key] = at + layers.widths[key] / 2
            at += layers.widths[key] + _GAP
    for sweep in range(_SETTLING):
        levels = range(len(layers.rows)) if sweep % 2 == 0 else range(len(layers.rows) - 1, -1, -1)
        for level in levels:
            row = layers.rows[level]
            layers.x |= dict(
                zip(row, _spread([_wish(layers, key) for key in row], _distances(layers, row)), strict=True)
            )


def _wish(layers: _Layers, key: str) -> float:
    near = [layers.x[one] for one in (*layers.up.get(key, ()), *layers.down.get(key, ()))]
    return sum(near) / len(near) if near else layers.x[key]


def _distances(layers: _Layers, row: Sequence[str]) -> list[float]:
    """Return the least distance of each box of a layer from the one before it, 0 for the first."""
    widths = [layers.widths[key] for key in row]
    return [0.0, *((one + other) / 2 + _GAP for one, other in itertools.pairwise(widths))][: len(row)]


def _spread(wishes: Sequence[float], distances: Sequence[float]) -> list[float]:
    """Return the places nearest to the wishes (least squares) that keep order and distances.

    Notes
    -----
    Isotonic regression by pooling adjacent violators, after taking the distances off.
    """
    offsets, total = [], 0.0
    for distance in distances:
        total += distance
        offsets.append(total)
    pools: list[tuple[float, int]] = []  # mean, count
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append((wish - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, count), (before, many) = pools.pop(), pools.pop()
            pools.append(((mean * count + before * many) / (count + many), count + many))
    flat = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
