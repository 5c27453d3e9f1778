"""Records of one element in bulk, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dimensions.checking import checked_columns
from bunter.dimensions.moments import TIME_NAMES
from bunter.dimensions.record import DimensionRecord
from bunter.dimensions.tables import columns_of, is_table
from bunter.dimensions.values import coerced
from bunter.errors import DimensionNameError, DimensionValueError, near
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.dimensions.column import Column
    from bunter.dimensions.element import Element


@dataclass(frozen=True, slots=True)
class Records:
    """Columns of many records of one element.

    Parameters
    ----------
    element : Element
        What they are records of.
    columns : dict[str, list]
        One list per column of ``element.columns``, by name; a timespan is two columns ``timespan_begin`` and
        ``timespan_end`` of ns TAI (both None if unknown), a region its encoded bytes. Use `from_rows` to have them
        checked.
    """

    element: Element
    columns: dict[str, list[Any]]

    @classmethod
    def from_rows(cls, element: Element, rows: Iterable[Mapping[str, Any] | DimensionRecord]) -> Records:
        """Check rows as users write them and turn them into columns.

        Parameters
        ----------
        element : Element
            What they are records of.
        rows : Iterable of Mapping or DimensionRecord
            Fields by name, ``id`` or ``name`` for the own key; ``timespan`` as `Timespan` or (begin, end), or
            ``datetime_begin`` and ``datetime_end``; ``region`` as `Region` or encoded. What is left out is unknown.

        Returns
        -------
        Records
            In the order of the rows.

        Raises
        ------
        DimensionNameError
            If a row has a field that the element has not.
        DimensionValueError
            If a value is of the wrong type, too long, or missing where there must be one.
        """
        plain = [row.to_dict() if isinstance(row, DimensionRecord) else row for row in rows]
        _refuse_unknown(element, plain)
        columns: dict[str, list[Any]] = {}
        for column in element.columns:
            if column.kind == "timespan":
                bounds = [_bounds(element, row, number) for number, row in enumerate(plain)]
                columns["timespan_begin"] = [begin for begin, _ in bounds]
                columns["timespan_end"] = [end for _, end in bounds]
            else:
                columns[column.name] = coerced(element.name, column, _picked(element, column, plain))
        return cls(element, columns)

    @classmethod
    def from_table(cls, element: Element, table: Any) -> Records:
        """Check a table and take its columns, without looking at one row after the other where types permit.

        Parameters
        ----------
        element : Element
            What its rows are records of.
        table : astropy, Arrow, pandas, polars or structured NumPy table, or Mapping
            Columns named as in `from_rows`. Times without a scale are TAI in columns ``timespan_begin`` and
            ``timespan_end``, as in the tables that queries return, and UTC in ``datetime_begin`` and ``datetime_end``.
            Columns with a unit of time or angle are converted to seconds and degrees.

        Raises
        ------
        DimensionNameError, DimensionValueError
            As `from_rows`; a column that the element has not is refused.
        """
        return cls(element, checked_columns(element, columns_of(table)))

    @classmethod
    def of(cls, element: Element, given: Any) -> Records:
        """Check whatever a user gives: records, a table, one mapping or several."""
        if isinstance(given, Records):
            return given
        if is_table(given, element):
            return cls.from_table(element, given)
        return cls.from_rows(element, [given] if isinstance(given, Mapping | DimensionRecord) else given)

    @classmethod
    def from_arrow(cls, element: Element, table: Any) -> Records:
        """Take columns from an Arrow table that has them all, by the names of `columns`."""
        return cls(element, {name: table.column(name).to_pylist() for name in stored_columns(element)})

    def to_arrow(self) -> Any:
        """Make an Arrow table, with a fixed type per column even where all values are unknown."""
        from bunter.values.arrow import pyarrow

        pa = pyarrow()
        kinds = {
            "int": pa.int64(), "str": pa.string(), "float": pa.float64(), "bool": pa.bool_(), "hash": pa.binary(),
            "region": pa.binary(),
        }  # fmt: skip
        fields = [(name, kinds[kind]) for name, kind in stored_columns(self.element).items()]
        return pa.table(
            {name: pa.array(self.columns[name], type=kind) for name, kind in fields}, schema=pa.schema(fields)
        )

    def tuples(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows of the columns named."""
        return list(zip(*(self.columns[name] for name in names), strict=True))

    def rows(self) -> Iterator[DimensionRecord]:
        """Iterate over the records."""
        parts: list[Iterable[Any]] = []
        for column in self.element.columns:
            if column.kind == "timespan":
                bounds = zip(self.columns["timespan_begin"], self.columns["timespan_end"], strict=True)
                parts.append([None if begin is None else Timespan.from_bounds(begin, end) for begin, end in bounds])
            else:
                parts.append(self.columns[column.name])
        for values in zip(*parts, strict=True):
            yield DimensionRecord(self.element, values)

    __iter__ = rows

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __repr__(self) -> str:
        return f"<{len(self)} records of {self.element.name}>"


def stored_columns(element: Element) -> dict[str, str]:
    """Names and kinds of `Records.columns`, a timespan being two of kind ``int``."""
    stored: dict[str, str] = {}
    for column in element.columns:
        if column.kind == "timespan":
            stored |= {"timespan_begin": "int", "timespan_end": "int"}
        else:
            stored[column.name] = column.kind
    return stored


def _refuse_unknown(element: Element, rows: Sequence[Mapping[str, Any]]) -> None:
    known = {*element.field_names, *(TIME_NAMES if element.temporal else ())}
    for number, row in enumerate(rows):
        if unknown := row.keys() - known:
            name = min(unknown)
            raise DimensionNameError(f"row {number}: {element.name!r} has no field {name!r}{near(name, known)}")


def _picked(element: Element, column: Column, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    key = element.key
    if key is None or column.name != element.name or key.name == column.name:
        return [row.get(column.name) for row in rows]
    return [row.get(key.name, row.get(column.name)) for row in rows]


def _bounds(element: Element, row: Mapping[str, Any], number: int) -> tuple[int | None, int | None]:
    try:
        span = _timespan(row)
    except (ValueError, TypeError) as error:
        raise DimensionValueError(f"row {number} of {element.name!r}: {error}") from None
    return (None, None) if span is None else span.bounds


def _timespan(row: Mapping[str, Any]) -> Timespan | None:
    span = row.get("timespan")
    if isinstance(span, Timespan):
        return span
    if span is not None:
        begin, end = span
        return Timespan.from_times(begin, end)
    if row.get("timespan_begin") is not None:
        return Timespan.from_bounds(row["timespan_begin"], row["timespan_end"])
    if row.get("datetime_begin") is not None or row.get("datetime_end") is not None:
        return Timespan.from_times(row.get("datetime_begin"), row.get("datetime_end"))
    return None
