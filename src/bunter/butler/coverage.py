"""What covers a position: the datasets found there, by type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import repeat
from typing import TYPE_CHECKING, overload

from bunter.butler.tables import Tabular
from bunter.dataset import DatasetRef, DatasetType
from bunter.dimensions import DataCoordinate
from bunter.values import counted, listed
from bunter.values.arrow import values_of
from bunter.values.rows import instances, uuids

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

    from bunter.butler.position import Position

__all__ = ["Coverage", "CoveringDatasets"]

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoveringDatasets(Tabular, Sequence[DatasetRef]):
    """The datasets of one type that cover a position: a sequence of refs that is a table as well.

    Parameters
    ----------
    dataset_type : DatasetType
        The type.
    through : tuple of str
        Elements whose regions were compared, such as visit_detector_region.
    rows : pyarrow.Table
        id, run, collection and the data ID.
    """

    dataset_type: DatasetType
    through: tuple[str, ...]
    rows: pa.Table

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def __iter__(self) -> Iterator[DatasetRef]:
        return iter(self._refs(self.rows))

    @overload
    def __getitem__(self, place: int) -> DatasetRef: ...
    @overload
    def __getitem__(self, place: slice) -> list[DatasetRef]: ...
    def __getitem__(self, place: int | slice) -> DatasetRef | list[DatasetRef]:
        if isinstance(place, slice):
            return self._refs(self.rows)[place]
        begin = range(len(self))[place]
        return self._refs(self.rows.slice(begin, 1))[0]

    def _refs(self, rows: pa.Table) -> list[DatasetRef]:
        group = self.dataset_type.dimensions
        count = rows.num_rows
        columns = [values_of(rows.column(key)) for key in group.data_id_keys]
        values = zip(*columns, strict=True) if columns else repeat((), count)
        data_ids = instances(DataCoordinate, count, group=repeat(group), values=values)
        ids, runs = uuids(values_of(rows.column("id"))), values_of(rows.column("run"))
        kinds = repeat(self.dataset_type)
        return instances(
            DatasetRef, count, id=ids, dataset_type=kinds, data_id=data_ids, run=runs, component=repeat(None)
        )

    @property
    def bands(self) -> dict[str, int]:
        """Number of datasets in each band, by name; empty for types that know no band."""
        if "band" not in self.rows.column_names:
            return {}
        found = self.rows.column("band").value_counts().to_pylist()
        return dict(sorted((each["values"] or "", each["counts"]) for each in found))

    def to_arrow(self) -> pa.Table:
        """Return the rows as a pyarrow table."""
        return self.rows

    def __repr__(self) -> str:
        lines = [f"  {ref}" for ref in self[:_SHOWN]]
        more = [f"  ... {len(self)} in all; .to_table() has them"] if len(self) > _SHOWN else []
        return "\n".join([f"{counted(len(self), self.dataset_type.name + ' dataset')}:", *lines, *more])

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.dataset_type.name)}: {len(self)}</p>{self.to_table()._repr_html_()}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Coverage(Mapping[str, CoveringDatasets]):
    """What covers a position: datasets by the name of their type.

    Parameters
    ----------
    position : Position
        Where, in ICRS degrees.
    radius_deg : float
        Radius of the circle that was asked for, 0 for the position alone.
    found : dict of str to CoveringDatasets
        Types that have datasets there.
    searched : tuple of str
        Collections, in order.
    unlisted : dict of str to tuple of str
        Names of types that are not listed, by the reason.
    nearest : tuple of str
        If nothing was found, sentences about what is nearest.
    """

    position: Position
    radius_deg: float
    found: dict[str, CoveringDatasets]
    searched: tuple[str, ...] = ()
    unlisted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()

    def __getitem__(self, dataset_type: str) -> CoveringDatasets:
        if dataset_type in self.found:
            return self.found[dataset_type]
        reason = next((why for why, names in self.unlisted.items() if dataset_type in names), "has none there")
        raise KeyError(f"{dataset_type!r} {reason}; found are {', '.join(self.found) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def counts(self) -> dict[str, int]:
        """Number of datasets, by type."""
        return {name: len(datasets) for name, datasets in self.found.items()}

    def refs(self) -> list[DatasetRef]:
        """Return all datasets."""
        return [ref for datasets in self.found.values() for ref in datasets]

    def to_table(self) -> Table:
        """Return an astropy table with a row for each type: how many datasets, in which bands, through which regions."""
        from astropy.table import Table

        return Table(
            rows=self.summary() or None,
            names=("dataset_type", "datasets", "bands", "through"),
            dtype=(str, int, str, str),
        )

    def summary(self) -> list[tuple[str, int, str, str]]:
        """Return type, number of datasets, numbers by band, and elements compared, for each type."""
        return [
            (
                name,
                len(datasets),
                ", ".join(f"{band} {number}" for band, number in datasets.bands.items()),
                ", ".join(datasets.through),
            )
            for name, datasets in self.found.items()
        ]

    @property
    def title(self) -> str:
        """What was asked, in words."""
        around = f" within {self.radius_deg:g} deg" if self.radius_deg else ""
        return f"{self.position}{around}"

    def __repr__(self) -> str:
        number = sum(self.counts.values())
        lines = [f"{self.title}: {counted(number, 'dataset')} of {counted(len(self.found), 'type')}"]
        width = max(map(len, self.found), default=0)
        lines += [f"  {name:{width}}  {number:6d}  {bands}".rstrip() for name, number, bands, _ in self.summary()]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes())])

    def notes(self) -> list[str]:
        """Return what else is to be said: what is nearest if there is nothing, which types are not listed."""
        left_out = [f"not listed, {reason}: {listed(names, 6)}" for reason, names in self.unlisted.items() if names]
        return [*self.nearest, *left_out]

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return f"<p>{escape(self.title)}</p>{self.to_table()._repr_html_()}{notes}"
