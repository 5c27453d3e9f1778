"""Dimension records of a repository, as a user handles them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.record_comparison import Comparison, compare
from bunter.dataset.changes import InsertRecords
from bunter.dataset.inquiries import RecordReferences
from bunter.dataset.record_changes import RemoveRecords, UpdateRecords
from bunter.dimensions import Records
from bunter.dimensions.checking import checked_columns
from bunter.dimensions.tables import columns_of, is_table
from bunter.errors import ConflictingDefinitionError, DimensionNameError, DimensionValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler.record_comparison import Columns
    from bunter.butler.results import RecordResults
    from bunter.butler.session import Session
    from bunter.dimensions import Element
    from bunter.query.bind import Where

__all__ = ["DimensionRecords", "RecordRemoval"]


class RecordRemoval:
    """What removing dimension records takes along, and what stands against it.

    Attributes
    ----------
    element : str
        What they are records of.
    count : int
        How many records.
    along : dict of str to int
        Records of combinations that go with them, by element.
    references : list of str
        What refers to them, in words; while there is any, they cannot go.
    """

    def __init__(self, element: str, count: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self.element, self.count = element, count
        self.along = {row["name"]: row["count"] for row in rows if row["kind"] == "along"}
        self.references = [
            f"{row['count']} {row['kind']} of {row['name']!r} (such as {row['example']})"
            for row in rows
            if row["kind"] != "along"
        ]

    def __repr__(self) -> str:
        along = "".join(f", {count} of {name}" for name, count in self.along.items())
        against = f"; kept by {', '.join(self.references)}" if self.references else ""
        return f"<RecordRemoval: {self.count} of {self.element}{along}{against}>"


class DimensionRecords:
    """Inserts, changes and removes dimension records.

    Wherever rows are taken they may be one mapping or several, `bunter.dimensions.DimensionRecord` objects, a table of
    astropy, Arrow, pandas, polars or NumPy, a mapping of columns, `Records`, or a file (CSV, ECSV, Parquet, JSON, YAML).

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queries = Queries(session, DataIds(session))

    def records(self, element: str, rows: Any) -> Records:
        """Return rows as checked records."""
        return Records.of(self._element(element), self._table(element, rows))

    def insert(self, element: str, rows: Any, *, skip_existing: bool = False) -> int:
        """Insert new records and return how many were given.

        Parameters
        ----------
        element : str
            What they are records of.
        rows
            The records.
        skip_existing : bool
            Whether those whose key is there are left as they are; by default one is an error and nothing is inserted.
        """
        records = self.records(element, rows)
        if len(records):
            self._session.commit([InsertRecords(records, "skip" if skip_existing else "fail")])
        return len(records)

    def sync(self, element: str, rows: Any, *, update: bool = False) -> Comparison:
        """Insert records that are not there; those that are must be the same, or are changed with ``update``.

        Parameters
        ----------
        element : str
            What they are records of.
        rows
            The records.
        update : bool
            Whether fields that differ take the values given here.

        Returns
        -------
        Comparison
            How many are new and how many the same, and every field that differed.

        Raises
        ------
        ConflictingDefinitionError
            If a record differs from the one that is there and ``update`` is false; nothing is changed then.
        """
        records = self.records(element, rows)
        found = compare(self._session, records.element, records.columns)
        if found.differences and not update:
            raise ConflictingDefinitionError(f"{found.sentence()}. sync(..., update=True) takes the new values")
        if len(records):
            self._session.commit([InsertRecords(records, "replace" if update else "same")])
        return found

    def compare(self, element: str, rows: Any) -> Comparison:
        """Say which records are new and which fields differ; nothing is written."""
        named = self._element(element)
        return compare(self._session, named, self._columns(named, rows))

    def update(self, element: str, rows: Any) -> Comparison:
        """Change fields of records that are there; fields that are not given keep their values.

        Parameters
        ----------
        element : str
            What they are records of.
        rows
            The keys, and new values of some fields: facts, other keys, regions, timespans, implied dimensions.

        Returns
        -------
        Comparison
            Every field that differed.

        Raises
        ------
        DimensionValueError
            If a record is not there; nothing is changed then.
        """
        named = self._element(element)
        columns = self._columns(named, rows)
        found = compare(self._session, named, columns)
        if len(columns[named.required[-1]]):
            self._session.commit([UpdateRecords(element, columns)])
        return found

    def remove(
        self,
        element: str,
        rows: Any = None,
        *,
        where: Where = "",
        bind: Mapping[str, object] | None = None,
        dry_run: bool = False,
        **key: object,
    ) -> RecordRemoval:
        """Remove records that nothing refers to.

        Records of combinations that travel with them (``populated_by``), such as the regions of a visit's detectors, go
        too. Other records and datasets that name them keep them.

        Parameters
        ----------
        element : str
            What they are records of.
        rows : optional
            Their keys, as anything that `insert` takes; or leave it out and say which by ``where`` or keys.
        where, bind
            A query expression with its values.
        dry_run : bool
            Whether to look only.
        **key
            Data-ID values.

        Returns
        -------
        RecordRemoval
            What went, or would go, and what refers to it.

        Raises
        ------
        OrphanedRecordError
            If anything refers to them; names it with counts, and nothing is removed.
        """
        named = self._element(element)
        if rows is None and not where and not key:
            raise DimensionValueError(
                f"say which {element} records go: rows, where=... or keys; where='TRUE' means all of them"
            )
        columns = self._asked(named, where, bind, key) if rows is None else self._keys(named, rows)
        size = len(columns[named.required[-1]])
        rows = self._session.repository.answer(self._session.principal, RecordReferences(element, columns)).to_pylist()
        if size and not dry_run:
            self._session.commit([RemoveRecords(element, columns)])
        return RecordRemoval(element, size, rows)

    def query(self, element: str, **more: Any) -> RecordResults:
        """Ask for records; takes what `Butler.query_dimension_records` takes."""
        return self._queries.records(element, **more)

    def _element(self, name: str) -> Element:
        return self._session.facts.universe[name]

    def _table(self, element: str, rows: Any) -> Any:
        if isinstance(rows, str | Path):
            from bunter.dimensions.record_files import read_table

            return read_table(self._element(element), rows)
        return rows

    def _columns(self, element: Element, rows: Any) -> Columns:
        """Return keys and the fields that are given, checked."""
        given = self._table(element.name, rows)
        if isinstance(given, Records):
            return given.columns
        if is_table(given, element):
            return checked_columns(element, columns_of(given), partial=True)
        listed = [given] if isinstance(given, Mapping) or hasattr(given, "to_dict") else list(given)
        plain = [row.to_dict() if hasattr(row, "to_dict") else row for row in listed]
        names = list(plain[0]) if plain else [*element.required]
        for number, row in enumerate(plain):
            if row.keys() != set(names):
                raise DimensionNameError(
                    f"row {number} gives {', '.join(row)} and row 0 {', '.join(names)}; give all rows the same fields"
                )
        return checked_columns(element, {name: [row[name] for row in plain] for name in names}, partial=True)

    def _keys(self, element: Element, rows: Any) -> Columns:
        columns = self._columns(element, rows)
        return {name: columns[name] for name in element.required}

    def _asked(
        self, element: Element, where: Where, bind: Mapping[str, object] | None, key: Mapping[str, object]
    ) -> Columns:
        found = self._queries.records(element.name, where=where, bind=bind, data_id=key).to_arrow()
        return {name: found.column(name).to_pylist() for name in element.required}

    def __repr__(self) -> str:
        universe = self._session.facts.universe
        elements = ", ".join(name for name, element in universe.elements.items() if element.has_table)
        return f"DimensionRecords: .insert(element, rows), .sync, .update, .remove, .query; elements are {elements}"
