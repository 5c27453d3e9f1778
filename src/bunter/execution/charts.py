"""Small charts as SVG, drawn by hand: no script, no fonts, colours from the page's style."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bunter.execution.told_run import TaskHistory

__all__ = ["duration", "histogram", "size", "timeline"]

_BINS, _ROW = 24, 26


def duration(seconds: float) -> str:
    """Write a time with the unit that suits it."""
    if not seconds:
        return "0 s"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Write a number of bytes with the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} PB"


def histogram(values: NDArray[np.float64], *, width: int = 150, height: int = 30) -> str:
    """Draw how often each duration occurs, in logarithmic bins.

    Parameters
    ----------
    values : (N,) float64
        Durations in seconds.
    width, height : int, optional
        Of the drawing, in pixels.

    Returns
    -------
    str
        An ``svg`` element; empty without values.
    """
    if not len(values):
        return ""
    low, high = max(float(values.min()), 1e-6), max(float(values.max()), 1e-6)
    edges = np.geomspace(low * 0.97, high * 1.03, _BINS + 1)
    counts, _ = np.histogram(np.maximum(values, 1e-6), edges)
    step = width / _BINS
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{height - height * count / counts.max():.1f}" width="{step - 1:.1f}"'
        f' height="{height * count / counts.max():.1f}"><title>{count} of {duration(edges[i])} to {duration(edges[i + 1])}'
        "</title></rect>"
        for i, count in enumerate(counts.tolist())
        if count
    )
    label = f"{len(values)} durations from {duration(low)} to {duration(high)}"
    return f'<svg class="bars" role="img" aria-label="{label}" width="{width}" height="{height}">{bars}</svg>'


def timeline(tasks: Sequence[TaskHistory], *, width: int = 900, margin: int = 130) -> str:
    """Draw how many quanta of each task ran at a time, one row per task over a common axis of time."""
    ran = [task for task in tasks if len(task.begin_ns)]
    if not ran:
        return ""
    begin = min(int(task.begin_ns.min()) for task in ran)
    intervals = [((task.begin_ns - begin) / 1e9, (task.begin_ns - begin) / 1e9 + task.wall_s) for task in ran]
    end = max(float(ends.max()) for _, ends in intervals) or 1.0
    bins = 300
    loads = [_load(begins, ends, end, bins) for begins, ends in intervals]
    most = max(float(load.max()) for load in loads) or 1.0
    step = (width - margin) / bins
    rows = "".join(
        _row(task, load / most, (number + 1) * _ROW - 3, step=step, margin=margin)
        for number, (task, load) in enumerate(zip(ran, loads, strict=True))
    )
    foot = len(ran) * _ROW + 14
    axis = "".join(
        f'<text class="small" x="{margin + part * (width - margin):.0f}" y="{foot}" text-anchor="{anchor}">{duration(part * end)}</text>'
        for part, anchor in ((0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end"))
    )
    label = f"Quanta running at a time, by task, over {duration(end)}; at most {most:.1f}"
    return (
        f'<svg class="bars wide" role="img" aria-label="{label}" viewBox="0 0 {width} {foot + 6}" width="{width}">'
        f"{rows}{axis}</svg>"
    )


def _load(begins: NDArray[np.float64], ends: NDArray[np.float64], end: float, bins: int) -> NDArray[np.float64]:
    """Mean number of quanta running in each bin of time."""
    edges = np.linspace(0.0, end, bins + 1)
    begun, ended = np.sort(begins), np.sort(ends)

    def before(times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integral of the running time up to each edge."""
        sums = np.concatenate([[0.0], np.cumsum(times)])
        count = np.searchsorted(times, edges)
        return np.asarray(count * edges - sums[count])

    return np.diff(before(begun) - before(ended)) * bins / end


def _row(task: TaskHistory, load: NDArray[np.float64], floor: int, *, step: float, margin: int) -> str:
    high = _ROW - 7
    points = [
        f'<rect x="{margin + i * step:.1f}" y="{floor - high * part:.1f}" width="{step:.1f}" height="{high * part:.1f}"/>'
        for i, part in enumerate(load.tolist())
        if part > 0.004
    ]
    name = f'<text x="{margin - 10}" y="{floor - 3}" text-anchor="end">{escape(task.label)}</text>'
    line = f'<line x1="{margin}" x2="{margin + step * len(load):.0f}" y1="{floor}" y2="{floor}"/>'
    return f"<g>{name}{line}{''.join(points)}</g>"
