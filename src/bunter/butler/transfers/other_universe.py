"""What was made over another universe, seen over the one of the repository that it comes to.

Universes may have other names and versions: what counts is whether the elements that come mean the same in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dimensions import Records
from bunter.dimensions.records import stored_columns
from bunter.errors import TransferConflictError, UniverseError, near

if TYPE_CHECKING:
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element, Universe

__all__ = ["asked_in_vain", "group_over", "records_over"]

_WIDEN = (
    "`bunter universe show SOURCE --yaml > theirs.yaml` and `bunter upgrade TARGET --dimensions theirs.yaml` widen it"
)


def group_over(universe: Universe, kind: DatasetType) -> DimensionGroup:
    """Return the dimensions of a dataset type that comes, over our own universe.

    Raises
    ------
    TransferConflictError
        If they are not there, or are not the same things.
    """
    theirs = kind.dimensions
    try:
        ours = universe.conform(theirs.required)
    except (UniverseError, KeyError) as exc:
        raise TransferConflictError(
            f"dataset type {kind.name!r} has dimensions that the target has not: {exc}; {_WIDEN}"
        ) from exc
    if ours.required != theirs.required:
        raise TransferConflictError(
            f"dataset type {kind.name!r} has the dimensions {_listed(theirs.required)} in what comes and {_listed(ours.required)} at the target"
        )
    for name in theirs.required:
        _refuse_others(theirs.universe[name], universe[name])
    return ours


def records_over(universe: Universe, records: Records) -> Records:
    """Return records over our own universe; facts that it has and the other one has not are unknown.

    Raises
    ------
    TransferConflictError
        If our universe has no place for some of what they say, or asks for what they do not say.
    """
    theirs = records.element
    if theirs.universe is universe:
        return records
    if theirs.name not in universe.elements:
        raise TransferConflictError(
            f"there are records of {theirs.name!r}, which the dimensions of the target have not{near(theirs.name, universe.elements)}; {_WIDEN}"
        )
    ours = universe[theirs.name]
    _refuse_others(theirs, ours)
    nothing = [None] * len(records)
    columns = {name: records.columns.get(name, nothing) for name in stored_columns(ours)}
    if (lost := _lost(records, ours)) is not None:
        raise TransferConflictError(lost)
    return Records(ours, columns)


def asked_in_vain(records: Records) -> list[str]:
    """Return the columns that must be known and are not, where the other universe has not got them."""
    return [
        column.name
        for column in records.element.columns
        if not column.nullable and any(value is None for value in records.columns.get(column.name, ()))
    ]


def _refuse_others(theirs: Element, ours: Element) -> None:
    """Refuse elements of one name that identify or hold other things."""
    if theirs.required != ours.required:
        raise TransferConflictError(
            f"records of {ours.name!r} are identified by {_listed(theirs.required)} in what comes and by {_listed(ours.required)} at the target"
        )
    kinds = stored_columns(ours)
    for name, kind in stored_columns(theirs).items():
        if kinds.get(name, kind) != kind:
            raise TransferConflictError(
                f"{name!r} of {ours.name!r} is {kind} in what comes and {kinds[name]} at the target: the two mean other things by it"
            )


def _lost(records: Records, ours: Element) -> str | None:
    """Say what our element has no place for."""
    lost = records.columns.keys() - stored_columns(ours).keys()
    if said := sorted(name for name in lost if any(value is not None for value in records.columns[name])):
        return f"records of {ours.name!r} have {_listed(said)}, which the dimensions of the target have not; {_WIDEN}"
    for column in ours.columns:
        length = column.length if column.kind == "str" else None
        if length and any(value is not None and len(value) > length for value in records.columns.get(column.name, ())):
            return f"{column.name!r} of {ours.name!r} is longer in what comes than the {length} characters of the target; {_WIDEN}"
    return None


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
