"""Units of columns where a table goes from one library to another: pandas has them in ``attrs["units"]``, Arrow beside the field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from astropy.table import Table

__all__ = ["frame_with_units", "schema_with_units", "table_with_units", "units_of", "units_of_frame", "units_of_table"]

_COLUMN = b"bunter.column"
_UNIT, _UNITS = b"unit", "units"


def units_of(schema: pa.Schema) -> dict[str, str]:
    """Return the units that a schema tells, by column: our own notes, ``unit`` of a field, or ``attrs["units"]`` of pandas."""
    attributes = _object((schema.metadata or {}).get(b"pandas")).get("attributes")
    found = _texts(attributes.get(_UNITS) if isinstance(attributes, dict) else None)
    for field in schema:
        told = field.metadata or {}
        unit = _object(told.get(_COLUMN)).get("unit") or told.get(_UNIT, b"").decode(errors="replace")
        if unit:
            found[field.name] = unit
    return found


def units_of_table(table: Table) -> dict[str, str]:
    """Return the units of an astropy table."""
    return {
        name: table[name].unit.to_string() for name in table.colnames if getattr(table[name], "unit", None) is not None
    }


def units_of_frame(frame: Any) -> dict[str, str]:
    """Return the units of a pandas frame."""
    return _texts(frame.attrs.get(_UNITS))


def _object(text: bytes | None) -> dict[str, Any]:
    """Read a note, which any program may have written."""
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _texts(units: Any) -> dict[str, str]:
    return {str(name): str(unit) for name, unit in units.items()} if isinstance(units, dict) else {}


def frame_with_units(frame: Any, units: Mapping[str, str]) -> Any:
    """Note units in a pandas frame that has none; returns it."""
    if units and _UNITS not in frame.attrs:
        frame.attrs[_UNITS] = dict(units)
    return frame


def schema_with_units(schema: pa.Schema) -> pa.Schema:
    """Say units beside the fields, where other programs look for them."""
    units = units_of(schema)
    fields = [
        field.with_metadata({**(field.metadata or {}), _UNIT: units[field.name].encode()})
        if field.name in units
        else field
        for field in schema
    ]
    return schema if not units else _schema(fields, schema.metadata)


def _schema(fields: list[pa.Field], metadata: Any) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(fields, metadata=metadata)


def table_with_units(table: Table, units: Mapping[str, str]) -> Table:
    """Give units to columns of an astropy table that have none; one that astropy does not know stays a text. Returns it."""
    from astropy.units import Unit

    for name, unit in units.items():
        if name in table.colnames and getattr(table[name], "unit", None) is None:
            table[name].unit = Unit(unit, parse_strict="silent")
    return table
