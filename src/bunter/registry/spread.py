"""Columns in which few values come again and again: the values, and which of them each row has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np

__all__ = ["Spread", "common_places", "listed", "taken_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A column of few values.

    Parameters
    ----------
    values : sequence or pyarrow.Array
        The values, None where there is none.
    places : numpy.ndarray
        The place among them of each row's value, ``(N,) int32``. Columns with the same array belong together.
    """

    values: Any
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def common_places(columns: Iterable[Any]) -> np.ndarray | None:
    """Return the places that all columns have in common, None if there are none such."""
    first, *others = columns
    if not isinstance(first, Spread):
        return None
    same = all(isinstance(other, Spread) and other.places is first.places for other in others)
    return first.places if same else None


def taken_together(columns: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Return some rows, by their numbers, of columns that are spread, lists or arrays; what belonged together still does."""
    places: dict[int, np.ndarray] = {}
    found: dict[str, Any] = {}
    for name, column in columns.items():
        if isinstance(column, Spread):
            if id(column.places) not in places:
                places[id(column.places)] = column.places[rows]
            found[name] = Spread(column.values, places[id(column.places)])
        else:
            found[name] = [column[row] for row in rows.tolist()] if isinstance(column, list) else column.take(rows)
    return found


def listed(column: Any) -> list[Any]:
    """Return the values of all rows of a column."""
    if isinstance(column, Spread):
        values = listed(column.values)
        return [values[place] for place in column.places.tolist()]
    if hasattr(column, "to_pylist"):
        return column.to_pylist()  # type: ignore[no-any-return]
    return column.tolist() if hasattr(column, "tolist") else list(column)
