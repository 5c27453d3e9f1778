"""Datasets in bulk, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from bunter.dataset.ref import DatasetRef
from bunter.dimensions import DataCoordinate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dataset.type import DatasetType


class DatasetColumns(Struct, frozen=True):
    """Many datasets of one type in one run.

    Parameters
    ----------
    dataset_type : DatasetType
        Their type.
    run : str
        Their run.
    ids : list[bytes]
        16 bytes each.
    values : dict[str, Sequence]
        Values of each required dimension, one per id.
    """

    dataset_type: DatasetType
    run: str
    ids: list[bytes]
    values: dict[str, Sequence[Any]]

    def __post_init__(self) -> None:
        if self.values.keys() != self.dataset_type.dimensions.required_names:
            names = self.dataset_type.dimensions.required
            have = ", ".join(self.values) or "none"
            raise ValueError(f"datasets of {self.dataset_type.name!r} need values for {', '.join(names)}, not {have}")
        for name, column in self.values.items():
            if len(column) != len(self.ids):
                raise ValueError(f"{len(self.ids)} datasets need as many values of {name!r}, not {len(column)}")

    @classmethod
    def from_refs(cls, refs: Sequence[DatasetRef]) -> list[DatasetColumns]:
        """Gather references by type and run, in the order in which these first appear."""
        if len(refs) == 1:
            return [cls._from_alike(refs)]
        groups: dict[tuple[str, str], list[DatasetRef]] = {}
        for ref in refs:
            groups.setdefault((ref.dataset_type.name, ref.run), []).append(ref)
        return [cls._from_alike(group) for group in groups.values()]

    @classmethod
    def _from_alike(cls, refs: Sequence[DatasetRef]) -> DatasetColumns:
        first = refs[0]
        names = first.dataset_type.dimensions.required
        rows = [ref.data_id.required_values for ref in refs]
        ids = [ref.id.bytes for ref in refs]
        return cls(first.dataset_type, first.run, ids, dict(zip(names, zip(*rows, strict=True), strict=True)))

    def required_rows(self) -> list[tuple[Any, ...]]:
        """Gather the required values of each dataset, in the order of the dimensions."""
        names = self.dataset_type.dimensions.required
        if not names:
            return [() for _ in self.ids]
        return list(zip(*(self.values[name] for name in names), strict=True))

    def refs(self) -> Iterator[DatasetRef]:
        """Iterate over the references."""
        group = self.dataset_type.dimensions
        for dataset_id, row in zip(self.ids, self.required_rows(), strict=True):
            yield DatasetRef(UUID(bytes=dataset_id), self.dataset_type, DataCoordinate(group, row), self.run)

    def __len__(self) -> int:
        return len(self.ids)
