"""A pipeline as one SVG element that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from bunter.pipeline.drawing.layout import lay_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.pipeline.drawing.diagram import Box, Diagram
    from bunter.pipeline.drawing.layout import Layout

__all__ = ["svg_of"]

_MARGIN, _CHARACTER, _SMALL = 16.0, 7.6, 6.0
_STYLE = """
.bunter-pipeline { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.bunter-pipeline text { text-anchor: middle; fill: #1d2733; font-size: 13px; }
.bunter-pipeline .task text { font-weight: 600; }
.bunter-pipeline text.small { font-size: 10.5px; font-weight: 400; fill: #5b6672; }
.bunter-pipeline .task rect { fill: #dbe7f3; stroke: #2f5d8a; stroke-width: 1.4; }
.bunter-pipeline .dataset rect { fill: #fbfaf6; stroke: #b5ae9c; stroke-width: 1; }
.bunter-pipeline path.arrow { fill: none; stroke: #77828d; stroke-width: 1.3; }
.bunter-pipeline path.before { stroke-dasharray: 4 3; }
.bunter-pipeline .done rect { fill: #d9efdc; stroke: #2e7d46; }
.bunter-pipeline .failed rect { fill: #f8d9d6; stroke: #b3382c; }
.bunter-pipeline .partial rect { fill: #fbeccb; stroke: #a87412; }
.bunter-pipeline .waiting rect { fill: #eceff2; stroke: #8b96a1; }
""".strip()
_STATES = frozenset({"done", "failed", "partial", "waiting"})


def svg_of(diagram: Diagram, states: Mapping[str, str]) -> str:
    """Return a drawing; tasks get the colour of their state, and every box a title that says all about it."""
    sizes = {box.key: _size(box) for box in diagram.boxes}
    layout = lay_out(diagram, sizes)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    parts = [
        (
            f'<svg class="bunter-pipeline" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
            f' width="{width:.0f}" height="{height:.0f}" role="img">'
        ),
        f"<title>{escape(diagram.description or 'Pipeline')}</title>",
        f"<style>{_STYLE}</style>",
        (
            '<defs><marker id="bunter-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0,0.5 L8,4 L0,7.5 z" fill="#77828d"/></marker></defs>'
        ),
        f'<g transform="translate({_MARGIN:.0f},{_MARGIN:.0f})">',
        *(_arrow(arrow, diagram, layout, sizes) for arrow in diagram.arrows),
        *(_box(box, layout.centres[box.key], sizes[box.key], states.get(box.names[0], "")) for box in diagram.boxes),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _lines(box: Box) -> list[str]:
    """Return a box's names in lines of bearable length."""
    lines: list[str] = []
    for name in box.names:
        if lines and len(lines[-1]) + len(name) < 32:
            lines[-1] += f", {name}"
        else:
            lines.append(name)
    return lines


def _size(box: Box) -> tuple[float, float]:
    lines = _lines(box)
    text = max(max(map(len, lines)) * _CHARACTER, len(", ".join(box.dimensions)) * _SMALL)
    return max(text + 22.0, 64.0), 15.0 * len(lines) + (14.0 if box.dimensions else 0.0) + 10.0


def _box(box: Box, centre: tuple[float, float], size: tuple[float, float], state: str) -> str:
    (x, y), (width, height) = centre, size
    kind = "task" if box.is_task else "dataset"
    classes = f"{kind} {state}" if state in _STATES and box.is_task else kind
    corner = 4.0 if box.is_task else min(height / 2, 13.0)
    lines = [(line, "", 13.0) for line in _lines(box)]
    if box.dimensions:
        lines.append((", ".join(box.dimensions), ' class="small"', 10.5))
    base = y - height / 2 + 18.0
    texts = "".join(
        f'<text{small} x="{x:.1f}" y="{base + 15.0 * i - (1.0 if small else 0.0):.1f}">{escape(line)}</text>'
        for i, (line, small, _) in enumerate(lines)
    )
    title = f"{', '.join(box.names)}: {box.note} {{{', '.join(box.dimensions)}}}" + (f" - {state}" if state else "")
    return (
        f'<g class="{classes}" data-key={quoteattr(box.key)}><title>{escape(title)}</title><rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}"'
        f' width="{width:.1f}" height="{height:.1f}" rx="{corner:.1f}"/>{texts}</g>'
    )


def _arrow(arrow: tuple[str, str], diagram: Diagram, layout: Layout, sizes: Mapping[str, tuple[float, float]]) -> str:
    points = list(layout.routes[arrow])
    points[0] = points[0][0], points[0][1] + sizes[arrow[0]][1] / 2
    points[-1] = points[-1][0], points[-1][1] - sizes[arrow[1]][1] / 2
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
    before = " before" if arrow in diagram.prerequisites else ""
    ends = f"data-tail={quoteattr(arrow[0])} data-tip={quoteattr(arrow[1])}"
    return f'<path class="arrow{before}" {ends} d="{path}" marker-end="url(#bunter-tip)"/>'
