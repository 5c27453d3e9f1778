"""Tables as Parquet files that any tool reads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.arrow import astropy_from_groups, from_arrow, is_astropy, to_arrow
from bunter.datastore.formats.differences import mapping_difference, table_difference
from bunter.datastore.formats.scratch import written_aside
from bunter.datastore.formats.table_library import wanted_kind
from bunter.datastore.formats.tables import rows_of, same_tables
from bunter.datastore.formats.wording import in_short
from bunter.errors import FileIntegrityError, FormatError

if TYPE_CHECKING:
    from typing import BinaryIO

    import pyarrow as pa

    from bunter.datastore.format import ReadRequest
    from bunter.values import Pieces

__all__ = ["ParquetFormat"]

_MANY_ROWS = 50_000  # below this, threads cost more than they give
_SMALL = 256 << 10  # bytes: below this, zstd takes longer to begin with each column than to compress it
_GROUP = 128 << 10  # rows: small enough to read some rows of a large table, large enough to compress well
_PARAMETERS = {"columns", "filters", "rows"}


class ParquetFormat:
    """Tables of astropy, pandas, polars and Arrow as Parquet; ``columns``, ``rows`` and ``filters`` read a part.

    ``columns`` are names, ``rows`` is ``(begin, end)``, ``filters`` are those of `pyarrow.parquet.read_table`.
    """

    name = "parquet"
    version = 1
    extension = ".parquet"
    takes_buffers = True
    python_types = (
        "astropy.table:Table",
        "astropy.table:QTable",
        "pandas:DataFrame",
        "pyarrow:Table",
        "polars:DataFrame",
    )

    def to_bytes(self, obj: object) -> bytes:
        """Write a table, compressed by zstd, or by snappy if it is small."""
        import pyarrow as pa

        out = pa.BufferOutputStream()
        self._write(obj, out)
        return out.getvalue().to_pybytes()  # type: ignore[no-any-return]

    def to_pieces(self, obj: object) -> Pieces:
        """Write a large table by way of a file, so that its bytes are not in memory as well."""
        return written_aside(lambda file: self._write(obj, file))

    @staticmethod
    def _write(obj: object, out: Any) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = to_arrow(obj)
            texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
            is_small = table.nbytes < _SMALL
            pq.write_table(
                table,
                out,
                compression="snappy" if is_small else "zstd",
                use_dictionary=texts,
                use_compliant_nested_type=False,
                row_group_size=_GROUP,
                write_page_checksum=True,
                write_statistics=not is_small,  # which tell what groups of rows to pass over
            )
        except pa.ArrowException as exc:
            raise FormatError(f"the table cannot be written as Parquet: {in_short(exc)}") from exc

    def from_bytes(self, data: bytes | memoryview, request: ReadRequest) -> object:
        """Read the table, some columns or rows of it, or a component."""
        import pyarrow as pa

        return _read(pa.BufferReader(data), request)

    def read_file(self, file: BinaryIO, request: ReadRequest) -> object:
        """Read only the columns and the row groups asked for."""
        import pyarrow as pa

        return _read(pa.PythonFile(file, "r"), request)

    def same(self, old: bytes, new: bytes) -> bool:
        """Whether schema, meta and values are equal, NaN with NaN."""
        if old == new:
            return True
        one, two = (_table(io.BytesIO(data), {}) for data in (old, new))
        if not one.schema.equals(two.schema, check_metadata=True):
            return False
        return one.equals(two) or same_tables(from_arrow(one, "astropy"), from_arrow(two, "astropy"))

    def difference(self, old: bytes, new: bytes) -> str:
        """Say which columns and rows differ."""
        one, two = (_table(io.BytesIO(data), {}) for data in (old, new))
        if not one.schema.equals(two.schema) and one.schema.names == two.schema.names:
            kinds = [{field.name: str(field.type) for field in each.schema} for each in (one, two)]
            return mapping_difference(kinds[0], kinds[1], "column type")
        told = table_difference(from_arrow(one, "astropy"), from_arrow(two, "astropy"))
        return told or "notes in the schema, such as descriptions or the index, differ"


def _read(source: Any, request: ReadRequest) -> object:
    import pyarrow as pa

    if unknown := set(request.parameters) - _PARAMETERS:
        raise FormatError(
            f"a table is read with the parameters columns, rows and filters, not {', '.join(sorted(unknown))}"
        )
    try:
        if request.component:
            return _component(source, request.component)
        if request.parameters:
            return from_arrow(_table(source, request.parameters), wanted_kind(request.python_type))
        return _whole(source, wanted_kind(request.python_type))
    except (pa.ArrowException, OSError, MemoryError) as exc:
        if isinstance(exc, FileNotFoundError | FileIntegrityError):
            raise
        raise FormatError(f"not a Parquet table: {in_short(exc)}") from exc


def _whole(source: Any, want: str) -> object:
    """Read a whole table; one of many rows group by group, so that little of the file is in memory beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source, page_checksum_verification=True)
    threads = file.metadata.num_rows > _MANY_ROWS
    if file.metadata.num_row_groups < 2:
        return from_arrow(file.read(use_threads=threads), want)
    groups = (file.read_row_group(number, use_threads=threads) for number in range(file.metadata.num_row_groups))
    if is_astropy(file.schema_arrow, want):
        return astropy_from_groups(file.schema_arrow, file.metadata.num_rows, groups)
    return from_arrow(pa.concat_tables(groups), want)


def _table(source: Any, parameters: Any) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, filters, rows = (parameters.get(name) for name in ("columns", "filters", "rows"))
    file = pq.ParquetFile(source, pre_buffer=True, page_checksum_verification=True)
    threads = file.metadata.num_rows > _MANY_ROWS
    if columns is None and filters is None and rows is None:
        return file.read(use_threads=threads)
    names = [columns] if isinstance(columns, str) else None if columns is None else list(columns)
    if names is not None:
        _check_columns(names, file.schema_arrow.names)
    if rows is not None:
        return _rows(file, names, rows, filters)
    source.seek(0)
    _check_filters(filters, file.schema_arrow.names)
    try:
        return pq.read_table(source, columns=names, filters=filters, use_threads=threads)
    except (TypeError, ValueError, KeyError, pa.ArrowNotImplementedError) as exc:
        raise FormatError(
            f"the filters {filters!r} cannot be used: {in_short(exc)}; see pyarrow.parquet.read_table"
        ) from exc


def _rows(file: Any, names: list[str] | None, rows: Any, filters: Any) -> pa.Table:
    """Rows of some row groups."""
    if filters is not None:
        raise FormatError("a table is read with one of rows and filters, not with both")
    begin, end = rows_of(rows)
    groups, first, start = [], 0, None
    for group in range(file.metadata.num_row_groups):
        behind = first + file.metadata.row_group(group).num_rows
        if first < end and behind > begin:
            groups.append(group)
            start = first if start is None else start
        first = behind
    return file.read_row_groups(groups, columns=names).slice(begin - (start or 0), end - begin)


def _check_columns(names: list[str], present: list[str]) -> None:
    if missing := [name for name in names if name not in present]:
        raise FormatError(f"the table has no column {', '.join(missing)}; it has {', '.join(present)}")


def _check_filters(filters: Any, present: list[str]) -> None:
    """Refuse what is no list of conditions, or no list of such lists; an expression of pyarrow is its own matter."""
    if isinstance(filters, str | dict):
        raise FormatError(f"filters are a list of conditions such as [('flux', '>', 99)], not {filters!r}")
    if isinstance(filters, list | tuple):
        groups = [group if isinstance(group, list) else [group] for group in filters]
        terms = [term for group in groups for term in group]
        _check_columns([term[0] for term in terms if isinstance(term, tuple) and len(term) == 3], present)


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
