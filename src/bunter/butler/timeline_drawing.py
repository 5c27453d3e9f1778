"""Validity of calibrations as SVG, drawn by hand: no script, no font, no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.validity import Validity, ValidRange

__all__ = ["TimelineDrawing"]

_COLOURS = ("#4c78a8", "#f2a541", "#59a14f", "#b279a2", "#e0698c", "#76b7b2", "#9c755f", "#8a8d93")


class TimelineDrawing:
    """A timeline as one SVG document.

    Parameters
    ----------
    timeline : Validity
        What is drawn.
    width : int
        Width in pixels; the height follows from the rows.
    """

    _ROW, _TOP, _MARGIN, _CHARACTER = 26, 58, 16, 6.6

    def __init__(self, timeline: Validity, width: int) -> None:
        self._timeline = timeline
        self._labels = timeline.labels
        self._left = self._MARGIN + max(map(len, self._labels)) * self._CHARACTER + 22
        self._right = width - self._MARGIN - 28
        self._width = width
        self._colours = {run: _COLOURS[n % len(_COLOURS)] for n, run in enumerate(timeline.runs)}

    def document(self) -> str:
        """Return the drawing."""
        rows = self._timeline.rows
        bottom = self._TOP + len(rows) * self._ROW
        height = bottom + 34 + 20 * (len(self._colours) + bool(self._timeline.gaps)) + self._MARGIN
        title = escape(f"{self._timeline.dataset_type}: validity of calibrations")
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {height}" width="{self._width}" '
                f'height="{height}" role="img" font-family="system-ui, \'Segoe UI\', Roboto, \'DejaVu Sans\', sans-serif" '
                'font-size="12" fill="#1d2733">'
            ),
            f"<title>{title}</title>",
            (
                '<defs><pattern id="bunter-gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
                '<rect width="6" height="6" fill="#fdeceb"/><path d="M0,0 V6" stroke="#c0392b" stroke-width="2"/></pattern></defs>'
            ),
            f'<rect width="{self._width}" height="{height}" fill="#ffffff"/>',
            f'<text x="{self._MARGIN}" y="24" font-size="15" font-weight="600">{title}</text>',
            *self._axis(bottom),
            *(self._row(place) for place in range(len(rows))),
            *self._legend(bottom + 34),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _x(self, time: int) -> float:
        span = self._timeline.end - self._timeline.begin
        inside = min(max(time, self._timeline.begin), self._timeline.end) - self._timeline.begin
        return self._left + (self._right - self._left) * inside / span

    def _axis(self, bottom: int) -> Iterator[str]:
        timeline = self._timeline
        ticks = max(2, min(6, int((self._right - self._left) // 130)))
        for place in range(ticks + 1):
            time = timeline.begin + (timeline.end - timeline.begin) * place // ticks
            x = self._x(time)
            label = timeline.instant(time)
            yield f'<path d="M{x:.1f},{self._TOP - 8} V{bottom}" stroke="#e3e7eb"/>'
            yield f'<text x="{x:.1f}" y="{self._TOP - 14}" text-anchor="middle" font-size="11" fill="#5b6672">{label}</text>'

    def _row(self, place: int) -> str:
        row = self._timeline.rows[place]
        top = self._TOP + place * self._ROW
        label = escape(self._labels[place])
        parts = [f'<text x="{self._left - 18:.1f}" y="{top + 16}" text-anchor="end">{label}</text>']
        parts += [self._gap(gap, top) for gap in row.gaps]
        parts += [self._range(each, top) for each in row.ranges]
        return "\n".join(parts)

    def _gap(self, gap: Timespan, top: int) -> str:
        begin, end = gap.bounds
        width = max(self._x(end) - self._x(begin), 2.0)
        return (
            f'<rect x="{self._x(begin):.1f}" y="{top + 3}" width="{width:.1f}" height="{self._ROW - 8}" '
            f'fill="url(#bunter-gap)"><title>no calibration for {escape(str(gap))}</title></rect>'
        )

    def _range(self, each: ValidRange, top: int) -> str:
        x, end = self._x(each.begin), self._x(each.end)
        middle, low, high = top + self._ROW / 2 - 1, top + 3, top + self._ROW - 5
        is_open = each.begin < self._timeline.begin, each.end > self._timeline.end
        left = f"M{x:.1f},{low} L{x - 9:.1f},{middle:.1f} L{x:.1f},{high}" if is_open[0] else f"M{x:.1f},{low} V{high}"
        right = f"H{end:.1f} L{end + 9:.1f},{middle:.1f} L{end:.1f},{low}" if is_open[1] else f"H{end:.1f} V{low}"
        span = Timespan.from_bounds(each.begin, each.end)
        return (
            f'<path d="{left} {right} Z" fill="{self._colours[each.run]}" stroke="#ffffff">'
            f"<title>{escape(each.run)}: {escape(str(span))}</title></path>"
        )

    def _legend(self, top: int) -> Iterator[str]:
        entries = [(colour, run) for run, colour in self._colours.items()]
        if self._timeline.gaps:
            entries.append(("url(#bunter-gap)", "no calibration"))
        for place, (fill, text) in enumerate(entries):
            y = top + 20 * place
            yield f'<rect x="{self._MARGIN}" y="{y - 10}" width="14" height="12" fill="{fill}"/>'
            yield f'<text x="{self._MARGIN + 22}" y="{y}">{escape(text)}</text>'
