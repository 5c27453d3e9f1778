"""Values that templates of file names need at the destination: from the records that travel along, which are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.template_fields import TemplateFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Parcel
    from bunter.dataset import DatasetColumns
    from bunter.datastore.chain import Route
    from bunter.dimensions import Element

__all__ = ["CarriedFields"]


class CarriedFields(TemplateFields):
    """Looks values up in the records of a parcel first; see `TemplateFields`.

    Parameters
    ----------
    session : Session
        The destination, whose registry knows what the parcel leaves out.
    parcel : Parcel
        What arrives.
    """

    def __init__(self, session: Session, parcel: Parcel) -> None:
        super().__init__(Queries(session, DataIds(session)))
        self._parcel = parcel

    def of_rows(
        self, places: Sequence[tuple[DatasetColumns, int]], routes: Sequence[Route]
    ) -> list[Mapping[str, object]]:
        """Return what the template of each dataset needs beside its data ID, given as a row of columns.

        Parameters
        ----------
        places : sequence of (DatasetColumns, int)
            Columns, and which row of them.
        routes : sequence of Route
            Where each goes.
        """
        found: list[Mapping[str, object]] = [{}] * len(places)
        alike: dict[tuple[int, frozenset[str]], list[int]] = {}
        for number, ((columns, _), route) in enumerate(zip(places, routes, strict=True)):
            if sought := route.choice.template.sought:
                alike.setdefault((id(columns), sought), []).append(number)
        for (_, sought), numbers in alike.items():
            columns = places[numbers[0]][0]
            group = columns.dataset_type.dimensions
            rows = [{name: columns.values[name][places[n][1]] for name in group.required} for n in numbers]
            for number, row in zip(numbers, self.of_many(sought, group, rows), strict=True):
                found[number] = row
        return found

    def _look_up(self, element: Element, keys: set[tuple[Any, ...]]) -> None:
        if element.name not in self._records:
            there = self._records[element.name] = {}
            for records in self._parcel.records():
                if records.element.name == element.name:
                    names = [name for name in records.columns if name != "region"]
                    for row in zip(*(records.columns[name] for name in names), strict=True):
                        record = dict(zip(names, row, strict=True))
                        there[tuple(record[key] for key in element.required)] = record
        super()._look_up(element, keys)
