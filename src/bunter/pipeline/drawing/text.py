"""A pipeline as text: one line for each box, and a track for each box that is still to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunter.pipeline.drawing.diagram import Box, Diagram

__all__ = ["text_of"]

# By (up, down, left, right).
_LINES = {
    (True, True, False, False): "│", (False, False, True, True): "─",
    (True, True, False, True): "├", (True, True, True, False): "┤", (True, True, True, True): "┼",
    (True, False, False, True): "╰", (True, False, True, False): "╯", (True, False, True, True): "┴",
    (False, True, False, True): "╭", (False, True, True, False): "╮", (False, True, True, True): "┬",
}  # fmt: skip


class _Tracks:
    """Columns of the drawing; each is free, or belongs to a box that later boxes still read."""

    def __init__(self, diagram: Diagram) -> None:
        self.waiting = {box.key: len(diagram.out_of(box.key)) for box in diagram.boxes}
        self.columns: list[str | None] = []
        self.last = -1

    def place(self, parents: list[str]) -> int:
        """Return the column for a box: under a parent that ends here, else a free one not just below another box."""
        ending = [i for i, key in enumerate(self.columns) if key in parents and self.waiting[str(key)] == 1]
        free = [i for i, key in enumerate(self.columns) if key is None and i != self.last]
        if not ending and not free:
            self.columns.append(None)
            return len(self.columns) - 1
        return min(ending or free)

    def join(self, parents: list[str], at: int) -> str:
        """Return the line that leads from the parents' tracks to a column, and end the tracks that are done."""
        tails = {i for i, key in enumerate(self.columns) if key in parents}
        for parent in parents:
            self.waiting[parent] -= 1
        span = range(min({*tails, at}), max({*tails, at}) + 1)
        line = "".join(self._joint(i, tails, at, span) for i in range(len(self.columns))).rstrip()
        self.columns = [key if key is None or self.waiting[key] > 0 else None for key in self.columns]
        return line if tails - {at} else ""

    def _joint(self, i: int, tails: set[int], at: int, span: range) -> str:
        key = self.columns[i]
        right = "─" if i in span and i + 1 in span else " "
        if i not in tails and i != at:
            return ("│" if key else "─" if i in span else " ") + right
        down = i == at or bool(key and self.waiting[key] > 0)
        return _LINES[i in tails, down, i > span[0] and i in span, right == "─"] + right

    def show(self, at: int, sign: str) -> str:
        """Return the line of a box."""
        self.last = at
        return "".join((sign if i == at else "│" if key else " ") + " " for i, key in enumerate(self.columns))


def text_of(diagram: Diagram) -> str:
    """Return a diagram as lines of text: ■ a task, ○ dataset types."""
    tracks = _Tracks(diagram)
    lines: list[tuple[str, str]] = []
    for box in diagram.boxes:
        parents = diagram.into(box.key)
        at = tracks.place(parents)
        if parents and (joint := tracks.join(parents, at)):
            lines.append((joint, ""))
        lines.append((tracks.show(at, "■" if box.is_task else "○"), _label(box, diagram)))
        tracks.columns[at] = box.key if tracks.waiting[box.key] else None
    width = max((len(tracks_part.rstrip()) for tracks_part, _ in lines), default=0)
    return "\n".join(f"{tracks_part.rstrip():{width}}  {label}".rstrip() for tracks_part, label in lines) + "\n"


def _label(box: Box, diagram: Diagram) -> str:
    dimensions = f"{{{', '.join(box.dimensions)}}}"
    if box.is_task:
        unknown = "  (connections not readable without importing it)" if box.names[0] in diagram.missing else ""
        return f"{box.names[0]}  {dimensions}  {box.note}{unknown}"
    before = any((box.key, tip) in diagram.prerequisites for tip in diagram.out_of(box.key))
    return f"{', '.join(box.names)}  {dimensions}  {box.note}{'  (prerequisite)' if before else ''}"
