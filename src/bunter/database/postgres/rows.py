"""Rows of values as arrays: one parameter per column, encoded in bulk."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.adapt import Dumper
from psycopg.pq import Format

from bunter.database.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ARRAY_DUMPERS", "Array", "Rows", "array", "encoded", "rows_sql"]

# A column has one of these letters; "n" is a column of which every value is null, so that nothing tells its type.
_TYPES = {"i": "BIGINT", "f": "DOUBLE PRECISION", "t": "TEXT", "b": "BYTEA", "o": "BOOLEAN"}
_LETTERS = {"int": "i", "time": "i", "float": "f", "str": "t", "bool": "o"}
_ELEMENT_OIDS = {"i": 20, "f": 701, "t": 25, "b": 17, "o": 16}
_HEAD = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)
_LONG, _DOUBLE = struct.Struct("!iq"), struct.Struct("!id")


@dataclass(frozen=True, slots=True)
class Array:
    """A column in PostgreSQL's binary form."""

    content: bytes


class Longs(Array):
    """BIGINT[]."""


class Doubles(Array):
    """DOUBLE PRECISION[]."""


class Texts(Array):
    """TEXT[]."""


class Blobs(Array):
    """BYTEA[]."""


class Flags(Array):
    """BOOLEAN[]."""


_CLASSES = {"i": Longs, "f": Doubles, "t": Texts, "b": Blobs, "o": Flags}
_ARRAY_OIDS = {"i": 1016, "f": 1022, "t": 1009, "b": 1001, "o": 1000}


def _dumper(array_oid: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        oid = array_oid
        format = Format.BINARY

        def dump(self, obj: Array) -> bytes:
            return obj.content

    return ArrayDumper


ARRAY_DUMPERS = {_CLASSES[letter]: _dumper(oid) for letter, oid in _ARRAY_OIDS.items()}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ready to be sent.

    Parameters
    ----------
    kinds : str
        One letter for each column.
    parameters : tuple
        The arrays of columns that have a type; the number of rows if none has.
    """

    kinds: str
    parameters: tuple[object, ...]


def encoded(width: int, rows: Iterable[Sequence[object]], known: Sequence[str] = ()) -> Rows:
    """Encode rows column by column; types are taken from the values.

    Parameters
    ----------
    width : int
        Number of columns.
    rows : iterable of sequence
        The rows.
    known : sequence of str, optional
        Kinds of the columns, for those without any value.
    """
    columns = rows.columns if isinstance(rows, Columns) else list(zip(*rows, strict=True)) or [()] * width
    letters = [_LETTERS.get(kind, "b") for kind in known] or ["n"] * width
    found = [_encoded_column(column, letter) for column, letter in zip(columns, letters, strict=True)]
    kinds = "".join(letter for letter, _ in found)
    arrays = tuple(array for letter, array in found if letter != "n")
    return Rows(kinds, arrays or (len(columns[0]),))


def array(values: Sequence[object]) -> Array | None:
    """Encode values of one type; None if there is none but null."""
    return _encoded_column(values)[1]


def rows_sql(kinds: str, first: int) -> str:
    """Return a SELECT of uploaded rows, with columns ``c0``, ``c1`` and so on.

    Parameters
    ----------
    kinds : str
        One letter for each column.
    first : int
        Number of the first parameter.
    """
    typed = [place for place, letter in enumerate(kinds) if letter != "n"]
    columns = ", ".join(
        f"CAST(NULL AS nothing) AS c{place}" if letter == "n" else f"c{place}" for place, letter in enumerate(kinds)
    )
    if not typed:
        return f"SELECT {columns} FROM generate_series(1, ${first}) AS u"
    arrays = ", ".join(f"CAST(${first + n} AS {_TYPES[kinds[place]]}[])" for n, place in enumerate(typed))
    names = ", ".join(f"c{place}" for place in typed)
    return f"SELECT {columns} FROM unnest({arrays}) AS u ({names})"


def _encoded_column(values: Sequence[Any], otherwise: str = "n") -> tuple[str, Array | None]:
    kinds = set(map(type, values))
    nulls = type(None) in kinds
    kinds.discard(type(None))
    letter = _letter(kinds) if kinds else otherwise
    if letter == "n":
        return letter, None
    if letter == "f":
        values, nulls = _doubles(values)
    body = _PLAIN[letter](values) if not nulls else _with_nulls(letter, values)
    head = _HEAD.pack(1, int(nulls), _ELEMENT_OIDS[letter], len(values), 1)
    return letter, _CLASSES[letter](head + body)


def _letter(kinds: set[type]) -> str:
    for letter, wanted in (("i", {int}), ("t", {str}), ("b", {bytes}), ("f", {float, int}), ("o", {bool})):
        if kinds <= wanted:
            return letter
    return _letter_of_odd(kinds)


def _letter_of_odd(kinds: set[type]) -> str:
    """Look closer at types that are not Python's own, such as those of NumPy and enumerations."""
    import numbers

    import numpy as np

    for letter, wanted in (
        ("o", (bool, np.bool_)),
        ("i", (int, np.integer, bool, np.bool_)),
        ("f", (numbers.Real, np.bool_)),
        ("t", (str,)),
        ("b", (bytes, bytearray, memoryview)),
    ):
        if all(issubclass(kind, wanted) for kind in kinds):
            return letter
    raise TypeError(f"a column cannot hold {' and '.join(sorted(kind.__name__ for kind in kinds))}")


def _doubles(values: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    """Return floats in which not-a-number is null, as SQLite has it, and whether there are nulls."""
    found = [None if value is None or math.isnan(value) else float(value) for value in values]
    return found, None in found


def _fixed(values: Sequence[Any], kind: str) -> bytes:
    import numpy as np

    cells = np.empty(len(values), [("length", ">i4"), ("value", kind)])
    cells["length"], cells["value"] = 8, np.array(values, kind[1:])
    return cells.tobytes()


def _plain_blobs(values: Sequence[bytes]) -> bytes:
    import numpy as np

    lengths = set(map(len, values))
    if len(lengths) != 1 or (size := lengths.pop()) == 0:
        return _joined(values)
    cells = np.empty((len(values), 4 + size), np.uint8)
    cells[:, :4] = np.frombuffer(_LENGTH.pack(size), np.uint8)
    cells[:, 4:] = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), size)
    return cells.tobytes()


def _plain_texts(values: Sequence[str]) -> bytes:
    """Encode each value once: names of instruments and filters come again and again."""
    cells = {value: _LENGTH.pack(len(text := _text(value))) + text for value in set(values)}
    return b"".join(map(cells.__getitem__, values))


def _joined(values: Iterable[bytes]) -> bytes:
    return b"".join(part for value in values for part in (_LENGTH.pack(len(value)), value))


_PLAIN: dict[str, Any] = {
    "i": lambda values: _fixed(values, ">i8"),
    "f": lambda values: _fixed(values, ">f8"),
    "t": _plain_texts,
    "b": _plain_blobs,
    "o": lambda values: b"".join(map(_flag, values)),
}


def _text(value: str) -> bytes:
    if "\0" in value:
        from psycopg import DataError

        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


def _flag(value: object) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


_CELLS: dict[str, Any] = {
    "i": lambda value: _LONG.pack(8, value),
    "f": lambda value: _DOUBLE.pack(8, value),
    "t": lambda value: _joined([_text(value)]),
    "b": lambda value: _joined([bytes(value)]),
    "o": _flag,
}


def _with_nulls(letter: str, values: Sequence[Any]) -> bytes:
    cell = _CELLS[letter]
    return b"".join(_NULL if value is None else cell(value) for value in values)
