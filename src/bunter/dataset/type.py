"""Dataset types: what a dataset is, and which dimensions tell one from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.errors import ConflictingDefinitionError

if TYPE_CHECKING:
    from bunter.dimensions import DimensionGroup

_LONGEST = 128


@dataclass(frozen=True, slots=True)
class DatasetType:
    """Name, dimensions and storage class that many datasets share.

    Parameters
    ----------
    name : str
        Letters, digits and underscores, not starting with a digit; at most 128 characters.
    dimensions : DimensionGroup
        What a data ID of such a dataset needs.
    storage_class : str
        Name of the storage class.
    is_calibration : bool
        Whether datasets of it may be certified for a time.
    """

    name: str
    dimensions: DimensionGroup
    storage_class: str
    is_calibration: bool = False

    def __post_init__(self) -> None:
        if problem := dataset_type_name_problem(self.name):
            raise ConflictingDefinitionError(problem)

    def __hash__(self) -> int:
        return hash(self.name)  # the key of many tables in memory, where hardly two differ in anything else alone

    def __repr__(self) -> str:
        calibration = ", calibration" if self.is_calibration else ""
        return f"DatasetType({self.name!r}, {self.dimensions!r}, {self.storage_class}{calibration})"


def dataset_type_name_problem(name: str) -> str | None:
    """Say why a dataset type cannot have this name, or None if it can."""
    if name.isascii() and name.isidentifier() and len(name) <= _LONGEST:
        return None
    return (
        f"{name[:_LONGEST]!r} cannot name a dataset type; use letters, digits and underscores, starting with a letter, "
        f"at most {_LONGEST}"
    )


def split_component(name: str) -> tuple[str, str | None]:
    """Split ``calexp.wcs`` into dataset type and component; the component is None if there is none."""
    head, dot, component = name.partition(".")
    return (head, component) if dot else (name, None)
