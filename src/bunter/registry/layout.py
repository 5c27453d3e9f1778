"""Where rows are kept: names of tables and columns, without a word of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.dimensions.records import stored_columns
from bunter.values import MAX_NS

if TYPE_CHECKING:
    from bunter.dimensions import DimensionGroup, Element

__all__ = ["CAP_COLUMNS", "LIVE", "GroupLayout", "element_columns", "element_table"]

LIVE = MAX_NS
"""Number in ``retired`` of rows that no change has retired."""

CAP_COLUMNS = ("cap_x", "cap_y", "cap_z", "cap_cos", "cap_sin")
"""A circle around the region: unit vector of its centre, cosine and sine of its opening angle."""


def element_table(element: Element) -> str:
    """Name of the table of an element's records."""
    return f"record_{element.name}"


def element_columns(element: Element) -> tuple[str, ...]:
    """Names of the columns of an element's table, without those of the cap."""
    return tuple(stored_columns(element))


@dataclass(frozen=True, slots=True)
class GroupLayout:
    """Tables that are shared by all dataset types of one dimension group.

    Parameters
    ----------
    number : int
        Number of the group in this repository.
    dimensions : DimensionGroup
        The group.
    """

    number: int
    dimensions: DimensionGroup

    @property
    def datasets(self) -> str:
        """Name of the table of data IDs by run."""
        return f"dataset_{self.number}"

    @property
    def tags(self) -> str:
        """Name of the table of memberships in TAGGED collections."""
        return f"tag_{self.number}"

    @property
    def calibrations(self) -> str:
        """Name of the table of validity ranges in CALIBRATION collections."""
        return f"calibration_{self.number}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Required dimensions, in the order that keeps rows written together close to each other.

        What grows with time comes before what is fixed, as exposures before detectors: new rows then go to the end of
        each run's part of the index instead of all over it. Filters come before detectors as well, since an exposure
        names its filter and then needs all detectors.
        """
        universe = self.dimensions.universe

        def rank(name: str) -> int:
            element = universe[name]
            return 0 if element.governor else 1 if element.temporal else 2 if element.implies else 3

        return tuple(sorted(self.dimensions.required, key=rank))
