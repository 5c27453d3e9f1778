"""Tables of an export as Parquet files, written and read in batches, with digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter import effects
from bunter.errors import ExportFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

__all__ = ["TableFile", "TableWriter", "batches_of", "check_table"]

_TOGETHER = 100_000
_BYTES = 64 << 20
_ROWS = 20_000
_MANY = 100_000


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table of an export: its file below the export's folder, how many rows it has, and the digest of the file."""

    file: str
    rows: int
    sha256: str

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"file": self.file, "rows": self.rows, "sha256": self.sha256}


class TableWriter:
    """Writes one table; rows are gathered, so that the file has groups worth reading.

    Parameters
    ----------
    folder : Path
        The export's folder.
    name : str
        Path of the file below it.
    schema : pyarrow.Schema
        Its columns.

    Attributes
    ----------
    rows : int
        How many it was given.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._path = folder / name
        self._name = name
        self._schema = schema
        self._writer: Any = None
        self._held: list[pa.Table] = []
        self.rows = self._waiting = self._bytes = 0

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write rows given as columns."""
        import pyarrow as pa

        arrays = [pa.array(columns[field.name], field.type) for field in self._schema]
        self.add_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def add_table(self, table: pa.Table) -> None:
        """Write rows."""
        self._held.append(table)
        self.rows += table.num_rows
        self._waiting += table.num_rows
        self._bytes += table.nbytes
        if self._waiting >= _TOGETHER or self._bytes >= _BYTES:
            self._flush()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        import pyarrow as pa

        self.add_table(pa.Table.from_batches([batch]))

    def _open(self) -> Any:
        if self._writer is None:
            import pyarrow.parquet as pq

            effects.mkdirs(self._path.parent)
            effects.checkpoint(f"write {self._name}")
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        return self._writer

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            self._open().write_table(pa.concat_tables(self._held))
            self._held, self._waiting, self._bytes = [], 0, 0

    def close(self) -> TableFile:
        """Finish the file, on stable storage."""
        self._flush()
        self._open().close()
        effects.sync_file(self._path)
        digest = hashlib.sha256()
        for chunk in effects.read_chunks(self._path):
            digest.update(chunk)
        return TableFile(self._name, self.rows, digest.hexdigest())


def check_table(table: TableFile, chunks: Iterator[bytes], where: str) -> None:
    """Compare a table's file with its digest.

    Raises
    ------
    ExportFileError
        If it differs.
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    if digest.hexdigest() != table.sha256:
        raise ExportFileError(f"{where}: {table.file} is not as it was written; fetch the export again")


def batches_of(open_file: Callable[[], BinaryIO], rows: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in batches, of some thousand if nothing else is said.

    Raises
    ------
    ExportFileError
        If it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file() as source:
        try:
            with pq.ParquetFile(source) as file:
                # Threads cost more than they give where a table is small.
                yield from file.iter_batches(batch_size=rows or _ROWS, use_threads=file.metadata.num_rows > _MANY)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as exc:
            raise ExportFileError(f"a table of the export cannot be read: {' '.join(str(exc).split())[:200]}") from exc
