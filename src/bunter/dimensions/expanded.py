"""Data IDs that know the records behind their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions.coordinate import DataCoordinate
from bunter.errors import DimensionNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.dimensions.record import DimensionRecord

__all__ = ["ExpandedDataCoordinate"]


class ExpandedDataCoordinate(DataCoordinate, frozen=True, eq=False):
    """A data ID with its dimension records; equal to the same one without.

    Parameters
    ----------
    group, values
        As for `DataCoordinate`.
    tables : mapping of str to mapping
        Records of each element by their required values, shared by all data IDs of a result.
    """

    tables: Mapping[str, Mapping[tuple[Any, ...], DimensionRecord]]

    @property
    def records(self) -> dict[str, DimensionRecord | None]:
        """Records by element; None where an element has no record for these values."""
        return {name: self.record(name) for name in self.tables}

    def record(self, element: str) -> DimensionRecord | None:
        """Return the record of one element, such as ``visit``; None if there is none for these values."""
        if element not in self.tables:
            raise DimensionNameError(f"{self} has no record of {element!r}{near(element, self.tables)}")
        names = self.group.universe[element].required
        return self.tables[element].get(tuple(self[name] for name in names))
