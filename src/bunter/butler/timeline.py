"""When calibrations are valid, drawn: one row for data IDs that share their validity ranges, gaps visible."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from bunter.errors import DatasetNotFoundError
from bunter.values import MAX_NS, MIN_NS, Timespan, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


__all__ = ["Timeline", "TimelineRow", "ValidRange", "arranged"]

_SECOND, _DAY = 10**9, 86_400 * 10**9
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LONGEST_LABEL = 32


@dataclass(frozen=True, slots=True)
class ValidRange:
    """A time for which a run's calibration is certified.

    Parameters
    ----------
    begin, end : int
        Bounds in ns TAI; the least and the greatest integer of 64 bits for open ends.
    run : str
        The run that made it.
    """

    begin: int
    end: int
    run: str


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """Data IDs of one collection with the same validity ranges.

    Parameters
    ----------
    collection : str
        CALIBRATION collection.
    label : str
        The data IDs in short, such as ``detector 0-3, 7``.
    data_ids : tuple of tuple
        Values of the required dimensions.
    ranges : tuple of ValidRange
        In the order of time.
    """

    collection: str
    label: str
    data_ids: tuple[tuple[Any, ...], ...]
    ranges: tuple[ValidRange, ...]

    @property
    def gaps(self) -> tuple[Timespan, ...]:
        """Times between the ranges when nothing is valid."""
        return tuple(Timespan(a.end, b.begin) for a, b in pairwise(self.ranges) if a.end < b.begin)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Validity of the calibrations of one type over time.

    Parameters
    ----------
    dataset_type : str
        The type.
    rows : tuple of TimelineRow
        What is drawn.
    begin, end : int
        The time that the drawing spans, in ns TAI: all ends that are not open.
    """

    dataset_type: str
    rows: tuple[TimelineRow, ...]
    begin: int
    end: int

    @property
    def runs(self) -> dict[str, str]:
        """Letter of each run, in the order of time."""
        ranges = sorted((each for row in self.rows for each in row.ranges), key=lambda r: (r.begin, r.end, r.run))
        names = dict.fromkeys(each.run for each in ranges)
        return {name: _LETTERS[place % len(_LETTERS)] for place, name in enumerate(names)}

    @property
    def gaps(self) -> tuple[tuple[TimelineRow, Timespan], ...]:
        """All gaps with their rows."""
        return tuple((row, gap) for row in self.rows for gap in row.gaps)

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

    @property
    def labels(self) -> list[str]:
        """Name of each row, cut to a bearable length; with the collection if there are several."""
        return [_short(self.named(row)) for row in self.rows]

    def named(self, row: TimelineRow) -> str:
        """Return the whole name of a row."""
        several = len({each.collection for each in self.rows}) > 1
        return f"{row.collection} {row.label}" if several else row.label

    def _scale(self, cells: int) -> str:
        first, middle, last = (self.instant(t) for t in (self.begin, (self.begin + self.end) // 2, self.end))
        space = cells + 2 - len(first) - len(middle) - len(last)
        if space < 2:
            return first + last.rjust(cells + 2 - len(first))
        return first + " " * (space // 2) + middle + " " * (space - space // 2) + last

    def instant(self, time: int) -> str:
        """Write an instant as exactly as the span of the drawing asks for."""
        text = format_instant(time - time % _SECOND)
        return text[:10] if self.end - self.begin > 4 * _DAY else text[:16]

    def svg(self, width: int = 960) -> str:
        """Draw as one SVG document that needs nothing else: no script, no font, no network."""
        from bunter.butler.timeline_drawing import TimelineDrawing

        return TimelineDrawing(self, width).document()

    def records(self) -> Iterator[dict[str, object]]:
        """Yield each range and each gap of each row as a record: ``what``, ``collection``, ``data_ids``, times and ``run``."""
        for row in self.rows:
            ranges = [("valid", Timespan.from_bounds(r.begin, r.end), r.run) for r in row.ranges]
            gaps = [("gap", gap, "") for gap in row.gaps]
            for what, span, run in sorted(ranges + gaps, key=lambda each: each[1].bounds):
                yield {
                    "what": what,
                    "collection": row.collection,
                    "data_ids": row.label,
                    "begin": None if span.begin is None else format_instant(span.begin),
                    "end": None if span.end is None else format_instant(span.end),
                    "run": run,
                }

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


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


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
