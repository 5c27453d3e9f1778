"""Records of one element in bulk, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dimensions.coordinate import coerce_key
from bunter.dimensions.record import DimensionRecord
from bunter.errors import DimensionNameError, DimensionValueError, near
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bunter.dimensions.element import Column, Element

_TIME_NAMES = ("timespan", "timespan_begin", "timespan_end", "datetime_begin", "datetime_end")


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
                columns[column.name] = _checked(element, column, _picked(element, column, plain))
        return cls(element, columns)

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
    known = {*element.field_names, *(_TIME_NAMES if element.temporal else ())}
    for number, row in enumerate(rows):
        if unknown := row.keys() - known:
            name = min(unknown)
            raise DimensionNameError(f"row {number}: {element.name!r} has no field {name!r}{near(name, known)}")


def _picked(element: Element, column: Column, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    key = element.key
    if key is None or column.name != element.name or key.name == column.name:
        return [row.get(column.name) for row in rows]
    return [row.get(key.name, row.get(column.name)) for row in rows]


def _checked(element: Element, column: Column, values: list[Any]) -> list[Any]:
    coerce = _COERCIONS[column.kind]
    checked: list[Any] = []
    for number, value in enumerate(values):
        if value is None:
            if not column.nullable:
                raise DimensionValueError(f"row {number} of {element.name!r}: {column.name!r} must have a value")
            checked.append(None)
            continue
        try:
            checked.append(coerce(column, value))
        except (ValueError, TypeError) as error:
            raise DimensionValueError(f"row {number} of {element.name!r}: {error}") from None
    return checked


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


def _key(column: Column, value: Any) -> int | str:
    return coerce_key(column.name, column.kind, column.length, value)


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise DimensionValueError(f"{column.name!r} must be text, not {value!r}")
    if column.length is not None and len(value) > column.length:
        raise DimensionValueError(f"{column.name!r} can have {column.length} characters; {value!r} has {len(value)}")
    return _key(column, value) if not column.nullable else str(value)  # type: ignore[return-value]


def _float(column: Column, value: Any) -> float | None:
    if isinstance(value, str | bytes | bool):
        raise DimensionValueError(f"{column.name!r} must be a number, not {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DimensionValueError(f"{column.name!r} must be a number, not {value!r}") from None
    return None if number != number else number  # noqa: PLR0124 - not a number is unknown


def _bool(column: Column, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if type(value).__name__ in {"bool_", "bool"} or (isinstance(value, int) and value in {0, 1}):
        return bool(value)
    raise DimensionValueError(f"{column.name!r} must be true or false, not {value!r}")


def _hash(column: Column, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise DimensionValueError(f"{column.name!r} must be bytes, not {value!r}")
    content = bytes(value)
    if column.length is not None and len(content) > column.length:
        raise DimensionValueError(f"{column.name!r} can have {column.length} bytes, not {len(content)}")
    return content


def _region(column: Column, value: Any) -> bytes:
    from bunter.geometry import Region

    if isinstance(value, Region):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise DimensionValueError(f"{column.name!r} must be a Region, not {value!r}")


_COERCIONS: dict[str, Callable[[Column, Any], Any]] = {
    "int": _key, "str": _text, "float": _float, "bool": _bool, "hash": _hash, "region": _region,
}  # fmt: skip
