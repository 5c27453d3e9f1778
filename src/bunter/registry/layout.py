"""Where rows are kept: names of tables and columns, without a word of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.dimensions.records import stored_columns
from bunter.values import MAX_NS

if TYPE_CHECKING:
    from bunter.dimensions import DimensionGroup, Element

__all__ = ["LIVE", "SKY_COLUMNS", "GroupLayout", "element_columns", "element_table", "lived"]

LIVE = MAX_NS
"""Number in ``retired`` of rows that no change has retired."""

SKY_COLUMNS = dict.fromkeys(("cap_x", "cap_y", "cap_z", "cap_cos", "cap_sin"), "float") | {"sky_cell": "int"}
"""What is kept beside a region, by kind: a circle around it (unit vector of its centre, cosine and sine of its opening angle),
and the cell by which an index finds it, see `bunter.geometry.cells`."""


def lived(alias: str = "", as_of: int | None = None, until: str = "retired") -> str:
    """Return SQL for whether a row with ``added`` and ``retired`` holds, now or as of a change."""
    dot = f"{alias}." if alias else ""
    if as_of is None:
        return f"{dot}{until} = {LIVE}"
    return f"{dot}added <= {as_of} AND {dot}{until} > {as_of}"


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
    as_of : int, optional
        Number of the last change that counts; None for all, as things are now.
    """

    number: int
    dimensions: DimensionGroup
    as_of: int | None = None

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
    def removed(self) -> str:
        """Name of the table of data IDs of removed datasets, with the changes they were added and removed in."""
        return f"removed_{self.number}"

    @property
    def sources(self) -> tuple[str, ...]:
        """What may stand in FROM, before an alias, for the rows (type, run, dimensions ..., id) of runs: one or several."""
        if self.as_of is None:
            return (self.datasets,)
        columns = ", ".join(["s.type", "s.run", *(f's."{name}"' for name in self.dimensions.required), "s.id"])
        young = f"SELECT 1 FROM dataset o WHERE o.id = s.id AND o.added > {self.as_of}"
        return (
            f"(SELECT {columns} FROM {self.datasets} s WHERE NOT EXISTS ({young}))",
            f"(SELECT {columns} FROM {self.removed} s WHERE {lived('s', self.as_of, 'removed')})",
        )

    def living(self, alias: str = "") -> str:
        """Return SQL for whether a row of a membership counts."""
        return lived(alias, self.as_of)

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
