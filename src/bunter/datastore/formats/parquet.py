"""Tables as Parquet files that any tool reads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.arrow import from_arrow, to_arrow
from bunter.datastore.formats.tables import same_tables, wanted_kind
from bunter.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from bunter.datastore.format import ReadRequest

__all__ = ["ParquetFormat"]

_MANY_ROWS = 50_000  # below this, threads cost more than they give
_PARAMETERS = {"columns", "filters", "rows"}


class ParquetFormat:
    """Tables of astropy, pandas, polars and Arrow as Parquet; ``columns``, ``rows`` and ``filters`` read a part.

    ``columns`` are names, ``rows`` is ``(begin, end)``, ``filters`` are those of `pyarrow.parquet.read_table`.
    """

    name = "parquet"
    version = 1
    extension = ".parquet"
    python_types = (
        "astropy.table:Table",
        "astropy.table:QTable",
        "pandas:DataFrame",
        "pyarrow:Table",
        "polars:DataFrame",
    )

    def to_bytes(self, obj: object) -> bytes:
        """Write a table, compressed by zstd."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = io.BytesIO()
        try:
            table = to_arrow(obj)
            texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
            pq.write_table(table, out, compression="zstd", use_dictionary=texts, use_compliant_nested_type=False)
        except pa.ArrowException as exc:
            raise FormatError(f"the table cannot be written as Parquet: {exc}") from exc
        return out.getvalue()

    def from_bytes(self, data: bytes, request: ReadRequest) -> object:
        """Read the table, some columns or rows of it, or a component."""
        import pyarrow as pa

        return _read(pa.BufferReader(data), request)

    def read_path(self, path: Path, request: ReadRequest) -> object:
        """Read only the columns asked for from a file."""
        return _read(str(path), request)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether schema, meta and values are equal, NaN with NaN."""
        if old == new:
            return True
        one, two = (_table(io.BytesIO(data), {}) for data in (old, new))
        if not one.schema.equals(two.schema, check_metadata=True):
            return False
        return one.equals(two) or same_tables(from_arrow(one, "astropy"), from_arrow(two, "astropy"))


def _read(source: Any, request: ReadRequest) -> object:
    import pyarrow as pa

    if unknown := set(request.parameters) - _PARAMETERS:
        raise FormatError(
            f"a table is read with the parameters columns, rows and filters, not {', '.join(sorted(unknown))}"
        )
    try:
        if request.component:
            return _component(source, request.component)
        table = _table(source, request.parameters)
        if (rows := request.parameters.get("rows")) is not None:
            table = table.slice(rows[0], rows[1] - rows[0])
        return from_arrow(table, wanted_kind(request.python_type))
    except (pa.ArrowException, OSError) as exc:
        if isinstance(exc, FileNotFoundError):
            raise
        raise FormatError(f"not a Parquet table: {exc}") from exc


def _table(source: Any, parameters: Any) -> pa.Table:
    import pyarrow.parquet as pq

    columns, filters = parameters.get("columns"), parameters.get("filters")
    if columns is None and filters is None:
        file = pq.ParquetFile(source)
        return file.read(use_threads=file.metadata.num_rows > _MANY_ROWS)
    names = [columns] if isinstance(columns, str) else None if columns is None else list(columns)
    if names is not None:
        _check_columns(names, pq.ParquetFile(source).schema_arrow.names)
    if hasattr(source, "seek"):
        source.seek(0)
    return pq.read_table(source, columns=names, filters=filters)


def _check_columns(names: list[str], present: list[str]) -> None:
    if missing := [name for name in names if name not in present]:
        raise FormatError(f"the table has no column {', '.join(missing)}; it has {', '.join(present)}")


def _component(source: Any, component: str) -> object:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source)
    if component == "columns":
        return list(file.schema_arrow.names)
    if component == "rowcount":
        return int(file.metadata.num_rows)
    if component == "schema":
        return {field.name: str(field.type) for field in file.schema_arrow}
    if component == "meta":
        return dict(from_arrow(file.schema_arrow.empty_table(), "astropy").meta)
    raise FormatError(f"a table has no component {component!r}; there are columns, rowcount, schema and meta")
