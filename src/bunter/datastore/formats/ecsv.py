"""Tables as text that people read: ECSV."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bunter.datastore.formats.differences import table_difference
from bunter.datastore.formats.tables import same_tables, selected, table_component, to_wanted
from bunter.datastore.formats.wording import in_short
from bunter.errors import FormatError

if TYPE_CHECKING:
    from typing import Any

    from bunter.datastore.format import ReadRequest

__all__ = ["EcsvFormat"]


class EcsvFormat:
    """Astropy tables as ECSV, with units, descriptions and meta."""

    name = "ecsv"
    version = 1
    extension = ".ecsv"
    python_types = ("astropy.table:Table", "astropy.table:QTable", "pandas:DataFrame", "pyarrow:Table")

    def to_bytes(self, obj: object) -> bytes:
        """Write the table as UTF-8 text."""
        from astropy.table import Table

        table = to_wanted(obj, "astropy.table:Table")
        if not isinstance(table, Table):
            raise FormatError(f"the format ecsv writes tables, not {type(obj).__name__}")
        table = table.copy(copy_data=False)
        for column in table.itercols():
            if hasattr(column, "mask") and "ecsv" in getattr(column.info, "serialize_method", {}):
                column.info.serialize_method["ecsv"] = "data_mask"  # else masked text and empty text would be one
        out = io.StringIO()
        table.write(out, format="ascii.ecsv")
        return out.getvalue().encode()

    def _read(self, data: bytes) -> Any:
        from astropy.table import QTable, Table

        text = data.decode("utf-8", "replace")
        if not text.startswith("# %ECSV") or "\n" not in text:
            raise FormatError("not an ECSV table: it does not begin with '# %ECSV'")
        kind = QTable if "astropy.table.QTable" in text[:200] else Table
        try:
            return kind.read(text, format="ascii.ecsv", fill_values=None)
        except (ValueError, KeyError, TypeError):
            pass
        try:
            return kind.read(text, format="ascii.ecsv")  # written elsewhere: empty fields are masked values
        except (ValueError, KeyError, TypeError) as exc:
            raise FormatError(f"not an ECSV table: {in_short(exc)}") from exc

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the table, some columns of it, or a component."""
        table = selected(self._read(data), request.parameters)
        if request.component:
            return table_component(table, request.component)
        return to_wanted(table, request.python_type)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether columns, units and values are equal."""
        return old == new or same_tables(self._read(old), self._read(new))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which columns and rows differ."""
        return table_difference(self._read(old), self._read(new))
