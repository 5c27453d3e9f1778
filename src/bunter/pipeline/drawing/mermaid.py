"""A pipeline as a Mermaid flow chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunter.pipeline.drawing.diagram import Box, Diagram

__all__ = ["mermaid_of"]


def _quoted(text: str) -> str:
    return "".join(f"#{ord(char)};" if char in '"<>&#{}`' else char for char in text)


def _box(box: Box, number: int) -> str:
    text = f"{_quoted(', '.join(box.names))}<br/><small>{_quoted(', '.join(box.dimensions))}</small>"
    return f'    n{number}["{text}"]:::task' if box.is_task else f'    n{number}(["{text}"]):::dataset'


def mermaid_of(diagram: Diagram) -> str:
    """Return the source of a flow chart: boxes are tasks, rounded boxes dataset types, dotted arrows prerequisites."""
    numbers = {box.key: i for i, box in enumerate(diagram.boxes)}
    lines = ["flowchart TD", *(_box(box, numbers[box.key]) for box in diagram.boxes)]
    for tail, tip in diagram.arrows:
        arrow = "-.->" if (tail, tip) in diagram.prerequisites else "-->"
        lines.append(f"    n{numbers[tail]} {arrow} n{numbers[tip]}")
    lines.append("    classDef task fill:#dbe7f3,stroke:#2f5d8a,color:#12263a")
    lines.append("    classDef dataset fill:#fbfaf6,stroke:#8a8474,color:#2b2820")
    return "\n".join(lines) + "\n"
