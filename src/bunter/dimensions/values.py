"""Single values of records, checked against their column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions.coordinate import coerce_key
from bunter.errors import DimensionValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bunter.dimensions.column import Column

__all__ = ["coerced"]


def coerced(element: str, column: Column, values: Iterable[Any]) -> list[Any]:
    """Return the values of a column as they are stored, each one checked.

    Raises
    ------
    DimensionValueError
        If a value is of the wrong type, too long, or missing where there must be one; names the row.
    """
    coerce = _COERCIONS[column.kind]
    checked: list[Any] = []
    for number, value in enumerate(values):
        if value is None:
            if not column.nullable:
                raise DimensionValueError(f"row {number} of {element!r}: {column.name!r} must have a value")
            checked.append(None)
            continue
        try:
            checked.append(coerce(column, value))
        except (ValueError, TypeError) as error:
            raise DimensionValueError(f"row {number} of {element!r}: {error}") from None
    return checked


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
    if isinstance(value, str):  # files of text have digits
        try:
            value = bytes.fromhex(value)
        except ValueError:
            raise DimensionValueError(f"{column.name!r} must be bytes, or hexadecimal digits, not {value!r}") from None
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
    if isinstance(value, str):
        try:
            return Region.from_pos(value).encode()
        except ValueError:
            pass
    raise DimensionValueError(f"{column.name!r} must be a Region, or text like 'CIRCLE 150.1 2.2 0.9', not {value!r}")


_COERCIONS: dict[str, Callable[[Column, Any], Any]] = {
    "int": _key, "str": _text, "float": _float, "bool": _bool, "hash": _hash, "region": _region,
}  # fmt: skip
