"""A universe as a drawing, in the language of Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.dimensions.universe import Universe

__all__ = ["mermaid"]


def mermaid(universe: Universe) -> str:
    """Return a flow chart: what an element requires has a line to it, what it implies a dotted one from it.

    Combinations have round corners, governors are drawn thick; sky pixels are left out.
    """
    return "\n".join(["flowchart LR", *_lines(universe)])


def _lines(universe: Universe) -> Iterator[str]:
    for name, element in universe.elements.items():
        left, right = ("[", "]") if element.is_dimension else ("(", ")")
        marks = "".join(
            mark for mark, has in ((" ☉", element.spatial is not None), (" ◷", element.temporal is not None)) if has
        )
        yield f'    {name}{left}"{name}{marks}"{right}{":::governor" if element.governor else ""}'
    for name, element in universe.elements.items():
        nearest = [
            other
            for other in element.requires
            if not any(other in universe[more].requires for more in element.requires)
        ]
        for other in nearest:
            yield f"    {other} --> {name}"
        for other in element.implies:
            yield f"    {name} -.-> {other}"
    yield "    classDef governor stroke-width:3px"
