"""Drawings of pipelines: text for the terminal, SVG for pages, Mermaid for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors import PipelineError, near
from bunter.pipeline.drawing.diagram import Diagram, diagram_of_graph, diagram_of_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STYLES", "Diagram", "diagram_of_graph", "diagram_of_pipeline", "draw"]

STYLES = ("text", "svg", "mermaid")


def draw(diagram: Diagram, style: str = "text", *, states: Mapping[str, str] | None = None) -> str:
    """Return a drawing.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    style : str
        ``"text"``, ``"svg"`` or ``"mermaid"``.
    states : Mapping[str, str], optional
        For SVG: ``"done"``, ``"failed"``, ``"partial"`` or ``"waiting"`` by label, shown as a colour.

    Raises
    ------
    PipelineError
        If there is no such style.
    """
    if style == "text":
        from bunter.pipeline.drawing.text import text_of

        return text_of(diagram)
    if style == "svg":
        from bunter.pipeline.drawing.svg import svg_of

        return svg_of(diagram, states or {})
    if style == "mermaid":
        from bunter.pipeline.drawing.mermaid import mermaid_of

        return mermaid_of(diagram)
    raise PipelineError(f"there is no drawing style {style!r}{near(style, STYLES) or '; use ' + ', '.join(STYLES)}")
