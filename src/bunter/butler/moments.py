"""When a calibration is wanted: the time of the exposure, visit or night that a data ID names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions import DataCoordinate
from bunter.errors import DimensionValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler.data_ids import DataIds
    from bunter.butler.queries import Queries
    from bunter.dimensions import DimensionGroup, Universe
    from bunter.values import Timespan

__all__ = ["parted", "plain_values", "time_of"]


def parted(values: Mapping[str, object], group: DimensionGroup) -> tuple[dict[str, object], dict[str, object]]:
    """Part what tells a calibration from what only tells when it is wanted.

    Parameters
    ----------
    values : mapping
        What the user gave.
    group : DimensionGroup
        Dimensions of the calibration.

    Returns
    -------
    tuple of dict
        Values for the data ID, and those that name a moment: dimensions outside the group, and fields of their records.
    """
    universe = group.universe
    moment = {name: value for name, value in values.items() if _names_moment(name, group, universe)}
    return {name: value for name, value in values.items() if name not in moment}, moment


def _names_moment(name: str, group: DimensionGroup, universe: Universe) -> bool:
    if name in group.names:
        return False
    if name in universe.dimensions:
        return _leads_to_time(universe, name)
    element, _, _ = name.rpartition(".")
    if element:
        return element not in group.names and element in universe and _leads_to_time(universe, element)
    of_group = any(name in {column.name for column in universe[other].columns} for other in group.names)
    return not of_group and any(
        name in {column.name for column in universe[other].columns} for other in _temporal(universe)
    )


def _temporal(universe: Universe) -> list[str]:
    """Return the dimensions whose records have a timespan, those that say most first."""
    found = [e.name for e in universe.elements.values() if e.temporal is not None and e.name in universe.dimensions]
    return sorted(found, key=lambda name: (-len(universe.conform([name]).names), name))


def _leads_to_time(universe: Universe, name: str) -> bool:
    return universe[name].temporal is not None


def time_of(
    queries: Queries,
    data_ids: DataIds,
    values: Mapping[str, object],
    moment: Mapping[str, object],
    group: DimensionGroup,
) -> Timespan | None:
    """Return the time that the values name; None where they name none.

    Raises
    ------
    DimensionValueError
        If no record has these values, or its time is not known.
    """
    if not moment:
        return None
    universe = group.universe
    element = _meant(universe, moment)
    whole = universe.conform([element])
    given: dict[str, Any] = {name: value for name, value in values.items() if name in whole.names}
    named = {name: value for name, value in moment.items() if name in whole.names or name not in universe.dimensions}
    data_id = data_ids.standardize({**given, **named}, whole)
    record = queries.records(element, data_id=dict(zip(whole.required, data_id.required_values, strict=True))).first()
    said = ", ".join(f"{name}={value!r}" for name, value in moment.items())
    if record is None:
        raise DimensionValueError(
            f"no {element} with {said}, so that the time is not known for which a calibration is wanted; "
            f"`bunter query-dimension-records REPO {element}` lists those that there are, or give a timespan"
        )
    if record.timespan is None:
        raise DimensionValueError(f"the time of the {element} with {said} is not recorded; give a timespan")
    time: Timespan = record.timespan
    return time


def _meant(universe: Universe, moment: Mapping[str, object]) -> str:
    """Return the dimension that the values speak of: one that is named, else the one whose record has all fields."""
    temporal = _temporal(universe)
    fields = {name.rpartition(".")[2] for name in moment if name not in universe.dimensions}
    named = [name for name in temporal if name in moment or any(key.startswith(f"{name}.") for key in moment)]
    plain = {name for name in moment if "." not in name and name not in universe.dimensions}
    if not plain and named:
        return named[0]
    fit = [name for name in temporal if fields <= {column.name for column in universe[name].columns}]
    preferred = [name for name in ("exposure", "visit") if name in fit]
    return (preferred or fit or named or temporal)[0]


def plain_values(data_id: Mapping[str, object] | DataCoordinate | None) -> dict[str, object]:
    """Return the values of a data ID as a dictionary of its own."""
    if data_id is None:
        return {}
    return dict(data_id.mapping if isinstance(data_id, DataCoordinate) else data_id)
