"""Calibrations filled in behind a statement: one look at all their validity ranges instead of a join for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.registry.blocks import Blocks, BlockShape
from bunter.registry.spread import Spread, common_places, listed, taken_together
from bunter.values import MAX_NS, MIN_NS, pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from bunter.database import Connection
    from bunter.registry.relations import Relation

__all__ = ["CalibrationColumns", "Validities", "read_validities"]

_TIMES = ("timespan_begin", "timespan_end")
_NEVER = (MAX_NS, MIN_NS)  # nothing overlaps a time that is not known


def read_validities(connection: Connection, relation: Relation, kinds: dict[str, str], most: int) -> Validities | None:
    """Read the calibrations of one CALIBRATION collection.

    Parameters
    ----------
    connection : Connection
        In the snapshot of the statement.
    relation : Relation
        The calibrations.
    kinds : dict of str to str
        Kind of each of its keys.
    most : int
        Number of rows above which they are not read.

    Returns
    -------
    Validities or None
        None if there are more, or if validity ranges for one data ID overlap.
    """
    source = f"FROM {relation.source} WHERE {' AND '.join(relation.conditions)}"
    if connection.fetchone(f"SELECT 1 {source} LIMIT 1 OFFSET {most}") is not None:
        return None
    *_, last = relation.clustered
    numbered = [last] if kinds[last] == "int" else []
    shape = BlockShape(
        {name: relation.keys[name] for name in relation.clustered if name not in numbered},
        {name: relation.keys[name] for name in numbered} | {name: relation.columns[name] for name in (*_TIMES, "run")},
        ("id", relation.columns["id"]),
    )
    rows = connection.fetchall(shape.select(connection.dialect, source))
    found = Validities(Blocks(shape).columns(rows), tuple(shape.shared), *numbered) if rows else Validities({}, ())
    return found if found.disjoint else None


class Validities:
    """Calibrations by data ID and time.

    Parameters
    ----------
    columns : dict
        Columns of `Blocks`: keys, ``timespan_begin``, ``timespan_end``, ``run`` and ``id``; empty if there are none.
    shared : tuple of str
        The keys that are spread.
    number : str, optional
        The key that is not.

    Attributes
    ----------
    disjoint : bool
        Whether no two ranges of one data ID overlap; `matched` is right only then.
    """

    def __init__(self, columns: dict[str, Any], shared: tuple[str, ...], number: str | None = None) -> None:
        self._shared, self._number = shared, number
        self.disjoint = True
        self._heads: dict[tuple[Any, ...], int] = {}
        if columns:
            self._sort(columns)

    def _sort(self, columns: dict[str, Any]) -> None:
        """Bring the rows in the order of data ID and time."""
        import numpy as np

        heads = list(zip(*(listed(columns[name].values) for name in self._shared), strict=True))
        self._heads = {head: place for place, head in enumerate(dict.fromkeys(heads))}
        places = columns[self._shared[0]].places
        code = np.array([self._heads[head] for head in heads], np.int64)[places]
        self._distinct = np.zeros(1, np.int64)
        if self._number is not None:
            self._distinct, inner = np.unique(columns[self._number], return_inverse=True)
            code = code * len(self._distinct) + inner
        begin, end = (columns[name] for name in _TIMES)
        order = np.lexsort((begin, code))
        code, begin, end = code[order], begin[order], end[order]
        self.disjoint = not np.any((code[1:] == code[:-1]) & (begin[1:] < end[:-1]))
        self._begins, self._ends = _Ranked(code, begin), _Ranked(code, end)
        self._ids = columns["id"].take(pyarrow().array(order))
        self._runs = columns["run"][order].tolist()

    def matched(self, columns: dict[str, Any], begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find what is valid at some moment of a time.

        Parameters
        ----------
        columns : dict
            Columns that have the keys.
        begin, end : numpy.ndarray
            The time for each row, half-open, ns TAI, ``(N,) int64``.

        Returns
        -------
        numpy.ndarray, numpy.ndarray
            Numbers of the rows that a calibration is found for, ascending, and the number of the calibration; each pair of a
            row and a dataset comes once.
        """
        import numpy as np

        if not self._heads:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        code = self._codes(columns)
        first = self._ends.behind(code, begin, side="right")
        count = np.maximum(self._begins.behind(code, end, side="left") - first, 0)
        count[code < 0] = 0
        rows = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        chosen = np.repeat(first, count) + within
        return (rows, chosen) if count.max(initial=0) <= 1 else self._once(rows, chosen)

    def _codes(self, columns: dict[str, Any]) -> np.ndarray:
        """Return the number of each row's data ID among those of the calibrations, -1 where it is not among them."""
        import numpy as np

        keys = [columns[name] for name in self._shared]
        places = common_places(keys)
        values = [listed(key if places is None else key.values) for key in keys]
        heads = np.array([self._heads.get(head, -1) for head in zip(*values, strict=True)], np.int64)
        code = heads if places is None else heads[places]
        if self._number is None:
            return code
        numbers = columns[self._number]
        number = numbers if isinstance(numbers, np.ndarray) else np.array(listed(numbers), np.int64)
        inner = np.minimum(np.searchsorted(self._distinct, number), len(self._distinct) - 1)
        known = (code >= 0) & (self._distinct[inner] == number)
        return np.where(known, code * len(self._distinct) + inner, -1)

    def _once(self, rows: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Leave out a dataset that was found for a row already, being valid in two ranges."""
        import numpy as np

        dataset = self._ids.dictionary_encode().indices.to_numpy()[chosen]
        order = np.lexsort((dataset, rows))
        first = np.ones(len(order), bool)
        first[1:] = (rows[order][1:] != rows[order][:-1]) | (dataset[order][1:] != dataset[order][:-1])
        kept = np.sort(order[first])
        return rows[kept], chosen[kept]

    def columns(self, chosen: np.ndarray) -> tuple[Spread, Spread]:
        """Return the ids and the runs (numbers) of calibrations by their number."""
        if not self._heads:
            return Spread([], chosen), Spread([], chosen)
        return Spread(self._ids, chosen), Spread(self._runs, chosen)


class _Ranked:
    """Instants, ascending within each code, and these ascending: two numbers to be searched as one."""

    def __init__(self, code: np.ndarray, instants: np.ndarray) -> None:
        import numpy as np

        self._distinct, rank = np.unique(instants, return_inverse=True)
        self._rows = code * (len(self._distinct) + 1) + rank

    def behind(self, code: np.ndarray, instants: np.ndarray, *, side: Any) -> np.ndarray:
        """Return how many rows lie before (an instant, side "left") or not after (side "right") the given ones."""
        import numpy as np

        rank = np.searchsorted(self._distinct, instants, side)
        return np.searchsorted(self._rows, code * (len(self._distinct) + 1) + rank)


class CalibrationColumns:
    """Adds the calibrations of one search to batches of columns, and leaves out rows that have none.

    Parameters
    ----------
    validities : Validities
        The calibrations.
    label : str
        What the query calls the search.
    times : callable
        Adds ``timespan_begin`` and ``timespan_end`` to columns with the data IDs.
    """

    def __init__(self, validities: Validities, label: str, times: Callable[[dict[str, Any]], None]) -> None:
        self._validities, self._label, self._times = validities, label, times

    def __call__(self, columns: dict[str, Any]) -> None:
        """Change a batch of columns."""
        import numpy as np

        timed = dict(columns)
        self._times(timed)
        begin, end = (_instants(timed[name], unknown) for name, unknown in zip(_TIMES, _NEVER, strict=True))
        rows, chosen = self._validities.matched(columns, begin, end)
        if not np.array_equal(rows, np.arange(len(begin))):
            columns |= taken_together(columns, rows)
        columns[f"{self._label}.id"], columns[f"{self._label}.run"] = self._validities.columns(chosen)


def _instants(column: Any, unknown: int) -> np.ndarray:
    import numpy as np

    if isinstance(column, Spread):
        few: np.ndarray = _instants(column.values, unknown)[column.places]
        return few
    values: Sequence[int | None] = listed(column)
    return np.array([unknown if value is None else value for value in values], np.int64)
