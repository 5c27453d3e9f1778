"""Values on their way to PostgreSQL and back, as SQLite treats them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from psycopg.types.numeric import FloatBinaryDumper, Int8BinaryDumper, NumericBinaryLoader, NumericLoader
from psycopg.types.string import BytesBinaryDumper, StrBinaryDumper

from bunter.database.postgres.rows import ARRAY_DUMPERS

if TYPE_CHECKING:
    from decimal import Decimal

    from psycopg.adapt import AdaptersMap, Buffer

__all__ = ["adapt"]


class _Double(FloatBinaryDumper):
    """Not-a-number is null, as in SQLite: PostgreSQL would call it equal to itself and greater than all."""

    def dump(self, obj: Any) -> Buffer | None:
        return None if math.isnan(obj) else super().dump(obj)


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


class _NumericBinary(NumericBinaryLoader):
    """Sums of whole numbers are whole numbers."""

    def load(self, data: Buffer) -> Any:
        return _plain(super().load(data))


class _Numeric(NumericLoader):
    """As `_NumericBinary`, from text."""

    def load(self, data: Buffer) -> Any:
        return _plain(super().load(data))


def adapt(adapters: AdaptersMap) -> None:
    """Make a connection convert values as SQLite does."""
    adapters.register_dumper(float, _Double)
    adapters.register_dumper(
        int, Int8BinaryDumper
    )  # of 64 bits whatever the value, so that a statement is prepared once
    adapters.register_dumper(str, StrBinaryDumper)  # text, not something whose type is to be guessed
    adapters.register_dumper(bytes, BytesBinaryDumper)
    adapters.register_loader("numeric", _NumericBinary)
    adapters.register_loader("numeric", _Numeric)
    for kind, dumper in ARRAY_DUMPERS.items():
        adapters.register_dumper(kind, dumper)
