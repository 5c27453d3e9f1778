"""References to datasets, and where to search for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    import uuid

    from bunter.dataset.type import DatasetType
    from bunter.dimensions import DataCoordinate, DimensionGroup


class DatasetRef(Struct, frozen=True, eq=False):
    """One dataset; equal to another of the same id (and component).

    Parameters
    ----------
    id : uuid.UUID
        Its identifier, unique over the repository.
    dataset_type : DatasetType
        What it is.
    data_id : DataCoordinate
        Which one of its type it is.
    run : str
        The RUN collection that holds it.
    component : str, optional
        The part that is meant, None for the whole.
    """

    id: uuid.UUID
    dataset_type: DatasetType
    data_id: DataCoordinate
    run: str
    component: str | None = None

    @property
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the dataset type."""
        return self.dataset_type.dimensions

    @property
    def name(self) -> str:
        """Name of the dataset type, with the component behind a dot if there is one."""
        return self.dataset_type.name if self.component is None else f"{self.dataset_type.name}.{self.component}"

    def part(self, component: str | None) -> DatasetRef:
        """Refer to a component of it, or to the whole."""
        return DatasetRef(self.id, self.dataset_type, self.data_id, self.run, component)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatasetRef):
            return NotImplemented
        return self.id == other.id and self.component == other.component

    def __hash__(self) -> int:
        return hash((self.id, self.component))

    def __lt__(self, other: DatasetRef) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, tuple[int | str, ...], str, uuid.UUID]:
        return self.name, self.data_id.required_values, self.run, self.id

    def __repr__(self) -> str:
        return f"{self.name}@{self.data_id!r} in {self.run!r} ({str(self.id)[:13]}…)"

    def _repr_html_(self) -> str:
        from html import escape

        return (
            f"<b>{escape(self.name)}</b> in <i>{escape(self.run)}</i>{self.data_id._repr_html_()}<code>{self.id}</code>"
        )


@dataclass(frozen=True, slots=True)
class DatasetSearch:
    """Where datasets of one type are looked for.

    Parameters
    ----------
    dataset_type : str
        Name of the type.
    collections : tuple[str, ...]
        Names in order; chains are not yet flattened.
    find_first : bool
        Whether of several with one data ID only that of the first collection counts.
    name : str
        What a query calls it, where one type is looked for twice; the type's own name by default.
    join : str
        "inner": rows have such a dataset. "left": rows have one or none. "anti": rows have none.
    """

    dataset_type: str
    collections: tuple[str, ...]
    find_first: bool = True
    name: str = ""
    join: Literal["inner", "left", "anti"] = "inner"

    @property
    def label(self) -> str:
        """What a query calls it."""
        return self.name or self.dataset_type
