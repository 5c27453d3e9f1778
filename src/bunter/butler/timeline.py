"""When calibrations are valid, drawn: one row for data IDs that share their validity ranges, gaps visible."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from bunter.butler.timeline_drawing import TimelineDrawing
from bunter.butler.validity import TimelineRow, Validity, ValidRange
from bunter.errors import DatasetNotFoundError
from bunter.values import MAX_NS, MIN_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


__all__ = ["Timeline", "arranged"]

_SECOND, _DAY = 10**9, 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Timeline(Validity):
    """Validity of the calibrations of one type, which draws itself; see `Validity`."""

    def text(self, width: int = 100) -> str:
        """Draw with letters: one column is a span of time, one letter a run, a dot some time without calibration."""
        labels = self.labels
        margin = max(map(len, labels), default=0) + 2
        cells = max(10, width - margin - 2)
        edges = [self.begin + (self.end - self.begin) * place // cells for place in range(cells + 1)]
        letters = self.runs
        lines = [" " * margin + self._scale(cells)]
        lines += [
            label.ljust(margin) + _drawn(row.ranges, edges, letters)
            for label, row in zip(labels, self.rows, strict=True)
        ]
        lines += ["", *(f"{letter}  {run}" for run, letter in letters.items()), ".  no calibration"]
        if gaps := self.gaps:
            lines += ["", *(f"gap: {self.named(row)}: {gap}" for row, gap in gaps)]
        return "\n".join(lines)

    def _scale(self, cells: int) -> str:
        first, middle, last = (self.instant(t) for t in (self.begin, (self.begin + self.end) // 2, self.end))
        space = cells + 2 - len(first) - len(middle) - len(last)
        if space < 2:
            return first + last.rjust(cells + 2 - len(first))
        return first + " " * (space // 2) + middle + " " * (space - space // 2) + last

    def svg(self, width: int = 960) -> str:
        """Draw as one SVG document that needs nothing else: no script, no font, no network."""
        return TimelineDrawing(self, width).document()

    def __repr__(self) -> str:
        return f"{self.dataset_type}\n{self.text()}"

    def _repr_html_(self) -> str:
        return self.svg()


def arranged(dataset_type: str, dimensions: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Timeline:
    """Arrange memberships of a type; those without a validity range are left out.

    Raises
    ------
    DatasetNotFoundError
        If there is none with a validity range.
    """
    by_data_id: dict[tuple[str, tuple[Any, ...]], list[ValidRange]] = {}
    for row in rows:
        if row["timespan_begin"] is not None:
            key = row["collection"], tuple(row[name] for name in dimensions)
            by_data_id.setdefault(key, []).append(ValidRange(row["timespan_begin"], row["timespan_end"], row["run"]))
    if not by_data_id:
        raise DatasetNotFoundError(
            f"no {dataset_type!r} is certified in the collections searched; `bunter certify-calibrations` does that"
        )
    alike: dict[tuple[str, tuple[ValidRange, ...]], list[tuple[Any, ...]]] = {}
    for (collection, data_id), ranges in sorted(by_data_id.items(), key=lambda item: (item[0][0], item[0][1])):
        alike.setdefault((collection, tuple(sorted(ranges, key=lambda r: r.begin))), []).append(data_id)
    varying = _varying(dimensions, [data_id for _, data_id in by_data_id])
    found = tuple(
        TimelineRow(collection, _label(varying, block), tuple(block), ranges)
        for (collection, ranges), data_ids in alike.items()
        for block in _blocks(list(varying.values()), data_ids)
    )
    return Timeline(dataset_type, found, *_span(found))


def _varying(dimensions: Sequence[str], data_ids: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    """Return the dimensions that tell data IDs apart, with their places; the last one if none does."""
    found = {name: place for place, name in enumerate(dimensions) if len({d[place] for d in data_ids}) > 1}
    return found or dict(list({name: place for place, name in enumerate(dimensions)}.items())[-1:])


def _blocks(places: Sequence[int], data_ids: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Part data IDs such that each part has all combinations of its values, and so can be told by these."""
    if len(data_ids) == prod(len({d[place] for d in data_ids}) for place in places):
        yield data_ids
        return
    for value in sorted({d[places[0]] for d in data_ids}):
        yield from _blocks(places[1:], [d for d in data_ids if d[places[0]] == value])


def _label(varying: Mapping[str, int], data_ids: Sequence[tuple[Any, ...]]) -> str:
    parts = [f"{name} {_listed(sorted({d[place] for d in data_ids}))}" for name, place in varying.items()]
    return ", ".join(parts) or "all"


def _listed(values: Sequence[Any]) -> str:
    """Write numbers with their runs in short: ``0-3, 7``."""
    if not all(isinstance(value, int) for value in values):
        return ", ".join(map(str, values))
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1][1:] = [value]
        else:
            runs.append([value])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _span(rows: Sequence[TimelineRow]) -> tuple[int, int]:
    """Return a time with all ends that are not open in it, and some room before and after if others are."""
    ranges = [each for row in rows for each in row.ranges]
    ends = [t for r in ranges for t in (r.begin, r.end) if MIN_NS < t < MAX_NS]
    if not ends:
        return 0, _DAY
    first, last = min(ends), max(ends)
    room = max((last - first) // 12, _SECOND if last > first else _DAY)
    is_open = any(r.begin == MIN_NS for r in ranges), any(r.end == MAX_NS for r in ranges)
    alone = last == first
    return first - room * (is_open[0] or alone), last + room * (is_open[1] or alone)


def _drawn(ranges: Sequence[ValidRange], edges: Sequence[int], letters: Mapping[str, str]) -> str:
    """Draw one row; a cell has a dot if nothing is valid at some time in it, else the letter of its first range."""
    cells = []
    for first, last in pairwise(edges):
        inside = [r for r in ranges if r.begin < last and r.end > first]
        covered = sum(min(r.end, last) - max(r.begin, first) for r in inside)
        cells.append(letters[inside[0].run] if inside and covered == last - first else ".")
    before = "<" if ranges[0].begin < edges[0] else " "
    after = ">" if ranges[-1].end > edges[-1] else " "
    return f"{before}{''.join(cells)}{after}"
