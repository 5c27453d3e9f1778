"""Dimension records of a repository, as a user handles them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.dataset.changes import InsertRecords
from bunter.dimensions import Records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.butler.session import Session

__all__ = ["DimensionRecords"]


class DimensionRecords:
    """Inserts and synchronises dimension records.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def records(self, element: str, rows: Records | Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> Records:
        """Return rows as checked records; one mapping is one row."""
        if isinstance(rows, Records):
            return rows
        listed = [rows] if isinstance(rows, Mapping) else rows
        return Records.from_rows(self._session.facts.universe[element], listed)

    def insert(self, element: str, rows: Records | Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> int:
        """Insert new records; one that exists is an error and nothing is inserted."""
        return self._insert(element, rows, "fail")

    def sync(
        self, element: str, rows: Records | Iterable[Mapping[str, Any]] | Mapping[str, Any], *, update: bool = False
    ) -> int:
        """Insert records that are not there; those that are must be the same, or are replaced with ``update``."""
        return self._insert(element, rows, "replace" if update else "same")

    def _insert(self, element: str, rows: Any, on_conflict: str) -> int:
        records = self.records(element, rows)
        if len(records):
            self._session.commit([InsertRecords(records, on_conflict)])  # type: ignore[arg-type]
        return len(records)

    def __repr__(self) -> str:
        elements = ", ".join(
            name for name, element in self._session.facts.universe.elements.items() if element.has_table
        )
        return f"DimensionRecords: .insert(element, rows) and .sync(element, rows); elements are {elements}"
