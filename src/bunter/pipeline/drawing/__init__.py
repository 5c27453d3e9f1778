"""Drawings of pipelines: text for the terminal, SVG for pages, Mermaid for documents, HTML to look around in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors import PipelineError, near
from bunter.pipeline.drawing.diagram import Box, Diagram, Line, diagram_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STYLES", "Box", "Diagram", "Line", "diagram_of", "draw"]

STYLES = ("text", "svg", "mermaid", "html")


def draw(diagram: Diagram, style: str = "text", *, states: Mapping[str, str] | None = None) -> str:
    """Return a drawing.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    style : str
        ``"text"``, ``"svg"``, ``"mermaid"`` or ``"html"``.
    states : Mapping[str, str], optional
        For SVG and HTML: ``"done"``, ``"failed"``, ``"partial"`` or ``"waiting"`` by label, shown as a colour.

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
    if style == "html":
        from bunter.pipeline.drawing.page import page_of

        return page_of(diagram, states or {})
    raise PipelineError(f"there is no drawing style {style!r}{near(style, STYLES) or '; use ' + ', '.join(STYLES)}")
